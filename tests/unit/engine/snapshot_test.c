/* snapshot: what was written is read again, field by field; whatever else is refused, and harms
 * nobody. */
#include "engine/graph/snapshot.h"
#include "tests/snapshot_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/graph/graph.h"

static int setup(void **state)
{
    return (*state = arena_open()) ? 0 : -1;
}

static int teardown(void **state)
{
    arena_close(*state);
    return 0;
}

static struct graph *new_graph(void)
{
    struct graph *graph;
    struct error err;

    assert_int_equal(graph_open(&graph, &err), OK);
    return graph;
}

static void add(struct graph *graph, const struct node *node)
{
    struct error err;
    int id;

    assert_int_equal(graph_add(graph, node, &id, &err), OK);
}

static struct digest digest_of(unsigned char byte)
{
    struct digest digest;

    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct stamp make_stamp(int64_t ino, bool settled)
{
    return (struct stamp){1, ino, -3, INT64_MAX, INT64_MIN, settled};
}

/* A node of each kind that suits, every optional field once there and once absent. */
static struct graph *full_graph(void)
{
    static struct pair settings[] = {{"HPO_BACKEND", "cuda"}};
    static const char *run[] = {"tool", "in", NULL}, *paths[] = {"a", "b"},
                      *outputs[] = {"o", "p/q"}, *identity[] = {"tool", "--version", NULL},
                      *bare[] = {"./in", NULL}, *pass[] = {"HF_HOME", "TOKEN"},
                      *exclude[] = {"*.log", "!a"};
    static struct edge inputs[] = {{"file", 0, NULL}, {"part", 2, "a/b"}, {"text", 1, NULL}};
    static struct pair env[] = {{"A", "1"}, {"B", ""}};
    static struct fetch fetch = {"https://example.org/r", "main", paths, 2};
    struct graph *graph = new_graph();
    struct target first = {"first", 3, "o"}, second = {"second", 1, NULL};
    struct node node = {.kind = NODE_SOURCE, .where = "r.lua:1", .source = {"/s", exclude, 2}};
    struct error err;

    add(graph, &node);
    node = (struct node){.kind = NODE_TEXT, .where = "r.lua:2", .text = {"t", "a\0b", 3}};
    add(graph, &node);
    node = (struct node){.kind = NODE_ACTION, .where = "", .name = "cloned"};
    node.action = (struct action){.kind = "clone", .fetch = &fetch, .resources = {.cpus = 1}};
    add(graph, &node);
    node = (struct node){.kind = NODE_ACTION, .where = "r.lua:4", .name = "made"};
    node.action = (struct action){.kind = "command",
                                  .run = run,
                                  .n_run = 2,
                                  .inputs = inputs,
                                  .n_inputs = 3,
                                  .outputs = outputs,
                                  .n_outputs = 2,
                                  .env = env,
                                  .n_env = 2,
                                  .pass = pass,
                                  .n_pass = 2,
                                  .resources = {2, 1, 3000000000, "h100", true, settings, 1},
                                  .timeout = 0.25,
                                  .retries = 3,
                                  .stateless = true,
                                  .identity = identity,
                                  .params = "{\"lr\": 1}"};
    add(graph, &node);
    node = (struct node){.kind = NODE_ACTION, .where = "r.lua:5"};
    node.action = (struct action){.kind = "command", .run = bare, .n_run = 1};
    add(graph, &node);
    assert_int_equal(graph_add_target(graph, &first, &err), OK);
    assert_int_equal(graph_add_target(graph, &second, &err), OK);
    return graph;
}

static struct snapshot full_snapshot(void)
{
    static struct snapshot_file files[2];
    static struct pair questions[] = {{"folder model", "/models/m"}, {"folder other", NULL}};
    static struct past nodes[5];
    static struct stamp landed[2];

