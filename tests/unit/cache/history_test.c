/* history: runs, nodes' keys, journal, tables and failures come back as they were put. */
#include "cache/records/history.h"
#include "tests/unit/cache/place.h"

static int64_t begin(struct place *p, const char *recipe)
{
    const struct run run = {.recipe = recipe, .arguments = "samples=3", .started = 1700000000};
    int64_t id;

    assert_ok(p, history_run_begin(p->store, &run, &id, &p->err));
    return id;
}

static void runs_are_listed_newest_first(void **state)
{
    struct place *p = *state;
    struct run done = {.seconds = 2.5, .ran = 3, .cached = 4, .failed = 1, .status = "failed"};
    struct run *runs;
    size_t n;

    assert_int_equal(begin(p, "a.lua"), 1);
    done.id = begin(p, "b.lua");
    assert_int_equal(done.id, 2);
    assert_ok(p, history_run_finish(p->store, &done, &p->err));
    assert_int_equal(begin(p, "a.lua"), 3);
    assert_ok(p, history_runs(p->store, NULL, 10, p->arena, &runs, &n, &p->err));
    assert_int_equal(n, 3);
    assert_int_equal(runs[0].id, 3);
    assert_null(runs[0].status);
    assert_string_equal(runs[1].recipe, "b.lua");
    assert_string_equal(runs[1].status, "failed");
    assert_true(runs[1].seconds == 2.5 && runs[1].ran == 3 && runs[1].cached == 4);
    assert_int_equal(runs[1].failed, 1);
    assert_int_equal(runs[1].started, 1700000000);
    assert_ok(p, history_runs(p->store, "a.lua", 1, p->arena, &runs, &n, &p->err));
    assert_int_equal(n, 1);
    assert_int_equal(runs[0].id, 3);
    assert_ok(p, history_runs(p->store, "none", SIZE_MAX, p->arena, &runs, &n, &p->err));
    assert_int_equal(n, 0);
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    assert_int_equal(begin(p, "c.lua"), 4);
}

