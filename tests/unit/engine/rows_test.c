/* rows: what of a file of metrics is a row, and what of a row is a number. */
#include "engine/execution/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static struct arena *arena;

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

/* The rows as text: "t: name=value ...; ", "wrong; " for one that is. */
static const char *rows(const char *name, const char *bytes, bool complete)
{
    const struct rows_file file = {name, bytes, strlen(bytes), complete};
    char *out = arena_alloc(arena, 4096), *to = out;
    struct row *list;
    struct error err;
    size_t n;

    *out = '\0';
    assert_int_equal(rows_read(&file, "loss", arena, &list, &n, &err), OK);
    for (size_t i = 0; i < n; i++) {
        if (!isnan(list[i].t))
            to += sprintf(to, "%g: ", list[i].t);
        for (size_t k = 0; k < list[i].numbers.n && !list[i].wrong; k++)
            to += sprintf(to, "%s=%g ", list[i].numbers.names[k], list[i].numbers.values[k]);
        to += sprintf(to, "%s; ", list[i].wrong ? "wrong" : "");
    }
    return out;
}

static void a_row_has_ended(void **state)
{
    (void)state;
    assert_string_equal(rows("m.csv", "loss\n1\n2", false), "loss=1 ; ");
    assert_string_equal(rows("m.csv", "loss\n1\n2", true), "loss=1 ; loss=2 ; ");
    assert_string_equal(rows("m.csv", "loss", false), "");
    assert_string_equal(rows("m.csv", "", true), "");
    assert_string_equal(rows("m.jsonl", "{\"loss\": 1}\n{\"loss\"", false), "loss=1 ; ");
}

static void cells(void **state)
{
    (void)state;
    assert_string_equal(rows("m.csv", "\xef\xbb\xbf\"loss\", t ,a b\r\n1e-3,7,inf\r\n", false),
                        "7: loss=0.001 a b=inf ; ");
    assert_string_equal(rows("m.csv", "n,loss\n\"a, \"\"b\"\"\",2\n\n,\n3,\n4,nan\n", false),
                        "loss=2 ; n=4 loss=nan ; ");
    assert_string_equal(rows("m.csv", "loss,loss\n1,2\n", false), "loss=1 ; ");
    assert_string_equal(rows("m.csv", "loss\n0.5,\n", false), "loss=0.5 ; ");
    assert_string_equal(rows("m.csv", "loss\nx\n", false), "wrong; ");
    assert_string_equal(rows("m.csv", "lost\n1\n", false), "");
    assert_string_equal(rows("m.tsv", "loss\tn\n1,5\t2\n", false), "wrong; ");
    assert_string_equal(rows("m.tsv", "loss\tn\n5\t2\n", false), "loss=5 n=2 ; ");
}

static void objects(void **state)
{
    (void)state;
    assert_string_equal(
        rows("m.jsonl", "{\"t\": 2, \"loss\": 1, \"a\": \"x\", \"b\": null}\n", false),
        "2: loss=1 b=nan ; ");
    assert_string_equal(rows("m.jsonl", "{\"a\": 1}\n\n{\"loss\": Infinity}\n", false),
                        "loss=inf ; ");
    assert_string_equal(rows("m.jsonl", "{\"loss\": \"1\"}\n[1]\nloss\n", false),
                        "wrong; wrong; wrong; ");
}

static void an_object_alone(void **state)
{
    (void)state;
    assert_string_equal(rows("m.json", "{\n \"t\": 1,\n \"loss\": 2\n}", false), "1: loss=2 ; ");
    assert_string_equal(rows("m.json", "{\n \"t\": 1,\n \"loss\"", false), "");
    assert_string_equal(rows("m.json", "{\n \"t\": 1,\n \"loss\"", true), "wrong; ");
    assert_string_equal(rows("m.json", "{\"loss\": true}", false), "wrong; ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_has_ended),
        TEST(cells),
        TEST(objects),
        TEST(an_object_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
