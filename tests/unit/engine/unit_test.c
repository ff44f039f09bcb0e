/* Units: what they reported is read once, and asked for by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "engine/study/unit.h"

static struct units *open_units(struct arena *arena)
{
    struct units *units;
    struct error err;

    assert_int_equal(units_open(NULL, NULL, arena, &units, &err), OK);
    return units;
}

static double value_of(const struct unit *u, const char *metric)
{
    struct error err;
    double value;

    assert_int_equal(unit_value(u, metric, &value, &err), OK);
    return value;
}

static void test_numbers_by_name(void **state)
{
    struct arena *arena = arena_open();
    struct unit u = {.t = 3};
    struct error err;

    (void)state;
    assert_int_equal(
        unit_read_report(open_units(arena), &u,
                         "{\"acc\": null, \"far\": -Infinity, \"loss\": 0.25, \"t\": 3}", &err),
        OK);
    assert_true(isnan(value_of(&u, "acc")));
    assert_true(value_of(&u, "far") == -INFINITY);
    assert_true(value_of(&u, "loss") == 0.25);
    assert_string_equal(u.reports, "{\"acc\": null, \"far\": -Infinity, \"loss\": 0.25, \"t\": 3}");
    arena_close(arena);
}

static void test_a_name_that_is_not_there(void **state)
{
    struct arena *arena = arena_open();
    struct unit u = {.t = 3};
    struct error err;
    double value;

    (void)state;
    assert_int_equal(
        unit_read_report(open_units(arena), &u, "{\"acc\": 1, \"loss\": 2, \"t\": 3}", &err), OK);
    assert_int_equal(unit_value(&u, "f1", &value, &err), ERR_INPUT);
    assert_string_equal(err.text, "the report at t = 3 has no number f1; its numbers: acc, loss");
    arena_close(arena);
}

static void test_units_share_names(void **state)
{
    struct arena *arena = arena_open();
    struct units *units = open_units(arena);
    struct unit a = {.t = 1}, b = {.t = 2}, c = {.t = 3};
    struct error err;

    (void)state;
    assert_int_equal(unit_read_report(units, &a, "{\"loss\": 1, \"t\": 1}", &err), OK);
    assert_int_equal(unit_read_report(units, &b, "{\"loss\": 2, \"t\": 2}", &err), OK);
    assert_int_equal(unit_read_report(units, &c, "{\"lose\": 3, \"t\": 3}", &err), OK);
    assert_ptr_equal(a.names, b.names);
    assert_ptr_not_equal(a.names, c.names);
    assert_true(value_of(&a, "loss") == 1 && value_of(&b, "loss") == 2);
    assert_true(value_of(&c, "lose") == 3);
    arena_close(arena);
}

static void test_what_is_no_report(void **state)
{
    struct arena *arena = arena_open();
    struct units *units = open_units(arena);
    struct unit u = {.t = 1};
    struct error err;

    (void)state;
    assert_int_equal(unit_read_report(units, &u, "{\"loss\": \"low\"}", &err), ERR_CORRUPT);
    assert_string_equal(err.text, "a report with a string as loss");
    assert_int_equal(unit_read_report(units, &u, "{\"loss\": ", &err), ERR_CORRUPT);
    arena_close(arena);
}

/* Results in which each unit has left an empty folder, as an older hpo kept it. */
static enum status find_empty(struct results *r, const struct digest *key, struct asker *asker,
                              struct arena *arena, struct result *out, enum answer *answer,
                              struct error *err)
{
    (void)r, (void)asker, (void)arena;
    *out = (struct result){.key = *key, .reports = "{\"t\": 1}", .has_tree = true, .kept = true};
    *answer = ANSWER_KNOWN;
    return digest_bytes("", 0, &out->tree, err);
}

static void test_an_empty_folder_is_a_checkpoint_of_stateless_trainers_only(void **state)
{
    const struct results_calls calls = {.lookup = find_empty};
    struct results results = {&calls};
    const struct template stateful = {.keyed = true, .key = {{1}}};
    const struct template stateless = {.keyed = true, .stateless = true, .key = {{2}}};
    struct arena *arena = arena_open();
    struct units *units;
    struct unit *u;
    struct error err;

    (void)state;
    assert_int_equal(units_open(&results, NULL, arena, &units, &err), OK);
    assert_int_equal(unit_get(units, &stateful, NULL, &u, &err), OK);
    assert_true(u->state == UNIT_KNOWN && !u->has_checkpoint && !u->kept);
    assert_int_equal(unit_get(units, &stateless, NULL, &u, &err), OK);
    assert_true(u->state == UNIT_KNOWN && u->has_checkpoint && u->kept);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_by_name),
        cmocka_unit_test(test_a_name_that_is_not_there),
        cmocka_unit_test(test_units_share_names),
        cmocka_unit_test(test_what_is_no_report),
        cmocka_unit_test(test_an_empty_folder_is_a_checkpoint_of_stateless_trainers_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
