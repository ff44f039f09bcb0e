/* jsonl: lines, blank ones, a last one without line feed, and the place of a bad one. */
#include "trainer/model/jsonl.h"

#include <unistd.h>

#include "fixture.h"

static const char path[] = "/tmp/hpo-jsonl-test.jsonl";

static void test_lines(void **state)
{
    static const char text[] = "1\n\n \t\r\n[2, 3]\n{]\n\"last\"";
    struct arena *arena = arena_open();
    struct json *value;
    struct jsonl file;
    struct error err;

    (void)state;
    ASSERT_OK(file_write(path, text, sizeof text - 1, &err));
    ASSERT_OK(jsonl_open(path, arena, &file, &err));
    ASSERT_OK(jsonl_next(&file, arena, &value, &err));
    assert_int_equal(value->integer, 1);
    ASSERT_OK(jsonl_next(&file, arena, &value, &err));
    assert_int_equal(value->n, 2);
    assert_int_equal(file.line, 4);
    assert_int_equal(jsonl_next(&file, arena, &value, &err), ERR_INPUT);
    assert_non_null(strstr(err.where, "hpo-jsonl-test.jsonl:5"));
    ASSERT_OK(jsonl_next(&file, arena, &value, &err));
    assert_string_equal(value->string, "last");
    ASSERT_OK(jsonl_next(&file, arena, &value, &err));
    assert_null(value);
    ASSERT_OK(jsonl_next(&file, arena, &value, &err));
    assert_null(value);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(jsonl_open(path, arena, &file, &err), ERR_NOT_FOUND);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
