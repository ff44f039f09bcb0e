/* report, lines: what counts as a report of a trainer, and what is log. */
#include "engine/execution/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "engine/execution/lines.h"

static struct arena *arena;
static struct error err;

static int setup(void **state)
{
    (void)state;
    return (arena = arena_open()) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

static enum line_kind read_line(const char *line, struct report_line *out, const char **why)
{
    enum line_kind kind;

    assert_int_equal(report_read(line, strlen(line), arena, &kind, out, why, &err), OK);
    return kind;
}

static void is_report(const char *line, int t, const char *text)
{
    struct report_line r;
    const char *why;

    assert_int_equal(read_line(line, &r, &why), LINE_REPORT);
    assert_int_equal(r.t, t);
    assert_string_equal(r.text, text);
}

static void is_almost(const char *line, const char *part)
{
    struct report_line r;
    const char *why = NULL;

    assert_int_equal(read_line(line, &r, &why), LINE_ALMOST);
    assert_non_null(strstr(why, part));
}

static void is_maybe(const char *line)
{
    struct report_line r;
    const char *why = NULL;

    assert_int_equal(read_line(line, &r, &why), LINE_MAYBE);
    assert_non_null(strstr(why, "a report has \"t\""));
}

static void is_log(const char *line)
{
    struct report_line r;
    const char *why;

    assert_int_equal(read_line(line, &r, &why), LINE_LOG);
}

static void numbers_are_the_result(void **state)
{
    (void)state;
    is_report("{\"t\": 1, \"loss\": 0.50}", 1, "{\"loss\": 0.5, \"t\": 1}");
    is_report("{\"loss\": 1e0, \"acc\": null, \"note\": \"x\", \"info\": {\"a\": 1}, \"t\": 2}", 2,
              "{\"acc\": null, \"loss\": 1, \"t\": 2}");
    is_report("{\"t\": 3, \"a\": Infinity, \"b\": -Infinity, \"c\": NaN}", 3,
              "{\"a\": Infinity, \"b\": -Infinity, \"c\": null, \"t\": 3}");
}

static void t_may_be_written_as_a_float(void **state)
{
    (void)state;
    is_report("{\"t\": 1.0, \"loss\": 2}", 1, "{\"loss\": 2, \"t\": 1}");
    is_report("{\"t\": 2e0}", 2, "{\"t\": 2}");
}

static void what_stands_around_it_does_no_harm(void **state)
{
    static const char plain[] = "{\"loss\": 2, \"t\": 1}";

    (void)state;
    is_report("   {\"t\": 1, \"loss\": 2}\t ", 1, plain);
    is_report("\033[32m{\"t\": 1, \"loss\": 2}\033[0m", 1, plain);
    is_report("\033]0;title\a{\"t\": 1, \"loss\": 2}", 1, plain);
    is_report("\033]0;title\033\\{\"t\": 1, \"loss\": 2}", 1, plain);
    is_report("\xef\xbb\xbf{\"t\": 1, \"loss\": 2}", 1, plain);
    is_report("{\"t\": 1, \033[1m\"loss\"\033[22m: 2}", 1, plain);
}

static void what_may_have_been_meant_is_explained(void **state)
{
    (void)state;
    is_almost("INFO:root:{\"t\": 1, \"loss\": 2}", "begins its line");
    is_almost(" 100%|####| 10/10{\"t\": 1}", "begins its line");
    is_almost("{\"t\": 1, \"loss\": 1, \"loss\": 2}", "stands twice");
    is_almost("{\"t\": 1}{\"t\": 2}", "one object on one line");
    is_almost(" \"t\": 1,", "begins its line");
    is_almost("{\"t\": 1700000000.5, \"level\": \"info\"}", "whole number");
    is_almost("{\"t\": \"2024-01-01\"}", "whole number");
    is_almost("{\"t\": 1e300}", "whole number");
}

static void numbers_are_read_as_programs_print_them(void **state)
{
    static const char *const good[] = {"1",   "-1e-3", "+.5", "5.",
                                       "nan", "-NaN",  "inf", "-Infinity"};
    static const char *const bad[] = {"", "1,", "0x1", "1 2", "nano", "--1", "1_000", "%"};
    double x;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(report_number(good[i], &x));
    assert_true(isinf(x) && x < 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(report_number(bad[i], &x));
}

static void what_terminals_are_told_is_no_part_of_a_line(void **state)
{
    static const char line[] = "  \033[1mloss\033[0m: 0.5\b\b\b ";
    size_t n = sizeof line - 1;

    (void)state;
    assert_string_equal(report_plain(line, &n, arena), "  loss: 0.5 ");
    assert_int_equal(n, 12);
}

static void an_object_of_numbers_may_have_been_meant(void **state)
{
    (void)state;
    is_maybe("{\"loss\": 0.5}");
    is_maybe(" {\"tt\": 1, \"at\": \"x\"} ");
    is_almost("{'t': 1, 'loss': 2}", "double quotes");
}

static void everything_else_is_log(void **state)
{
    (void)state;
    is_log("");
    is_log("{\"level\": \"info\", \"msg\": \"x\"}");
    is_log("epoch 1: loss 0.5");
    is_log("{\"tt\": \"1\"}");
    is_log("{'tt': 1}");
    is_log("\033[");
    is_log("\033");
}

static void a_report_may_name_a_checkpoint(void **state)
{
    struct report_line r;
    const char *why;

    (void)state;
    assert_int_equal(read_line("{\"t\": 1, \"checkpoint\": \"t1\"}", &r, &why), LINE_REPORT);
    assert_string_equal(r.checkpoint, "t1");
    assert_int_equal(read_line("{\"t\": 1, \"checkpoint\": 1}", &r, &why), LINE_REPORT);
    assert_null(r.checkpoint);
}

/* ---- lines ---- */

/* Gives the bytes in pieces of that size, and joins the lines that come with "|". */
static const char *lines_of(const char *bytes, size_t piece, struct lines *l)
{
    char *text = arena_string(arena, "");
    size_t n = strlen(bytes), n_line;
    const char *line;

    while (n > 0) {
        size_t part = n < piece ? n : piece;
        n -= part;
        while (part > 0) {
            assert_int_equal(lines_take(l, &bytes, &part, &line, &n_line, &err), OK);
            if (line) {
                assert_int_equal(strlen(line), n_line);
                text = arena_printf(arena, "%s%s|", text, line);
            }
        }
    }
    if ((line = lines_rest(l, &n_line)))
        text = arena_printf(arena, "%s%s|", text, line);
    return text;
}

static void lines_end_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 20; piece++) {
        struct lines l = lines_in(arena);
        assert_string_equal(lines_of("one\ntwo\r\n\n 10%\r 20%\rthree\nfour", piece, &l),
                            "one|two| 10%| 20%|three|four|");
        assert_false(l.too_long);
    }
}

static void a_line_beyond_the_limit_is_passed_over_whole(void **state)
{
    struct lines l = lines_in(arena);
    char *bytes = arena_alloc(arena, LINES_MAX + 100);

    (void)state;
    memset(bytes, 'x', LINES_MAX + 2);
    memcpy(bytes + LINES_MAX + 2, "{\"t\": 1}\nnext\n", 15); /* its end is no line of its own */
    assert_string_equal(lines_of(bytes, 65536, &l), "next|");
    assert_true(l.too_long);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_the_result),
        TEST(t_may_be_written_as_a_float),
        TEST(what_stands_around_it_does_no_harm),
        TEST(what_may_have_been_meant_is_explained),
        TEST(numbers_are_read_as_programs_print_them),
        TEST(what_terminals_are_told_is_no_part_of_a_line),
        TEST(an_object_of_numbers_may_have_been_meant),
        TEST(everything_else_is_log),
        TEST(a_report_may_name_a_checkpoint),
        TEST(lines_end_however_they_are_cut),
        TEST(a_line_beyond_the_limit_is_passed_over_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
