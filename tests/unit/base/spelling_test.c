/* spelling: the nearest of the known names, where one is near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/spelling.h"

static const char *const known[] = {"build", "table", "why", "--cache", "--cached-only", "-j"};

static const char *nearest(const char *typed)
{
    struct spelling s = spelling_of(typed, strlen(typed));

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        spelling_offer(&s, known[i]);
    return s.nearest ? s.nearest : "";
}

static void a_slip_of_the_finger_is_near(void **state)
{
    (void)state;
    assert_string_equal(nearest("buld"), "build");
    assert_string_equal(nearest("builds"), "build");
    assert_string_equal(nearest("biuld"), "build");
    assert_string_equal(nearest("--cahce"), "--cache");
    assert_string_equal(nearest("--cached"), "--cache");
    assert_string_equal(nearest("--cache-only"), "--cached-only");
    assert_string_equal(nearest("-i"), "-j");
}

static void another_word_is_not(void **state)
{
    char longer[200];

    (void)state;
    assert_string_equal(nearest("everything"), "");
    assert_string_equal(nearest(""), "");
    memset(longer, 'b', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_string_equal(nearest(longer), "");
}

static void only_its_first_bytes_are_the_name(void **state)
{
    struct spelling s = spelling_of("--cachee=build", 8);

    (void)state;
    spelling_offer(&s, "build");
    assert_null(s.nearest);
    spelling_offer(&s, "--cache");
    assert_string_equal(s.nearest, "--cache");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_finger_is_near),
        cmocka_unit_test(another_word_is_not),
        cmocka_unit_test(only_its_first_bytes_are_the_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
