/* flags: each kind, both spellings, every refusal with the flag's name as its place. */
#include "trainer/flags.h"

#include "fixture.h"

struct values {
    const char *name;
    struct flag_list list;
    int64_t count;
    double rate, decay;
    bool loud;
    enum { RED, GREEN, BLUE } colour;
};

static enum status parse(struct values *v, struct error *err, int argc, const char **argv)
{
    static const char *const colours[] = {"red", "green", "blue", NULL};
    const struct flag table[] = {
        {.name = "--name", .kind = FLAG_STRING, .out = &v->name, .required = true},
        {.name = "--item", .kind = FLAG_STRINGS, .out = &v->list},
        {.name = "--count", .kind = FLAG_INTEGER, .out = &v->count, .low = 1, .high = 10},
        {.name = "--rate", .kind = FLAG_POSITIVE, .out = &v->rate},
        {.name = "--decay", .kind = FLAG_NOT_NEGATIVE, .out = &v->decay},
        {.name = "--loud", .kind = FLAG_SWITCH, .out = &v->loud},
        {.name = "--colour", .kind = FLAG_WORD, .words = colours, .out = &v->colour},
    };
    char *copy[16];

    for (int i = 0; i < argc; i++)
        copy[i] = (char *)(uintptr_t)argv[i];
    return flags_parse(table, sizeof table / sizeof *table, argc, copy, err);
}

#define PARSE(v, err, ...)                                                                         \
    parse(v, err, (int)(sizeof((const char *[]){"walk", __VA_ARGS__}) / sizeof(char *)),           \
          (const char *[]){"walk", __VA_ARGS__})

static void test_values(void **state)
{
    struct values v = {.count = 7};
    struct error err;

    (void)state;
    ASSERT_OK(PARSE(&v, &err, "--name", "a", "--item=x", "--item", "", "--rate=2.5", "--decay", "0",
                    "--loud"));
    assert_string_equal(v.name, "a");
    assert_int_equal(v.list.n, 2);
    assert_string_equal(v.list.values[0], "x");
    assert_string_equal(v.list.values[1], "");
    assert_int_equal(v.count, 7);
    assert_true(v.rate == 2.5 && v.decay == 0 && v.loud);
    ASSERT_OK(PARSE(&v, &err, "--name=--count", "--count", "10"));
    assert_int_equal(v.colour, RED);
    ASSERT_OK(PARSE(&v, &err, "--name=a", "--colour", "blue"));
    assert_int_equal(v.colour, BLUE);
    ASSERT_OK(PARSE(&v, &err, "--name=--count", "--count", "10"));
    assert_string_equal(v.name, "--count");
    assert_int_equal(v.count, 10);
}

static void refuse(const char *where, const char *text, enum status s, const struct error *err)
{
    assert_int_equal(s, ERR_INPUT);
    assert_string_equal(err->where, where);
    if (!strstr(err->text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, err->text);
}

static void test_refusals(void **state)
{
    struct values v = {.count = 7};
    struct error e;

    (void)state;
    refuse("--name", "walk needs this flag", PARSE(&v, &e, "--loud"), &e);
    refuse("--nam", "no such flag", PARSE(&v, &e, "--nam", "x"), &e);
    refuse("--names", "no such flag", PARSE(&v, &e, "--names=x"), &e);
    refuse("walk", "expected a flag, found \"name\"", PARSE(&v, &e, "name"), &e);
    refuse("--name", "found the end", PARSE(&v, &e, "--name"), &e);
    refuse("--name", "an empty one", PARSE(&v, &e, "--name="), &e);
    refuse("--name", "found twice", PARSE(&v, &e, "--name", "a", "--name=b"), &e);
    refuse("--loud", "expected no value", PARSE(&v, &e, "--loud=1"), &e);
    refuse("--count", "from 1 to 10, found \"11\"", PARSE(&v, &e, "--count", "11"), &e);
    refuse("--count", "found \"1.0\"", PARSE(&v, &e, "--count", "1.0"), &e);
    refuse("--rate", "> 0, found \"0\"", PARSE(&v, &e, "--rate", "0"), &e);
    refuse("--rate", "found \"inf\"", PARSE(&v, &e, "--rate", "inf"), &e);
    refuse("--rate", "found \"1e999\"", PARSE(&v, &e, "--rate", "1e999"), &e);
    refuse("--colour", "expected red, green or blue, found \"re\"", PARSE(&v, &e, "--colour", "re"),
           &e);
    refuse("--decay", "≥ 0, found \"-1\"", PARSE(&v, &e, "--decay", "-1"), &e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_refusals)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
