/*
 * json: RFC 8259 and nothing else; every refusal has its place; what was written reads back; memory
 * may run out at any point. The same readers are fuzzed by tests/fuzz/json_fuzz.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

struct page {
    struct arena *arena;
    struct error err;
};

static int setup(void **state)
{
    static struct page p;

    p = (struct page){.arena = arena_open()};
    *state = &p;
    return p.arena ? 0 : -1;
}

static int teardown(void **state)
{
    arena_close(((struct page *)*state)->arena);
    return 0;
}

static const struct json *parsed(struct page *p, const char *string, unsigned flags)
{
    struct json *tree;

    if (json_parse(string, strlen(string), "f", flags, p->arena, &tree, &p->err) != OK)
        fail_msg("%s: %s: %s", string, p->err.where, p->err.text);
    return tree;
}

static const char *written(struct page *p, const struct json *tree)
{
    struct text t = text_in(p->arena);
    char *string;

    json_write(&t, tree);
    assert_int_equal(text_finish(&t, &string, NULL, &p->err), OK);
    return string;
}

/* What is read, and how it is written again. */
static const struct {
    const char *read, *write;
} documents[] = {
    {"null", "null"},
    {" true ", "true"},
    {"\t\r\nfalse", "false"},
    {"0", "0"},
    {"-0", "0"},
    {"-0.0", "0"},
    {"1.0", "1"},
    {"1e2", "100"},
    {"1E+2", "100"},
    {"1.5e-7", "1.5e-07"},
    {"9223372036854775807", "9223372036854775807"},
    {"-9223372036854775808", "-9223372036854775808"},
    {"9223372036854775808", "9.223372036854776e+18"},
    {"9007199254740993", "9007199254740993"},
    {"1e-400", "0"},
    {"\"\"", "\"\""},
    {"\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\""},
    {"\"a\\u0000b\"", "\"a\\u0000b\""},
    {"\"\x7f\"", "\"\\u007f\""},
    {"[]", "[]"},
    {"{}", "{}"},
    {"[ 1 ,2, [ ] ]", "[1, 2, []]"},
    {"{\"b\":1,\"a\" : {\"\":null}}", "{\"b\": 1, \"a\": {\"\": null}}"},
};

static void documents_are_read_and_written(void **state)
{
    struct page *p = *state;

    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        const char *once = written(p, parsed(p, documents[i].read, JSON_STRICT));
        assert_string_equal(once, documents[i].write);
        assert_string_equal(written(p, parsed(p, once, JSON_STRICT)), documents[i].write);
    }
}