    files[0] = (struct snapshot_file){"r.lua", digest_of(1)};
    files[1] = (struct snapshot_file){"lib/m.lua", digest_of(2)};
    nodes[0] = (struct past){
        .known = true, .executable = true, .digest = digest_of(3), .stamp = make_stamp(7, true)};
    nodes[1] = (struct past){.known = true};
    nodes[2] =
        (struct past){.known = true, .key = digest_of(4), .digest = digest_of(5), .identity = "c0"};
    nodes[3] = (struct past){.known = true,
                             .marked = true,
                             .key = digest_of(6),
                             .digest = digest_of(7),
                             .identity = "digest 1"};
    nodes[4] = (struct past){.known = false, .identity = "left out"};
    landed[0] = make_stamp(8, true);
    landed[1] = make_stamp(9, false);
    return (struct snapshot){digest_of(9), "printed\n", files, 2, questions, 2, nodes, landed, 2};
}

static char *written(const struct snapshot *s, struct graph *graph, struct arena *arena, size_t *n)
{
    struct text t = text_in(arena);
    struct error err;
    char *bytes;

    assert_int_equal(snapshot_text(s, graph, &t, &err), OK);
    assert_int_equal(text_finish(&t, &bytes, n, &err), OK);
    return bytes;
}

/* Parses a copy of exactly n bytes and a NUL. */
static enum status parse(const char *bytes, size_t n, struct graph **graph, struct snapshot *out)
{
    struct error err;
    char *copy;

    *graph = new_graph();
    copy = arena_copy(graph_arena(*graph), bytes, n);
    assert_non_null(copy);
    return snapshot_parse(copy, n, *graph, out, &err);
}

static void assert_stamp(const struct stamp *a, const struct stamp *b)
{
    assert_true(a->settled);
    assert_true(a->dev == b->dev && a->ino == b->ino && a->size == b->size);
    assert_true(a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns);
}

static void assert_action(const struct node *node)
{
    const struct action *a = &node->action;

    assert_string_equal(node->where, "r.lua:4");
    assert_string_equal(node->name, "made");
    assert_string_equal(node->target, "first");
    assert_string_equal(a->kind, "command");
    assert_int_equal(a->n_run, 2);
    assert_string_equal(a->run[1], "in");
    assert_null(a->run[2]);
    assert_int_equal(a->n_inputs, 3);
    assert_string_equal(a->inputs[1].name, "part");
    assert_int_equal(a->inputs[1].node, 2);
    assert_string_equal(a->inputs[1].path, "a/b");
    assert_null(a->inputs[2].path);
    assert_int_equal(a->n_outputs, 2);
    assert_string_equal(a->outputs[1], "p/q");
    assert_string_equal(a->env[1].name, "B");
    assert_string_equal(a->env[1].value, "");
    assert_int_equal(a->n_pass, 2);
    assert_string_equal(a->pass[0], "HF_HOME");
    assert_string_equal(a->pass[1], "TOKEN");
    assert_int_equal(a->resources.cpus, 2);
    assert_int_equal(a->resources.gpus, 1);
    assert_string_equal(a->resources.gpu, "h100");
    assert_true(a->resources.share);
    assert_int_equal(a->resources.n_settings, 1);
    assert_string_equal(a->resources.settings[0].name, "HPO_BACKEND");
    assert_string_equal(a->resources.settings[0].value, "cuda");
    assert_true(a->timeout == 0.25);
    assert_int_equal(a->retries, 3);
    assert_true(a->stateless);
    assert_string_equal(a->identity[1], "--version");
    assert_null(a->identity[2]);
    assert_string_equal(a->params, "{\"lr\": 1}");
    assert_null(a->fetch);
}

static void assert_graph(struct graph *graph)
{
    const struct fetch *fetch;
    const struct target *targets;
    struct node *text, *bare;

    assert_int_equal(graph_size(graph), 5);
    assert_string_equal(graph_node(graph, 0)->source.path, "/s");
    assert_int_equal(graph_node(graph, 0)->source.n_exclude, 2);
    assert_string_equal(graph_node(graph, 0)->source.exclude[1], "!a");
    text = graph_node(graph, 1);
    assert_string_equal(text->text.name, "t");
    assert_int_equal(text->text.n, 3);
    assert_memory_equal(text->text.bytes, "a\0b", 3);
    fetch = graph_node(graph, 2)->action.fetch;
    assert_string_equal(fetch->url, "https://example.org/r");
    assert_string_equal(fetch->rev, "main");
    assert_int_equal(fetch->n_paths, 2);
    assert_string_equal(fetch->paths[1], "b");
    assert_action(graph_node(graph, 3));
    bare = graph_node(graph, 4);
    assert_null(bare->name);
    assert_null(bare->action.identity);
    assert_null(bare->action.params);
    assert_int_equal(bare->action.n_pass, 0);
    assert_null(bare->action.resources.gpu);
    assert_int_equal(graph_targets(graph, &targets), 2);
    assert_string_equal(targets[0].name, "first");
    assert_string_equal(targets[0].path, "o");
    assert_int_equal(targets[1].node, 1);
    assert_null(targets[1].path);
}

static void what_is_written_is_read(void **state)
{
    struct snapshot s = full_snapshot(), got;
    struct graph *graph = full_graph(), *again;
    size_t n;
    const char *bytes = written(&s, graph, *state, &n);

    assert_true(snapshot_suits(graph));
    assert_int_equal(parse(bytes, n, &again, &got), OK);
    assert_graph(again);
    assert_true(digest_equal(&got.program, &s.program));
    assert_string_equal(got.printed, "printed\n");
    assert_int_equal(got.n_files, 2);
    assert_string_equal(got.files[1].path, "lib/m.lua");
    assert_true(digest_equal(&got.files[1].digest, &s.files[1].digest));
    assert_int_equal(got.n_questions, 2);
    assert_string_equal(got.questions[0].value, "/models/m");
    assert_null(got.questions[1].value);
    assert_true(got.nodes[0].known && got.nodes[0].executable && !got.nodes[0].folder);
    assert_true(digest_equal(&got.nodes[0].digest, &s.nodes[0].digest));
    assert_stamp(&got.nodes[0].stamp, &s.nodes[0].stamp);
    assert_true(got.nodes[1].known);
    assert_string_equal(got.nodes[2].identity, "c0");
    assert_false(got.nodes[2].marked);
    assert_true(digest_equal(&got.nodes[3].key, &s.nodes[3].key));
    assert_true(digest_equal(&got.nodes[3].digest, &s.nodes[3].digest));
    assert_string_equal(got.nodes[3].identity, "digest 1");
    assert_true(got.nodes[3].marked);
    assert_false(got.nodes[4].known);
    assert_int_equal(got.n_landed, 2);
    assert_stamp(&got.landed[0], &s.landed[0]);
    assert_false(got.landed[1].settled);
    graph_close(graph);
    graph_close(again);
}

static void nothing_shorter_or_longer_is_one(void **state)
{
    struct snapshot s = full_snapshot(), got;
    struct graph *graph = full_graph(), *again;
    size_t n;
    char *bytes = written(&s, graph, *state, &n);

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(parse(bytes, i, &again, &got), ERR_CORRUPT);
        graph_close(again);
    }
    assert_int_equal(parse(bytes, n + 1, &again, &got), ERR_CORRUPT); /* its NUL is there */
    graph_close(again);
    graph_close(graph);
}

