/* graph: nodes and targets, what is refused, circles named as a path. */
#include "engine/graph/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/engine/graph_setup.h"

static int add(struct graph *graph, struct node node)
{
    struct error err;
    int id;

    node.where = "r.lua:3";
    assert_int_equal(graph_add(graph, &node, &id, &err), OK);
    return id;
}

static int add_text(struct graph *graph)
{
    return add(graph, (struct node){.kind = NODE_TEXT, .text = {"t", "x", 1}});
}

static void refuse(struct graph *graph, struct edge *inputs, size_t n_inputs,
                   const char *const *outputs, size_t n_outputs, const char *text)
{
    struct node node = {.kind = NODE_ACTION, .where = "r.lua:9"};
    struct error err;
    int id;

    node.action = (struct action){.kind = "command",
                                  .inputs = inputs,
                                  .n_inputs = n_inputs,
                                  .outputs = (const char **)outputs,
                                  .n_outputs = n_outputs};
    assert_int_equal(graph_add(graph, &node, &id, &err), ERR_INPUT);
    assert_string_equal(err.where, "r.lua:9");
    assert_non_null(strstr(err.text, text));
}

static void names_stay_inside_and_apart(void **state)
{
    int t = add_text(*state);

    refuse(*state, NULL, 0, (const char *[]){"../x"}, 1, "\"../x\"");
    refuse(*state, NULL, 0, (const char *[]){"/x"}, 1, "\"/x\"");
    refuse(*state, NULL, 0, (const char *[]){"a", "a/b"}, 2, "overlap");
    refuse(*state, NULL, 0, (const char *[]){"a", "a"}, 2, "overlap");
    refuse(*state, (struct edge[]){{"a", t, NULL}, {"a", t, NULL}}, 2, NULL, 0, "twice");
    refuse(*state, (struct edge[]){{"a", t, NULL}, {"a/b", t, NULL}}, 2, NULL, 0, "overlap");
    refuse(*state, (struct edge[]){{"a", t, NULL}}, 1, (const char *[]){"a"}, 1,
           "is an input and an output");
}

static void targets_have_one_name_each(void **state)
{
    struct target a = {"a", add_text(*state), NULL}, b = {"b/c", a.node, NULL};
    const struct target *all;
    struct error err;

    assert_int_equal(graph_add_target(*state, &a, &err), OK);
    assert_int_equal(graph_add_target(*state, &a, &err), ERR_INPUT);
    assert_int_equal(graph_add_target(*state, &b, &err), ERR_INPUT);
    assert_int_equal(graph_targets(*state, &all), 1);
    assert_string_equal(graph_label(*state, a.node), "a");
}

static void count(void *context, int node)
{
    (void)node;
    ++*(int *)context;
}

static void a_need_is_visited_once(void **state)
{
    int t = add_text(*state), visits = 0;
    struct edge inputs[] = {{"a", t, NULL}, {"b", t, "x"}};
    int id =
        add(*state, (struct node){.kind = NODE_ACTION,
                                  .action = {.kind = "command", .inputs = inputs, .n_inputs = 2}});

    graph_needs(*state, id, count, &visits);
    assert_int_equal(visits, 1);
    assert_string_equal(graph_label(*state, id), "command#1");
    visits = 0;
    id = add(*state, (struct node){.kind = NODE_COMPARE,
                                   .compare = {(struct compare_item[]){{.study = t, .scores = -1},
                                                                       {.study = t, .scores = id},
                                                                       {.study = -1, .scores = id}},
                                               3}});
    graph_needs(*state, id, count, &visits);
    assert_int_equal(visits, 2);
}

static void a_circle_is_named(void **state)
{
    struct study_spec spec = {.samples = 1};
    int study = add(*state, (struct node){.kind = NODE_STUDY, .name = "s", .study = &spec});
    int best = add(*state, (struct node){.kind = NODE_BEST, .best_of = study});
    struct edge inputs[] = {{"model", best, NULL}};
    int train =
        add(*state, (struct node){.kind = NODE_ACTION,
                                  .action = {.kind = "train", .inputs = inputs, .n_inputs = 1}});
    int other = add_text(*state);
    struct error err;

    assert_int_equal(graph_refuse_cycle(*state, other, study, &err), OK);
    assert_int_equal(graph_refuse_cycle(*state, train, study, &err), ERR_INPUT);
    assert_string_equal(err.text, "nodes need each other in a circle: s ← s.best ← train#2 ← s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_stay_inside_and_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(targets_have_one_name_each, setup, teardown),
        cmocka_unit_test_setup_teardown(a_need_is_visited_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_circle_is_named, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
