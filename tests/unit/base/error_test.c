/* error: the sentence, the place in front of the place, the hint; all cut to their fields. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void a_sentence_with_its_place(void **state)
{
    struct error err = {"old", "old", "old"};

    (void)state;
    assert_int_equal(error_set(&err, ERR_INPUT, "a.lua:12", "expected %d, found \"%s\"", 1, "b"),
                     ERR_INPUT);
    assert_string_equal(err.where, "a.lua:12");
    assert_string_equal(err.text, "expected 1, found \"b\"");
    assert_string_equal(err.hint, "");
    error_hint(&err, "try %s", "c");
    assert_string_equal(err.hint, "try c");
    assert_int_equal(error_set(&err, ERR_CORRUPT, NULL, "x"), ERR_CORRUPT);
    assert_string_equal(err.where, "");
    assert_string_equal(err.hint, "");
}

static void places_go_in_front(void **state)
{
    struct error err;

    (void)state;
    (void)error_set(&err, ERR_INPUT, "", "x");
    error_place(&err, "study %s", "main");
    assert_string_equal(err.where, "study main");
    error_place(&err, "target %s", "best");
    assert_string_equal(err.where, "target best: study main");
    assert_string_equal(err.text, "x");
}

static void too_long_is_cut(void **state)
{
    static char many[5000];
    struct error err;

    (void)state;
    memset(many, 'x', sizeof many - 1);
    (void)error_set(&err, ERR_FAILED, many, "%s", many);
    error_hint(&err, "%s", many);
    assert_int_equal(strlen(err.where), sizeof err.where - 1);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(strlen(err.hint), sizeof err.hint - 1);
    error_place(&err, "front");
    assert_memory_equal(err.where, "front: xxx", 10);
    error_place(&err, "%s", many);
    assert_int_equal(strlen(err.where), sizeof err.where - 1);
}

/* A letter of several bytes is kept whole or left out: a message is well-formed UTF-8. */
static void a_cut_keeps_letters_whole(void **state)
{
    char many[2 * 300 + 1] = "";
    struct error err;

    (void)state;
    for (size_t i = 0; i < 300; i++)
        memcpy(many + 2 * i, "\xc3\xa9", 3);
    (void)error_set(&err, ERR_INPUT, many, "%s", many);
    error_hint(&err, "%s", many);
    assert_int_equal(strlen(err.where), 254);
    assert_int_equal(strlen(err.text), 510);
    assert_int_equal(strlen(err.hint), 254);
    error_place(&err, "a");
    assert_int_equal(strlen(err.where) % 2, 1); /* "a: " and whole letters */
}

static void a_sentence_may_hold_the_one_before(void **state)
{
    struct error err;

    (void)state;
    (void)error_set(&err, ERR_SYSTEM, "a", "cannot open: no");
    (void)error_set(&err, ERR_INPUT, err.where, "cannot read the recipe: %s", err.text);
    assert_string_equal(err.where, "a");
    assert_string_equal(err.text, "cannot read the recipe: cannot open: no");
    error_hint(&err, "b");
    error_hint(&err, "%s or %s", err.hint, err.hint);
    assert_string_equal(err.hint, "b or b");
    error_place(&err, "%s", err.where);
    assert_string_equal(err.where, "a: a");
}

static void the_system_says_why(void **state)
{
    struct error err;

    (void)state;
    errno = ENOSPC;
    assert_int_equal(error_system(&err, "f", "write"), ERR_SYSTEM);
    assert_string_equal(err.where, "f");
    assert_string_equal(err.text, "cannot write: No space left on device");
    assert_int_equal(error_memory(&err), ERR_MEMORY);
    assert_string_equal(err.text, "out of memory");
    assert_string_equal(err.where, "");
}

static void a_limit_on_files_says_where_to_look(void **state)
{
    struct error err;

    (void)state;
    errno = EFBIG;
    assert_int_equal(error_system(&err, "f", "write"), ERR_SYSTEM);
    assert_string_equal(err.text, "cannot write: File too large");
    assert_non_null(strstr(err.hint, "ulimit -f"));
    errno = ENOSPC;
    assert_int_equal(error_system(&err, "f", "write"), ERR_SYSTEM);
    assert_string_equal(err.hint, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_with_its_place),
        cmocka_unit_test(places_go_in_front),
        cmocka_unit_test(too_long_is_cut),
        cmocka_unit_test(a_cut_keeps_letters_whole),
        cmocka_unit_test(a_sentence_may_hold_the_one_before),
        cmocka_unit_test(the_system_says_why),
        cmocka_unit_test(a_limit_on_files_says_where_to_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
