/*
 * text: numbers have one form, which reads back as the same bits; a text remembers its first
 * failure; what a person typed is a number or a message.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"

static const struct {
    double x;
    const char *text;
} forms[] = {
    {0.0, "0"},
    {-0.0, "0"},
    {1.0, "1"},
    {-1.0, "-1"},
    {12.0, "12"},
    {120.0, "120"},
    {0.1, "0.1"},
    {0.5, "0.5"},
    {-0.25, "-0.25"},
    {0.0001, "0.0001"},
    {0.00012, "0.00012"},
    {0.00001, "1e-05"},
    {1.2e-5, "1.2e-05"},
    {-1.2e-5, "-1.2e-05"},
    {9.99e-5, "9.99e-05"},
    {5e-324, "5e-324"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {-DBL_MAX, "-1.7976931348623157e+308"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3.0, "0.3333333333333333"},
    {2.0 / 3.0, "0.6666666666666666"},
    {123456.789, "123456.789"},
    {1e15, "1000000000000000"},
    {9007199254740991.0, "9007199254740991"},
    {9007199254740993.0, "9007199254740992"},
    {1e16, "1e+16"},
    {1.5e16, "1.5e+16"},
    {9999999999999998.0, "9999999999999998"},
    {1e22, "1e+22"},
    {1e23, "1e+23"},
    {1e100, "1e+100"},
    {1.5e300, "1.5e+300"},
    {100.5, "100.5"},
    {1e-7, "1e-07"},
    {NAN, "nan"},
    {INFINITY, "inf"},
    {-INFINITY, "-inf"},
};

static void numbers_have_one_form(void **state)
{
    char out[NUMBER_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const size_t n = text_number(forms[i].x, out);
        assert_string_equal(out, forms[i].text);
        assert_int_equal(n, strlen(out));
    }
}

/* SplitMix64: the same numbers every time. */
static uint64_t next_bits(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Any bits at all, and numbers such as people write. */
static void numbers_read_back_as_the_same_bits(void **state)
{
    uint64_t seed = 1;
    char out[NUMBER_TEXT_MAX];

    (void)state;
    for (int i = 0; i < 200000; i++) {
        const uint64_t bits = next_bits(&seed);
        struct error err;
        double x, again;
        if (i % 2)
            memcpy(&x, &bits, sizeof x);
        else
            x = (double)(int64_t)(bits % 2000001 - 1000000) / 1000.0;
        if (!isfinite(x) || x == 0)
            continue;
        const size_t n = text_number(x, out);
        assert_true(n < NUMBER_TEXT_MAX && n == strlen(out));
        assert_int_equal(text_parse_number(out, "x", &again, &err), OK);
        assert_memory_equal(&x, &again, sizeof x);
    }
}

/* No shorter text in C's own notation reads back as the same number. */
static void numbers_are_as_short_as_can_be(void **state)
{
    uint64_t seed = 2;
    char out[NUMBER_TEXT_MAX], shorter[64];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const uint64_t bits = next_bits(&seed);
        double x;
        int digits = 0;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x))
            continue;
        (void)text_number(x, out);
        for (const char *p = out; *p && *p != 'e'; p++)
            digits += *p >= '0' && *p <= '9';
        if (strchr(out, 'e') && digits > 1) {
            (void)snprintf(shorter, sizeof shorter, "%.*e", digits - 2, x);
            assert_true(strtod(shorter, NULL) != x);
        }
    }
}

static void a_text_grows(void **state)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena);
    struct error err;
    char *string;
    size_t n;

    (void)state;
    assert_int_equal(text_finish(&t, &string, &n, &err), OK);
    assert_string_equal(string, "");
    assert_int_equal(n, 0);

    text_add(&t, "a");
    text_add_bytes(&t, "b\0c", 3);
    text_add_bytes(&t, NULL, 0);
    text_printf(&t, "%s-%d", "d", 7);
    text_printf(&t, "%s", "");
    text_add_number(&t, 0.5);
    text_add_integer(&t, INT64_MIN);
    assert_int_equal(text_finish(&t, &string, &n, &err), OK);
    assert_int_equal(n, 4 + 3 + 3 + 20);
    assert_memory_equal(string, "ab\0cd-70.5-9223372036854775808", n + 1);

    t = text_in(arena);
    for (int i = 0; i < 100000; i++)
        text_printf(&t, "%d,", i % 10);
    assert_int_equal(text_finish(&t, &string, NULL, &err), OK);
    assert_int_equal(strlen(string), 200000);
    arena_close(arena);
}