/* What is refused, where and with which words. */
static const struct {
    const char *read, *where, *text;
} refused[] = {
    {"", "f:1:1", "expected a value, found the end"},
    {" \n ", "f:2:2", "expected a value, found the end"},
    {"nul", "f:1:1", "expected a value, found 'n'"},
    {"nullx", "f:1:5", "expected the end, found 'x'"},
    {"1 2", "f:1:3", "expected the end, found '2'"},
    {"01", "f:1:2", "expected the end, found '1'"},
    {"-", "f:1:2", "expected a value, found the end"},
    {"-a", "f:1:2", "expected a value, found 'a'"},
    {"+1", "f:1:1", "expected a value, found '+'"},
    {".5", "f:1:1", "expected a value, found '.'"},
    {"1.", "f:1:3", "expected a digit, found the end"},
    {"1.e5", "f:1:3", "expected a digit, found 'e'"},
    {"1e", "f:1:3", "expected a digit, found the end"},
    {"1e+-5", "f:1:4", "expected a digit, found '-'"},
    {"1e400", "f:1:1", "expected a number that a double can hold, found '1'"},
    {"0x10", "f:1:2", "expected the end, found 'x'"},
    {"NaN", "f:1:1", "expected a value, found 'N'"},
    {"[Infinity]", "f:1:2", "expected a value, found 'I'"},
    {"-Infinity", "f:1:2", "expected a value, found 'I'"},
    {"[1,]", "f:1:4", "expected a value, found ']'"},
    {"[1 2]", "f:1:4", "expected ',' or ']', found '2'"},
    {"[1", "f:1:3", "expected ',' or ']', found the end"},
    {"[1}", "f:1:3", "expected ',' or ']', found '}'"},
    {"[", "f:1:2", "expected a value, found the end"},
    {"{", "f:1:2", "expected a name in quotes, found the end"},
    {"{a: 1}", "f:1:2", "expected a name in quotes, found 'a'"},
    {"{\"a\" 1}", "f:1:6", "expected ':', found '1'"},
    {"{\"a\":}", "f:1:6", "expected a value, found '}'"},
    {"{\"a\":1,}", "f:1:8", "expected a name in quotes, found '}'"},
    {"{\"a\":1", "f:1:7", "expected ',' or '}', found the end"},
    {"{\n\"a\": 1\n\"b\": 2}", "f:3:1", "expected ',' or '}', found '\"'"},
    {"{\"a\\u0000\": 1}", "f:1:11", "expected no NUL in the name before this, found ':'"},
    {"{\"a\":1,\"a\":2}", "f", "the name \"a\" stands twice in one object"},
    {"\"", "f:1:2", "expected the end of a string, found the end"},
    {"\"a", "f:1:3", "expected the end of a string, found the end"},
    {"\"\\", "f:1:3", "expected an escape, found the end"},
    {"\"\\\"", "f:1:4", "expected the end of a string, found the end"},
    {"\"\\x\"", "f:1:3", "expected an escape, found 'x'"},
    {"\"\\u12g4\"", "f:1:6", "expected four hexadecimal digits, found 'g'"},
    {"\"\\u12\"", "f:1:6", "expected four hexadecimal digits, found '\"'"},
    {"\"\\ud800\"", "f:1:8", "expected the second half of a surrogate pair, found '\"'"},
    {"\"\\ud800\\u0041\"", "f:1:14", "expected a low surrogate before this, found '\"'"},
    {"\"\\udc00\"", "f:1:8", "expected no lone surrogate before this, found '\"'"},
    {"\"\n\"", "f:1:2", "expected the end of a string, found byte 0x0a"},
    {"\"\x1f\"", "f:1:2", "expected the end of a string, found byte 0x1f"},
    {"\"\xff\"", "f:1:2", "expected well-formed UTF-8 in a string, found byte 0xff"},
    {"\"a\xc3\"", "f:1:2", "expected well-formed UTF-8 in a string, found 'a'"},
    {"\"\xed\xa0\x80\"", "f:1:2", "expected well-formed UTF-8 in a string, found byte 0xed"},
    {"\xef\xbb\xbf{}", "f:1:1", "expected a value, found byte 0xef"},
    {"/**/1", "f:1:1", "expected a value, found '/'"},
    {"'a'", "f:1:1", "expected a value, found '''"},
};

static void everything_else_is_refused(void **state)
{
    struct page *p = *state;
    struct json *tree;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *read = refused[i].read;
        assert_int_equal(json_parse(read, strlen(read), "f", JSON_STRICT, p->arena, &tree, &p->err),
                         ERR_INPUT);
        assert_string_equal(p->err.where, refused[i].where);
        assert_string_equal(p->err.text, refused[i].text);
    }
}

/* Every beginning of a document is refused, or is a document: no byte behind it is read. */
static void beginnings_of_documents(void **state)
{
    static const char whole[] = "{\"a\": [1, -2.5e3, \"\\u00e9\\ud83d\\ude00\", true], \"b\": {}}";
    struct page *p = *state;
    struct json *tree;

    for (size_t n = 0; n < sizeof whole - 1; n++) {
        const char *part = arena_copy(p->arena, whole, n);
        assert_int_equal(json_parse(part, n, "f", JSON_STRICT, p->arena, &tree, &p->err),
                         ERR_INPUT);
    }
    (void)parsed(p, whole, JSON_STRICT);
    assert_int_equal(json_parse("1\0", 2, "f", JSON_STRICT, p->arena, &tree, &p->err), ERR_INPUT);
    assert_int_equal(json_parse("nulls", 4, "f", JSON_STRICT, p->arena, &tree, &p->err), OK);
}

