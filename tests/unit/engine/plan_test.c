/* plan: what is wanted, due, ready, done, failed, lost; on made-up graphs, with nothing to run. */
#include "engine/plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

enum { MOST = 100000 };

/* Node i needs the nodes needs[i][0], needs[i][1], ... up to -1. */
struct made_up {
    int needs[16][5];
};

static void needs_of(const void *graph, int node, void (*need)(void *to, int n), void *to)
{
    for (const int *n = ((const struct made_up *)graph)->needs[node]; *n >= 0; n++)
        need(to, *n);
}

/* A chain: each node needs the one before. */
static void chain_of(const void *graph, int node, void (*need)(void *to, int n), void *to)
{
    (void)graph;
    if (node > 0)
        need(to, node - 1);
}

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

/* A diamond: 3 needs 1 and 2, which both need 0. */
static const struct made_up diamond = {{{-1}, {0, -1}, {0, -1}, {1, 2, -1}}};

static struct plan *open_plan(const struct made_up *graph)
{
    struct plan *plan;

    assert_int_equal(plan_open(needs_of, graph, arena, &plan, &err), OK);
    return plan;
}

static void want(struct plan *plan, int node)
{
    assert_int_equal(plan_want(plan, node, &err), OK);
}

static void done(struct plan *plan, int node)
{
    assert_int_equal(plan_done(plan, node, &err), OK);
}

/* The nodes that are due now, in order, as text: "0 4". */
static const char *due(struct plan *plan)
{
    char *text = arena_string(arena, "");
    int node;

    while (plan_take_due(plan, &node))
        text = arena_printf(arena, "%s%s%d", text, *text ? " " : "", node);
    return text;
}

static void needs_come_before_who_needs_them(void **state)
{
    struct plan *plan = open_plan(&diamond);

    (void)state;
    assert_int_equal(plan_state(plan, 3), PLAN_IDLE);
    want(plan, 3);
    assert_string_equal(due(plan), "0");
    assert_int_equal(plan_state(plan, 3), PLAN_WAITING);
    done(plan, 0);
    assert_string_equal(due(plan), "2 1");
    done(plan, 2);
    assert_string_equal(due(plan), "");
    done(plan, 1);
    assert_string_equal(due(plan), "3");
    done(plan, 3);
    assert_int_equal(plan_state(plan, 3), PLAN_DONE);
}

static void what_nobody_wants_stays_idle(void **state)
{
    struct plan *plan = open_plan(&diamond);

    (void)state;
    want(plan, 1);
    done(plan, 0);
    done(plan, 1);
    assert_int_equal(plan_state(plan, 2), PLAN_IDLE);
    want(plan, 3); /* later: of its needs one is done, one is new */
    assert_int_equal(plan_state(plan, 2), PLAN_DUE);
}

static void the_most_urgent_is_taken_first(void **state)
{
    /* 5 → 4 → 3 is the long way; 0, 1, 2 are short ones. */
    static const struct made_up graph = {
        {{-1}, {-1}, {-1}, {-1}, {3, -1}, {4, -1}, {0, 1, 2, 5, -1}}};
    struct plan *plan = open_plan(&graph);
    int node;

    (void)state;
    want(plan, 6);
    while (plan_take_due(plan, &node))
        assert_int_equal(plan_ready(plan, node, &err), OK);
    assert_int_equal(plan_ready_nodes(plan), 4);
    assert_true(plan_take_ready(plan, &node));
    assert_int_equal(node, 3);
    assert_int_equal(plan_state(plan, 3), PLAN_BUSY);
    assert_true(plan_take_ready(plan, &node));
    assert_int_equal(node, 0); /* of equal ranks the lower number */
    assert_int_equal(plan_put_back(plan, 0, &err), OK);
    assert_true(plan_take_ready(plan, &node));
    assert_int_equal(node, 0);
    assert_int_equal(plan_ready_nodes(plan), 2);
}

static void a_ready_node_grows_more_urgent(void **state)
{
    static const struct made_up graph = {{{-1}, {-1}, {1, -1}, {2, -1}}};
    struct plan *plan = open_plan(&graph);
    int node;

    (void)state;
    want(plan, 0);
    want(plan, 1);
    while (plan_take_due(plan, &node))
        assert_int_equal(plan_ready(plan, node, &err), OK);
    want(plan, 3); /* 1 is on a long way now */
    assert_true(plan_take_ready(plan, &node));
    assert_int_equal(node, 1);
    assert_true(plan_take_ready(plan, &node));
    assert_int_equal(node, 0);
    assert_false(plan_take_ready(plan, &node));
}

static void failure_reaches_whoever_waits(void **state)
{
    struct plan *plan = open_plan(&diamond);

    (void)state;
    want(plan, 3);
    (void)due(plan);
    done(plan, 0);
    (void)due(plan);
    plan_failed(plan, 1);
    assert_int_equal(plan_state(plan, 3), PLAN_FAILED);
    assert_int_equal(plan_state(plan, 2), PLAN_DUE); /* not its fault */
    done(plan, 2);
    assert_string_equal(due(plan), "");
}

