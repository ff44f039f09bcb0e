/* target_name: what an extension is, whose it is, and targets that would share a name. */
#include "engine/graph/target_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/engine/graph_setup.h"

static void what_an_extension_is(void **state)
{
    static const char *const cases[][2] = {
        {"plot.png", ".png"},
        {"fig/plot.png", ".png"},
        {"v1.5/plot", ""},
        {"plot", ""},
        {"", ""},
        {".bashrc", ""},
        {"a/.png", ""},
        {"..png", ".png"},
        {"a.", ""},
        {"a.b.c", ".c"},
        {"a.12345678", ".12345678"},
        {"a.123456789", ""},
        {"a.c++", ""},
        {"a.b c", ""},
        {"a.\xC3\xA4", ""},
        {"a.7z", ".7z"},
        {"a.JSON", ".JSON"},
        {"a.tar.gz", ".tar.gz"},
        {"a.csv.zst", ".csv.zst"},
        {"a.gz", ".gz"},
        {".tar.gz", ".gz"},
        {"a.b-c.xz", ".xz"},
        {"a.tar.png", ".png"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(target_extension(cases[i][0]), cases[i][1]);
}

static int add(struct graph *graph, struct node node)
{
    struct error err;
    int id;

    node.where = "r.lua:3";
    assert_int_equal(graph_add(graph, &node, &id, &err), OK);
    return id;
}

static int add_text(struct graph *graph, const char *name)
{
    return add(graph, (struct node){.kind = NODE_TEXT, .text = {name, "x", 1}});
}

static void expect(struct graph *graph, const char *name, int node, const char *path,
                   const char *expected)
{
    const struct target target = {name, node, path};

    assert_string_equal(target_file_name(graph, &target), expected);
}

static void whose_it_is(void **state)
{
    static const char *one[] = {"fig/plot.png"}, *two[] = {"a.csv", "b.csv"};
    static const struct fetch fetch = {"u.git", "HEAD", NULL, 0};
    struct graph *g = *state;
    const int text = add_text(g, "best.json");
    const int source =
        add(g, (struct node){.kind = NODE_SOURCE, .source = {.path = "/data/words.txt"}});
    const int single =
        add(g, (struct node){.kind = NODE_ACTION,
                             .action = {.kind = "command", .outputs = one, .n_outputs = 1}});
    const int several =
        add(g, (struct node){.kind = NODE_ACTION,
                             .action = {.kind = "command", .outputs = two, .n_outputs = 2}});
    const int clone =
        add(g, (struct node){.kind = NODE_ACTION, .action = {.kind = "clone", .fetch = &fetch}});
    const int after =
        add(g, (struct node){.kind = NODE_AFTER, .after = {.study = text, .node = -1}});

    expect(g, "t", text, NULL, "t.json");
    expect(g, "t.json", text, NULL, "t.json");
    expect(g, "t.csv", text, NULL, "t.csv.json");
    expect(g, "t", source, NULL, "t.txt");
    expect(g, "t", source, "a/b.md", "t.md");
    expect(g, "t", single, NULL, "t.png");
    expect(g, "t", several, NULL, "t");
    expect(g, "t", several, "b.csv", "t.csv");
    expect(g, "t", clone, NULL, "t");
    expect(g, "t", clone, "LICENSE", "t");
    expect(g, "t", after, NULL, "t");
    graph_node(g, after)->after.node = single;
    expect(g, "t", after, NULL, "t.png");
    graph_node(g, after)->after.path = "scores.json";
    expect(g, "t", after, NULL, "t.json");
    expect(g, "t", after, "n", "t");
}

static void add_target(struct graph *graph, const char *name, const char *file)
{
    const struct target target = {name, add_text(graph, file), NULL};
    struct error err;

    assert_int_equal(graph_add_target(graph, &target, &err), OK);
}

static void refuse(struct graph *graph, const char *a, const char *b, const char *name)
{
    char text[128];
    struct error err;

    (void)snprintf(text, sizeof text, "targets \"%s\" and \"%s\" would both be \"%s\"", a, b, name);
    assert_int_equal(target_names_check(graph, &err), ERR_INPUT);
    assert_string_equal(err.where, "r.lua:3");
    assert_non_null(strstr(err.text, text));
}

static void one_name_for_each(void **state)
{
    struct error err;

    add_target(*state, "a", "x.png");
    add_target(*state, "a-b", "x.png");
    add_target(*state, "a.csv", "x");
    add_target(*state, "a.tar.gz", "x");
    add_target(*state, "b", "x.gz");
    assert_int_equal(target_names_check(*state, &err), OK);
}

static void a_file_has_anothers_name(void **state)
{
    add_target(*state, "a", "x.png");
    add_target(*state, "a.csv", "x");
    add_target(*state, "a.png", "x.png");
    refuse(*state, "a", "a.png", "a.png");
}

/* If it is a folder; that is not known yet. */
static void a_folder_might(void **state)
{
    add_target(*state, "a", "x.png");
    add_target(*state, "a.png", "x.csv");
    refuse(*state, "a", "a.png", "a.png");
}

static void two_files_meet(void **state)
{
    add_target(*state, "a", "x.tar.gz");
    add_target(*state, "a.tar", "x.gz");
    refuse(*state, "a", "a.tar", "a.tar.gz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_extension_is),
        cmocka_unit_test_setup_teardown(whose_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(one_name_for_each, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_has_anothers_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_might, setup, teardown),
        cmocka_unit_test_setup_teardown(two_files_meet, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