static void only_new_keys_of_nodes_are_stored(void **state)
{
    struct place *p = *state;
    struct node_key nodes[] = {{"data", digest_of(p, "1"), 1}, {"model", digest_of(p, "2"), 1}};
    struct node_key *keys;
    size_t n;

    assert_ok(p, history_nodes_put(p->store, "r", nodes, 2, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    nodes[0].run = nodes[1].run = 2;
    assert_ok(p, history_nodes_put(p->store, "r", nodes, 2, &p->err));
    assert_false(store_is_dirty(p->store));
    nodes[1].run = 3;
    nodes[1].key = digest_of(p, "3");
    assert_ok(p, history_nodes_put(p->store, "r", nodes, 2, &p->err));
    nodes[1].run = 4; /* back to a key it had before */
    nodes[1].key = digest_of(p, "2");
    assert_ok(p, history_nodes_put(p->store, "r", nodes, 2, &p->err));
    assert_ok(p, history_node_keys(p->store, "r", "model", 10, p->arena, &keys, &n, &p->err));
    assert_int_equal(n, 3);
    assert_int_equal(keys[0].run, 4);
    assert_int_equal(keys[1].run, 3);
    assert_int_equal(keys[2].run, 1);
    assert_true(digest_equal(&keys[0].key, &keys[2].key));
    assert_ok(p, history_node_keys(p->store, "r", "data", 1, p->arena, &keys, &n, &p->err));
    assert_int_equal(n, 1);
    assert_ok(p, history_node_keys(p->store, "s", "data", 1, p->arena, &keys, &n, &p->err));
    assert_int_equal(n, 0);
}

static void the_journal_answers(void **state)
{
    struct place *p = *state;
    const struct digest key = digest_of(p, "k");
    const char *answer;

    assert_int_equal(history_journal_get(p->store, &key, p->arena, &answer, &p->err),
                     ERR_NOT_FOUND);
    assert_ok(p, history_journal_put(p->store, &key, "{\"lr\": 1}", 5, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, history_journal_put(p->store, &key, "{\"lr\": 1}", 6, &p->err));
    assert_false(store_is_dirty(p->store));
    assert_ok(p, history_journal_get(p->store, &key, p->arena, &answer, &p->err));
    assert_string_equal(answer, "{\"lr\": 1}");
    assert_ok(p, history_journal_put(p->store, &key, "", 6, &p->err));
    assert_ok(p, history_journal_get(p->store, &key, p->arena, &answer, &p->err));
    assert_string_equal(answer, "");
}

static void put_table(struct place *p, const char *arguments, const char *study, int64_t run)
{
    const struct study_table t = {"r", arguments, study, run, arguments};

    assert_ok(p, history_table_put(p->store, &t, &p->err));
}

static void tables_are_of_the_last_build(void **state)
{
    struct place *p = *state;
    struct study_table *tables;
    size_t n;

    put_table(p, "x", "b", 1);
    put_table(p, "x", "a", 1);
    put_table(p, "y", "a", 2);
    assert_ok(p, history_tables(p->store, "r", NULL, NULL, p->arena, &tables, &n, &p->err));
    assert_int_equal(n, 1);
    assert_string_equal(tables[0].body, "y");
    assert_ok(p, history_tables(p->store, "r", "x", NULL, p->arena, &tables, &n, &p->err));
    assert_int_equal(n, 2);
    assert_string_equal(tables[0].study, "a");
    assert_ok(p, history_tables(p->store, "r", "x", "b", p->arena, &tables, &n, &p->err));
    assert_int_equal(n, 1);
    put_table(p, "x", "b", 3);
    assert_ok(p, history_tables(p->store, "r", NULL, "b", p->arena, &tables, &n, &p->err));
    assert_int_equal(n, 1);
    assert_int_equal(tables[0].run, 3);
    assert_ok(p, history_tables(p->store, "s", NULL, NULL, p->arena, &tables, &n, &p->err));
    assert_int_equal(n, 0);
}

static void the_last_snapshot_stands(void **state)
{
    struct place *p = *state;
    struct snapshot_row row = {digest_of(p, "name"), digest_of(p, "bytes"), 3, 20000, 7}, got;
    const struct digest other = digest_of(p, "other");

    assert_int_equal(history_snapshot_get(p->store, &row.name, &got, &p->err), ERR_NOT_FOUND);
    assert_ok(p, history_snapshot_put(p->store, &row, &p->err));
    row.digest = digest_of(p, "later bytes");
    row.run = 4;
    assert_ok(p, history_snapshot_put(p->store, &row, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    assert_ok(p, history_snapshot_get(p->store, &row.name, &got, &p->err));
    assert_true(digest_equal(&got.name, &row.name) && digest_equal(&got.digest, &row.digest));
    assert_true(got.run == 4 && got.day == 20000 && got.revision == 7);
    assert_int_equal(history_snapshot_get(p->store, &other, &got, &p->err), ERR_NOT_FOUND);
}

static void failures_last_until_success(void **state)
{
    struct place *p = *state;
    struct failure f = {.key = digest_of(p, "k"),
                        .run = 1,
                        .name = "train",
                        .folder = "abc",
                        .has_log = true,
                        .log = digest_of(p, "log"),
                        .text = "exit 1",
                        .day = 3},
                   found;

    assert_int_equal(history_failure_get(p->store, &f.key, p->arena, &found, &p->err),
                     ERR_NOT_FOUND);
    assert_ok(p, history_failure_put(p->store, &f, &p->err));
    assert_ok(p, history_failure_get(p->store, &f.key, p->arena, &found, &p->err));
    assert_string_equal(found.name, "train");
    assert_string_equal(found.folder, "abc");
    assert_string_equal(found.text, "exit 1");
    assert_true(found.has_log && digest_equal(&found.log, &f.log));
    assert_true(found.run == 1 && found.day == 3);
    f = (struct failure){.key = f.key, .run = 2};
    assert_ok(p, history_failure_put(p->store, &f, &p->err));
    assert_ok(p, history_failure_get(p->store, &f.key, p->arena, &found, &p->err));
    assert_null(found.folder);
    assert_null(found.name);
    assert_string_equal(found.text, "");
    assert_false(found.has_log);
    assert_ok(p, history_failure_remove(p->store, &f.key, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, history_failure_remove(p->store, &f.key, &p->err));
    assert_false(store_is_dirty(p->store));
    assert_int_equal(history_failure_get(p->store, &f.key, p->arena, &found, &p->err),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_are_listed_newest_first, enter, leave),
        cmocka_unit_test_setup_teardown(only_new_keys_of_nodes_are_stored, enter, leave),
        cmocka_unit_test_setup_teardown(the_journal_answers, enter, leave),
        cmocka_unit_test_setup_teardown(the_last_snapshot_stands, enter, leave),
        cmocka_unit_test_setup_teardown(tables_are_of_the_last_build, enter, leave),
        cmocka_unit_test_setup_teardown(failures_last_until_success, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