/* Any byte may be any other: what is taken then is written as it is read. */
static void no_byte_harms(void **state)
{
    struct snapshot s = full_snapshot(), got;
    struct graph *graph = full_graph(), *again;
    size_t n;
    char *bytes = written(&s, graph, *state, &n);

    for (size_t i = 0; i < n; i++)
        for (int k = 1; k < 256; k = k * 3 + 1) {
            const char was = bytes[i];
            enum status status;
            bytes[i] = (char)(was + k);
            status = parse(bytes, n, &again, &got);
            assert_true(status == OK || status == ERR_CORRUPT);
            graph_close(again);
            bytes[i] = was;
        }
    graph_close(graph);
}

static void a_study_has_no_place(void **state)
{
    struct graph *graph = new_graph();
    struct study_spec study = {.metric = "loss"};
    struct node node = {.kind = NODE_STUDY, .where = "", .study = &study};

    (void)state;
    assert_true(snapshot_suits(graph));
    add(graph, &node);
    assert_false(snapshot_suits(graph));
    graph_close(graph);
}

/* The bad ones of the corpus are made from it: in another format each would be refused for that. */
static void the_good_one_of_the_corpus_is_one(void **state)
{
    struct snapshot got;
    struct graph *graph;
    struct error err;
    char *bytes;
    size_t n;

    assert_int_equal(
        file_read("tests/fuzz/corpus/snapshot/good", 1 << 20, *state, &bytes, &n, &err), OK);
    assert_int_equal(parse(bytes, n, &graph, &got), OK);
    graph_close(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_shorter_or_longer_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(no_byte_harms, setup, teardown),
        cmocka_unit_test_setup_teardown(a_study_has_no_place, setup, teardown),
        cmocka_unit_test_setup_teardown(the_good_one_of_the_corpus_is_one, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