static void who_needs_what_has_failed_fails(void **state)
{
    struct plan *plan = open_plan(&diamond);
    bool failed;
    int missing;

    (void)state;
    want(plan, 0);
    plan_failed(plan, 0);
    want(plan, 3);
    assert_int_equal(plan_state(plan, 3), PLAN_FAILED);
    assert_int_equal(plan_want_needs(plan, 3, &missing, &failed, &err), OK);
    assert_true(failed);
}

static void what_is_lost_is_made_again(void **state)
{
    struct plan *plan = open_plan(&diamond);
    bool again;

    (void)state;
    want(plan, 3);
    for (int i = 0; i < 3; i++) {
        (void)due(plan);
        done(plan, i);
    }
    assert_string_equal(due(plan), "3");
    assert_int_equal(plan_lost(plan, 1, 3, &again, &err), OK);
    assert_true(again);
    assert_int_equal(plan_state(plan, 3), PLAN_WAITING);
    assert_string_equal(due(plan), "1");
    assert_int_equal(plan_lost(plan, 1, -1, &again, &err), OK);
    assert_false(again); /* it is on its way */
    done(plan, 1);
    assert_string_equal(due(plan), "3");
}

static void what_is_lost_and_cannot_be_made_takes_others_along(void **state)
{
    struct plan *plan = open_plan(&diamond);
    bool again;

    (void)state;
    want(plan, 3);
    (void)due(plan);
    done(plan, 0);
    (void)due(plan);
    assert_int_equal(plan_lost(plan, 0, 1, &again, &err), OK);
    assert_string_equal(due(plan), "0");
    plan_failed(plan, 0);
    assert_int_equal(plan_state(plan, 1), PLAN_FAILED);
    assert_int_equal(plan_lost(plan, 0, 2, &again, &err), OK);
    assert_int_equal(plan_state(plan, 2), PLAN_FAILED);
    assert_int_equal(plan_state(plan, 3), PLAN_FAILED);
}

static void a_need_may_come_late(void **state)
{
    struct made_up graph = {{{-1}, {0, -1}, {-1}}};
    struct plan *plan = open_plan(&graph);

    (void)state;
    want(plan, 1);
    (void)due(plan);
    done(plan, 0);
    assert_string_equal(due(plan), "1");
    graph.needs[1][1] = 2;
    graph.needs[1][2] = -1;
    assert_int_equal(plan_want_again(plan, 1, &err), OK);
    assert_string_equal(due(plan), "2");
    done(plan, 2);
    assert_string_equal(due(plan), "1");
}

static void a_chain_longer_than_the_stack_is_deep(void **state)
{
    struct plan *plan;
    int node;

    (void)state;
    assert_int_equal(plan_open(chain_of, NULL, arena, &plan, &err), OK);
    want(plan, MOST);
    for (int i = 0; i <= MOST; i++) {
        assert_true(plan_take_due(plan, &node));
        assert_int_equal(node, i);
        done(plan, node);
    }
    assert_int_equal(plan_state(plan, MOST), PLAN_DONE);
    assert_int_equal(plan_open(chain_of, NULL, arena, &plan, &err), OK);
    want(plan, MOST);
    plan_failed(plan, 0);
    assert_int_equal(plan_state(plan, MOST), PLAN_FAILED);
}

static void only_news_counts_as_change(void **state)
{
    struct plan *plan = open_plan(&diamond);
    int64_t before;
    int node;

    (void)state;
    want(plan, 0);
    assert_true(plan_take_due(plan, &node));
    before = plan_changes(plan);
    assert_int_equal(plan_ready(plan, 0, &err), OK);
    assert_true(plan_changes(plan) > before);
    before = plan_changes(plan);
    assert_true(plan_take_ready(plan, &node));
    assert_int_equal(plan_put_back(plan, 0, &err), OK);
    assert_int_equal(plan_changes(plan), before);
    done(plan, 0);
    assert_true(plan_changes(plan) > before);
}

#ifdef HPO_FAULTS
static void without_memory_it_says_so(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        struct plan *plan;
        enum status s;
        arena_fail_at(n, 0);
        s = plan_open(needs_of, &diamond, arena, &plan, &err);
        if (s == OK)
            s = plan_want(plan, 3, &err);
        if (s == OK)
            s = plan_done(plan, 0, &err);
        arena_fail_at(0, 0);
        if (s == OK)
            break;
        assert_int_equal(s, ERR_MEMORY);
        assert_true(n < 100);
    }
}
#endif

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(needs_come_before_who_needs_them),
        TEST(what_nobody_wants_stays_idle),
        TEST(the_most_urgent_is_taken_first),
        TEST(a_ready_node_grows_more_urgent),
        TEST(failure_reaches_whoever_waits),
        TEST(who_needs_what_has_failed_fails),
        TEST(what_is_lost_is_made_again),
        TEST(what_is_lost_and_cannot_be_made_takes_others_along),
        TEST(a_need_may_come_late),
        TEST(a_chain_longer_than_the_stack_is_deep),
        TEST(only_news_counts_as_change),
#ifdef HPO_FAULTS
        TEST(without_memory_it_says_so),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
