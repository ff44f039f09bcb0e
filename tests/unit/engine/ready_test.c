/* ready: the order in which nodes are taken. */
#include "engine/plan/ready.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void the_first_of_the_highest_rank(void **state)
{
    static const struct ready_entry order[] = {{7, 2}, {3, 0}, {3, 9}, {1, 4}, {0, 1}, {0, 5}};
    static const int added[] = {4, 1, 5, 0, 2, 3};
    struct arena *arena = arena_open();
    struct ready ready = {.n = 0};
    struct error err;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ready_add(&ready, order[added[i]], arena, &err), OK);
    for (size_t i = 0; i < 6; i++) {
        const struct ready_entry entry = ready_take(&ready);
        assert_int_equal(entry.rank, order[i].rank);
        assert_int_equal(entry.node, order[i].node);
    }
    assert_int_equal(ready.n, 0);
    arena_close(arena);
}

static void many_come_and_go(void **state)
{
    struct arena *arena = arena_open();
    struct ready ready = {.n = 0};
    struct error err;
    unsigned x = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct ready_entry last, entry;
        for (int k = 0; k < 3; k++) {
            x = x * 1103515245u + 12345u;
            entry = (struct ready_entry){(int)(x >> 16) % 50, (int)(x >> 20) % 100};
            assert_int_equal(ready_add(&ready, entry, arena, &err), OK);
        }
        last = ready_take(&ready);
        entry = ready_take(&ready);
        assert_true(last.rank > entry.rank || (last.rank == entry.rank && last.node <= entry.node));
    }
    assert_int_equal(ready.n, 2000);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_the_highest_rank),
        cmocka_unit_test(many_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