static void the_first_failure_is_remembered(void **state)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena);
    struct error err = {0};
    char *string;

    (void)state;
    text_add(&t, "a");
    text_add_bytes(&t, "", SIZE_MAX);
    text_add(&t, "b");
    assert_int_equal(text_finish(&t, &string, NULL, &err), ERR_MEMORY);
    assert_string_equal(err.text, "out of memory");
#ifdef HPO_FAULTS
    t = text_in(arena);
    arena_fail_at(1, 0);
    text_printf(&t, "%d", 1);
    text_add_number(&t, 2);
    assert_int_equal(text_finish(&t, &string, NULL, &err), ERR_MEMORY);
    t = text_in(arena);
    arena_fail_at(1, 0);
    assert_int_equal(text_finish(&t, &string, NULL, &err), ERR_MEMORY);
#endif
    arena_close(arena);
}

static void numbers_that_people_type(void **state)
{
    static const char *const bad[] = {
        "",     " 1",     "1 ",       "nan", "inf",   "-inf",     "0x10", "1e400", "-1e400",
        "1,5",  "1e",     "e5",       "--1", ".",     "1.2.3",    "1e5.", "1-2",   "infinity",
        "1e+-", "twelve", "0x1.8p+1", "+",   "1_000", "\xd9\xa1", "-"};
    struct error err;
    double x = 7;

    (void)state;
    assert_int_equal(text_parse_number("1e-5", "--lr", &x, &err), OK);
    assert_true(x == 1e-5);
    assert_int_equal(text_parse_number("-0.5", "--lr", &x, &err), OK);
    assert_true(x == -0.5);
    assert_int_equal(text_parse_number("1E3", "--lr", &x, &err), OK);
    assert_true(x == 1000);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err = (struct error){0};
        x = 7;
        assert_int_equal(text_parse_number(bad[i], "--lr", &x, &err), ERR_INPUT);
        assert_string_equal(err.where, "--lr");
        assert_memory_equal(err.text, "expected a number, found \"", 26);
        assert_true(x == 7);
    }
}

static void whole_numbers_that_people_type(void **state)
{
    static const char *const bad[] = {
        "",    " 1", "1 ", "1.0", "1e3", "0x1", "--1",
        "1-1", "-",  "+1", "-1",  "101", "a",   "99999999999999999999"};
    struct error err;
    int64_t x = 7;

    (void)state;
    assert_int_equal(text_parse_integer("100", "-j", 0, 100, &x, &err), OK);
    assert_int_equal(x, 100);
    assert_int_equal(text_parse_integer("0", "-j", 0, 100, &x, &err), OK);
    assert_int_equal(x, 0);
    assert_int_equal(text_parse_integer("007", "-j", 0, 100, &x, &err), OK);
    assert_int_equal(x, 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(text_parse_integer(bad[i], "-j", 0, 100, &x, &err), ERR_INPUT);
        assert_string_equal(err.where, "-j");
        assert_memory_equal(err.text, "expected a whole number from 0 to 100, found \"", 46);
        assert_int_equal(x, 7);
    }
    assert_int_equal(text_parse_integer("-9223372036854775808", "n", INT64_MIN, 0, &x, &err), OK);
    assert_true(x == INT64_MIN);
    assert_int_equal(text_parse_integer("9223372036854775807", "n", 0, INT64_MAX, &x, &err), OK);
    assert_true(x == INT64_MAX);
    assert_int_equal(text_parse_integer("9223372036854775808", "n", 1, INT64_MAX, &x, &err),
                     ERR_INPUT);
    assert_string_equal(err.text, "expected a whole number ≥ 1, found \"9223372036854775808\"");
}

static void utf8_is_checked(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xe2\x82\x41",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xfe",
                                      "\xff",
                                      "a\xc3"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(text_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_is_utf8(bad[i], strlen(bad[i])));
    assert_true(text_is_utf8("a\0b", 3));
    assert_true(text_is_utf8(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(numbers_read_back_as_the_same_bits),
        cmocka_unit_test(numbers_are_as_short_as_can_be),
        cmocka_unit_test(a_text_grows),
        cmocka_unit_test(the_first_failure_is_remembered),
        cmocka_unit_test(numbers_that_people_type),
        cmocka_unit_test(whole_numbers_that_people_type),
        cmocka_unit_test(utf8_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