static void depth_and_length_are_bounded(void **state)
{
    struct page *p = *state;
    struct json *tree;
    char deep[2 * JSON_DEPTH + 3];
    static char digits[2000], nested[1000000];

    for (int levels = JSON_DEPTH; levels <= JSON_DEPTH + 1; levels++) {
        memset(deep, '[', (size_t)levels);
        memset(deep + levels, ']', (size_t)levels);
        assert_int_equal(
            json_parse(deep, 2 * (size_t)levels, "f", JSON_STRICT, p->arena, &tree, &p->err),
            levels > JSON_DEPTH ? ERR_INPUT : OK);
    }
    assert_string_equal(p->err.text, "expected at most 64 nested levels");
    memset(nested, '[', sizeof nested);
    assert_int_equal(json_parse(nested, sizeof nested, "f", JSON_STRICT, p->arena, &tree, &p->err),
                     ERR_INPUT);
    memset(digits, '1', sizeof digits);
    assert_int_equal(json_parse(digits, sizeof digits, "f", JSON_STRICT, p->arena, &tree, &p->err),
                     ERR_INPUT);
    assert_string_equal(p->err.text, "expected a shorter number, found '1'");
    assert_int_equal(json_parse(digits, 300, "f", JSON_STRICT, p->arena, &tree, &p->err), OK);
}

static void numbers_know_whether_they_are_whole(void **state)
{
    struct page *p = *state;
    const struct json *list = parsed(p, "[3, 3.0, 3e0, 9223372036854775808, -7]", JSON_STRICT);

    assert_int_equal(list->n, 5);
    assert_true(list->items[0].whole && list->items[0].integer == 3);
    assert_false(list->items[1].whole);
    assert_true(list->items[1].number == 3);
    assert_false(list->items[2].whole);
    assert_false(list->items[3].whole);
    assert_true(list->items[3].number == 9223372036854775808.0);
    assert_true(list->items[4].whole && list->items[4].integer == -7 &&
                list->items[4].number == -7);
}

static void pythons_tokens_where_they_are_asked_for(void **state)
{
    struct page *p = *state;
    const struct json *list = parsed(p, "[NaN, Infinity, -Infinity, -1]", JSON_NONFINITE);

    assert_true(isnan(list->items[0].number));
    assert_true(list->items[1].number == INFINITY && list->items[2].number == -INFINITY);
    assert_true(list->items[3].number == -1);
    assert_string_equal(written(p, list), "[null, null, null, -1]");
    struct json *tree;
    assert_int_equal(json_parse("-NaN", 4, "f", JSON_NONFINITE, p->arena, &tree, &p->err),
                     ERR_INPUT);
    assert_int_equal(json_parse("nan", 3, "f", JSON_NONFINITE, p->arena, &tree, &p->err),
                     ERR_INPUT);
}

/* Few names are searched, many indexed: the same answers on both sides of the border. */
static void members_are_found(void **state)
{
    struct page *p = *state;

    for (int n = 0; n < 300; n += n < 40 ? 1 : 50) {
        struct text t = text_in(p->arena);
        char *string, name[16];
        size_t length;
        struct json *object;

        for (int i = 0; i < n; i++)
            text_printf(&t, "%s\"k%d\": %d", i ? "," : "{", i, i);
        text_add(&t, n ? "}" : "{}");
        assert_int_equal(text_finish(&t, &string, &length, &p->err), OK);
        assert_int_equal(json_parse(string, length, "f", JSON_STRICT, p->arena, &object, &p->err),
                         OK);
        assert_int_equal(object->n, n);
        for (int i = 0; i < n; i++) {
            (void)snprintf(name, sizeof name, "k%d", i);
            assert_int_equal(json_get(object, name)->integer, i);
            assert_string_equal(object->members[i].name, name); /* in the order of the text */
        }
        assert_null(json_get(object, "k"));
        assert_null(json_get(object, "k300"));
        if (n == 0)
            continue;
        text_add(&t, "\"k0\": 0}"); /* the first name once more at the end */
        assert_int_equal(text_finish(&t, &string, &length, &p->err), OK);
        string[length - sizeof "\"k0\": 0}"] = ',';
        assert_int_equal(json_parse(string, length, "f", JSON_STRICT, p->arena, &object, &p->err),
                         ERR_INPUT);
        assert_string_equal(p->err.text, "the name \"k0\" stands twice in one object");
    }
    assert_null(json_get(NULL, "a"));
    assert_null(json_get(parsed(p, "[1]", JSON_STRICT), "a"));
}

