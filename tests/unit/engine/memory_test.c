/* When memory counts as short: by the kernel's own texts. */
#include "engine/executor/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_machine_is_short_below_a_sixteenth(void **state)
{
    (void)state;
    assert_false(
        memory_short_of("MemTotal:       1600 kB\nMemFree: 1 kB\nMemAvailable:    100 kB\n"));
    assert_true(
        memory_short_of("MemTotal:       1600 kB\nMemFree: 90 kB\nMemAvailable:    99 kB\n"));
}

static void what_cannot_be_read_is_not_short(void **state)
{
    (void)state;
    assert_false(memory_short_of(""));
    assert_false(memory_short_of("MemTotal: many\nMemAvailable: few\n"));
    assert_false(memory_short_of("MemTotal: 1600 kB\nMemAvailable:"));
    assert_false(memory_short_in_group("", "", ""));
    assert_false(memory_short_in_group("max\n", "1000\n", ""));
    assert_false(memory_short_in_group("99999999999999999999999999\n", "1000\n", ""));
}

static void a_group_counts_what_it_would_give_up_as_free(void **state)
{
    (void)state;
    assert_true(memory_short_in_group("1600\n", "1590\n", "anon 1590\ninactive_file 0\n"));
    assert_true(memory_short_in_group("1600\n", "1590\n", ""));
    assert_false(memory_short_in_group("1600\n", "1590\n", "anon 5\ninactive_file 1000\nx 1\n"));
    assert_false(memory_short_in_group("1600\n", "1500\n", "inactive_file 0\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_is_short_below_a_sixteenth),
        cmocka_unit_test(what_cannot_be_read_is_not_short),
        cmocka_unit_test(a_group_counts_what_it_would_give_up_as_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
