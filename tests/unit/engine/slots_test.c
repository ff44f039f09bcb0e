/* slots: what a task gets of a machine, and what is left. */
#include "engine/executor/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/graph/graph.h"

static void cpus_are_counted(void **state)
{
    const struct resources two = {.cpus = 2}, one = {.cpus = 1}, none = {.cpus = 0};
    struct slots slots = {.cpus = 4};
    struct share a, b, c;

    (void)state;
    assert_true(slots_find(&slots, &two, 0, &a));
    assert_int_equal(a.cpus, 2);
    slots_take(&slots, &a);
    assert_true(slots_find(&slots, &none, 0, &b));
    assert_int_equal(b.cpus, 1); /* nobody runs on nothing */
    slots_take(&slots, &b);
    assert_false(slots_find(&slots, &two, 0, &c));
    assert_true(slots_find(&slots, &one, 0, &c));
    slots_take(&slots, &c);
    assert_false(slots_find(&slots, &one, 0, &c));
    slots_give(&slots, &a);
    assert_true(slots_find(&slots, &two, 0, &c));
}

static void memory_is_counted_where_it_is_declared(void **state)
{
    const struct resources six = {.cpus = 1, .memory = 6}, none = {.cpus = 1},
                           many = {.memory = 11};
    struct slots slots = {.cpus = 4, .memory = 10};
    struct share share, other;
    struct error err;

    (void)state;
    assert_true(slots_find(&slots, &six, 0, &share));
    slots_take(&slots, &share);
    assert_false(slots_find(&slots, &six, 0, &other));
    assert_true(slots_find(&slots, &none, 0, &other));
    slots_give(&slots, &share);
    assert_true(slots_find(&slots, &six, 0, &other));
    assert_int_equal(slots_refuse(&slots, &many, "r.lua:1", &err), ERR_INPUT);
    assert_string_equal(err.where, "r.lua:1");
}

static void who_asks_for_too_many_cpus_gets_all(void **state)
{
    const struct resources many = {.cpus = 100};
    struct slots slots = {.cpus = 4};
    struct share share;
    struct error err;

    (void)state;
    assert_int_equal(slots_refuse(&slots, &many, "r.lua:1", &err), OK);
    assert_true(slots_find(&slots, &many, 0, &share));
    assert_int_equal(share.cpus, 4);
    slots.cpus_used = 1;
    assert_false(slots_find(&slots, &many, 0, &share));
}

static void idle_cpus_are_shared_by_those_that_could_start(void **state)
{
    const struct resources shares = {.cpus = 1, .share = true}, alone = {.cpus = 1};
    const struct slots slots = {.cpus = 8};
    struct share share;

    (void)state;
    assert_true(slots_find(&slots, &shares, 0, &share));
    assert_int_equal(share.cpus, 8);
    assert_true(slots_find(&slots, &shares, 2, &share));
    assert_int_equal(share.cpus, 2);
    assert_true(slots_find(&slots, &shares, 100, &share));
    assert_int_equal(share.cpus, 1);
    assert_true(slots_find(&slots, &alone, 0, &share));
    assert_int_equal(share.cpus, 1);
}

static void gpus_are_given_by_place(void **state)
{
    const struct resources one = {.cpus = 1, .gpus = 1}, two = {.cpus = 1, .gpus = 2};
    struct slots slots = {.cpus = 8, .gpus = 3};
    struct share a, b, c;

    (void)state;
    assert_true(slots_find(&slots, &one, 0, &a));
    assert_int_equal(a.gpus, 1);
    slots_take(&slots, &a);
    assert_true(slots_find(&slots, &two, 0, &b));
    assert_int_equal(b.gpus, 6);
    slots_take(&slots, &b);
    assert_false(slots_find(&slots, &one, 0, &c));
    slots_give(&slots, &a);
    assert_true(slots_find(&slots, &one, 0, &c));
    assert_int_equal(c.gpus, 1);
    assert_false(slots_find(&slots, &two, 0, &c));
}

static void more_gpus_than_there_are_is_refused(void **state)
{
    const struct resources r = {.cpus = 1, .gpus = 3};
    const struct slots slots = {.cpus = 8, .gpus = 2};
    struct error err;

    (void)state;
    assert_int_equal(slots_refuse(&slots, &r, "r.lua:7", &err), ERR_INPUT);
    assert_string_equal(err.where, "r.lua:7");
    assert_non_null(strstr(err.text, "it needs 3, there are 2"));
    assert_non_null(strstr(err.hint, "--gpus"));
}

static void the_last_of_64_gpus_can_be_had(void **state)
{
    const struct resources one = {.cpus = 1, .gpus = 1};
    struct slots slots = {.cpus = 64, .gpus = 64, .gpus_used = ~0ULL >> 1};
    struct share share;

    (void)state;
    assert_true(slots_find(&slots, &one, 0, &share));
    assert_true(share.gpus == 1ULL << 63);
    slots_take(&slots, &share);
    assert_false(slots_find(&slots, &one, 0, &share));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpus_are_counted),
        cmocka_unit_test(memory_is_counted_where_it_is_declared),
        cmocka_unit_test(who_asks_for_too_many_cpus_gets_all),
        cmocka_unit_test(idle_cpus_are_shared_by_those_that_could_start),
        cmocka_unit_test(gpus_are_given_by_place),
        cmocka_unit_test(more_gpus_than_there_are_is_refused),
        cmocka_unit_test(the_last_of_64_gpus_can_be_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