static void wanted_members(void **state)
{
    struct page *p = *state;
    const struct json *o =
        parsed(p, "{\"s\": \"x\", \"n\": 1.5, \"i\": 3, \"a\": [], \"o\": {}, \"z\": \"a\\u0000\"}",
               JSON_STRICT);
    const struct json *inner;
    const char *string;
    double number;
    int64_t integer;

    assert_int_equal(json_want_string(o, "f", "s", &string, &p->err), OK);
    assert_string_equal(string, "x");
    assert_int_equal(json_want_number(o, "f", "n", &number, &p->err), OK);
    assert_true(number == 1.5);
    assert_int_equal(json_want_integer(o, "f", "i", 3, 3, &integer, &p->err), OK);
    assert_int_equal(integer, 3);
    assert_int_equal(json_want_array(o, "f", "a", &inner, &p->err), OK);
    assert_int_equal(json_want_object(o, "f", "o", &inner, &p->err), OK);

    assert_int_equal(json_want_string(o, "f", "n", &string, &p->err), ERR_INPUT);
    assert_string_equal(p->err.where, "f");
    assert_string_equal(p->err.text, "n: expected a string, found a number");
    assert_int_equal(json_want_number(o, "f", "none", &number, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "none: expected a number, found nothing");
    assert_int_equal(json_want_string(o, "f", "z", &string, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "z: expected a string without NUL");
    assert_int_equal(json_want_integer(o, "f", "i", 4, 9, &integer, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "i: expected a whole number from 4 to 9, found 3");
    assert_int_equal(json_want_integer(o, "f", "n", 0, 9, &integer, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "n: expected a whole number from 0 to 9, found 1.5");
    assert_int_equal(json_want_array(o, "f", "o", &inner, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "o: expected a list, found an object");
    assert_int_equal(json_want_object(inner, "f", "o", &inner, &p->err), ERR_INPUT);
    assert_string_equal(json_kind_name(NULL), "nothing");
}

static void numbers_in_messages_are_exact(void **state)
{
    struct page *p = *state;
    const struct json *o = parsed(p, "{\"i\": 123456789, \"n\": 0.1234567891}", JSON_STRICT);
    int64_t integer;

    assert_int_equal(json_want_integer(o, "f", "i", 0, 9, &integer, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "i: expected a whole number from 0 to 9, found 123456789");
    assert_int_equal(json_want_integer(o, "f", "n", 0, 9, &integer, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "n: expected a whole number from 0 to 9, found 0.1234567891");
}

#ifdef HPO_FAULTS
static void memory_runs_out_anywhere(void **state)
{
    static const char whole[] =
        "{\"a\": [1, 2, 3, 4, 5, 6, 7, 8, 9], \"b\": {\"c\": \"\\u00e9\"}, \"d\": null}";
    struct page *p = *state;
    enum status s = ERR_MEMORY;
    long k = 1;

    for (; s != OK; k++) {
        struct json *tree;
        arena_fail_at(k, 0);
        s = json_parse(whole, sizeof whole - 1, "f", JSON_STRICT, p->arena, &tree, &p->err);
        arena_fail_at(0, 0);
        if (s != OK) {
            assert_int_equal(s, ERR_MEMORY);
            assert_string_equal(p->err.text, "out of memory");
        }
    }
    assert_true(k > 10);
}
#endif

#define ON_A_PAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_PAGE(documents_are_read_and_written),
        ON_A_PAGE(everything_else_is_refused),
        ON_A_PAGE(beginnings_of_documents),
        ON_A_PAGE(depth_and_length_are_bounded),
        ON_A_PAGE(numbers_know_whether_they_are_whole),
        ON_A_PAGE(pythons_tokens_where_they_are_asked_for),
        ON_A_PAGE(members_are_found),
        ON_A_PAGE(wanted_members),
        ON_A_PAGE(numbers_in_messages_are_exact),
#ifdef HPO_FAULTS
        ON_A_PAGE(memory_runs_out_anywhere),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
