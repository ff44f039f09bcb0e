/*
 * The n-th allocation of a build fails, for every n, once and for good: it ends with ERR_MEMORY,
 * the store verifies, what was promised is there, and the next build succeeds.
 */
#include "tests/faults/scenario.h"
#include "tests/unit/cache/place.h"

#ifdef HPO_FAULTS
enum { CALLS_MAX = 20000 };

/* False where there was no n-th allocation. */
static bool try_with_failure(struct place *p, long n, bool persistent)
{
    struct error err = {0};
    const char *wrong;
    enum status s;

    assert_ok(p, file_remove("store", &p->err));
    assert_ok(p, scenario_begin(&p->err));
    arena_fail_at(n, persistent);
    s = scenario_run(&err);
    arena_fail_at(0, 0);
    if (s != OK && s != ERR_MEMORY)
        fail_msg("allocation %ld: status %d: %s: %s", n, s, err.where, err.text);
    if ((wrong = scenario_check(s == OK)))
        fail_msg("allocation %ld: then %s", n, wrong);
    assert_ok(p, scenario_run(&p->err));
    if ((wrong = scenario_check(1)))
        fail_msg("allocation %ld: after the second build: %s", n, wrong);
    return s != OK;
}

/* Several in a row may be survived: the end is where a longer stretch of runs succeeds. */
static void fail_each(struct place *p, bool persistent)
{
    enum { STRETCH = 40 };
    long n = 1, successes = 0;

    while (successes < STRETCH) {
        successes = try_with_failure(p, n, persistent) ? 0 : successes + 1;
        assert_true(++n < CALLS_MAX);
    }
    print_message("%ld allocations\n", n - 1 - STRETCH);
    assert_true(n > 100 + STRETCH);
}

static void each_allocation_fails_once(void **state)
{
    fail_each(*state, false);
}

static void each_allocation_fails_for_good(void **state)
{
    fail_each(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_allocation_fails_once, enter_empty, leave),
        cmocka_unit_test_setup_teardown(each_allocation_fails_for_good, enter_empty, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    (void)puts("SKIP: built without HPO_FAULTS: allocations cannot be made to fail");
    return 77;
}
#endif
