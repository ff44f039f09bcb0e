/*
 * The n-th write, sync, rename, … of a build fails, for every n, once and for good: the build ends
 * with a status and a sentence, the store verifies, what was promised is there, and the next build
 * succeeds. And the order that makes this hold when the power fails: blobs first, rows last.
 */
#include "tests/faults/io.h"
#include "tests/faults/scenario.h"
#include "tests/unit/cache/place.h"

#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "cache/results/index.h"

enum { CALLS_MAX = 5000 };

/* True while the n-th call was reached. */
static bool try_with_failure(struct place *p, long n, bool persistent)
{
    struct error err = {0};
    const char *wrong;
    bool reached;
    enum status s;

    assert_ok(p, file_remove("store", &p->err));
    assert_ok(p, scenario_begin(&p->err));
    io_fail_at(n, persistent);
    s = scenario_run(&err);
    reached = io_has_failed();
    io_fail_at(0, false);
    if (s != OK && (s != ERR_SYSTEM || !err.text[0]))
        fail_msg("call %ld%s: status %d: %s: %s", n, persistent ? " and all behind" : "", s,
                 err.where, err.text);
    if (s != OK && !reached)
        fail_msg("without a failure: %s: %s", err.where, err.text);
    if ((wrong = scenario_check(s == OK)))
        fail_msg("call %ld%s (%s: %s): then %s", n, persistent ? " and all behind" : "", err.where,
                 err.text, wrong);
    assert_ok(p, scenario_run(&p->err));
    if ((wrong = scenario_check(1)))
        fail_msg("call %ld%s: after the second build: %s", n, persistent ? " and all behind" : "",
                 wrong);
    return reached;
}

static void fail_each(struct place *p, bool persistent)
{
    long n = 1;

    while (try_with_failure(p, n, persistent))
        assert_true(++n < CALLS_MAX);
    print_message("%ld calls\n", n - 1);
    assert_true(n > 50);
}

static void each_call_fails_once(void **state)
{
    fail_each(*state, false);
}

static void each_call_fails_for_good(void **state)
{
    fail_each(*state, true);
}

/* The making of the store itself. */
static void a_failed_making_leaves_nothing_in_the_way(void **state)
{
    struct place *p = *state;

    for (long n = 1;; n++) {
        struct error err = {0};
        enum status s;
        bool reached;
        assert_ok(p, file_remove("store", &p->err));
        io_fail_at(n, n % 2);
        s = scenario_begin(&err);
        reached = io_has_failed();
        io_fail_at(0, false);
        assert_true(s == OK || (s == ERR_SYSTEM && reached && err.text[0]));
        assert_ok(p, scenario_begin(&p->err));
        assert_null(scenario_check(0));
        if (!reached)
            break;
    }
}

/* Puts a result whose tree has n files too large for the index. */
static void put_files(struct place *p, int n, struct tree *tree)
{
    const char *name = "out";
    enum put_outcome outcome;
    struct result r = {.kind = "x", .description = "", .has_tree = true};

    assert_ok(p, file_make_folders(in_work(p, "out"), &p->err));
    for (int i = 0; i < n; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "out/%d", i);
        put_bytes(in_work(p, path), i % 2 ? "the same again" : format(p, path, "-"), 10000);
    }
    assert_ok(p, tree_take(p->store, store_work(p->store), &name, 1, p->arena, tree, &p->err));
    r.key = r.tree = tree->digest;
    assert_ok(p, index_result_put(p->store, &r, tree, &outcome, &p->err));
}

static void blobs_are_durable_before_their_row(void **state)
{
    struct place *p = *state;
    struct tree tree;
    long row;

    io_forget_syncs();
    put_files(p, 2, &tree);
    assert_int_equal(io_count_syncs(), 0); /* nothing is synced before the group is */
    assert_ok(p, store_sync(p->store, &p->err));
    row = io_find_sync("index.db-wal");
    assert_true(row > 0);
    for (size_t i = 0; i < tree.n; i++) {
        char name[BLOB_NAME_MAX];
        long file, folder;
        store_blob_name(&tree.entries[i].digest, name);
        file = io_find_sync(name);
        name[2] = '\0';
        folder = io_find_sync(format(p, "/blobs/", name));
        if (io_find_sync("syncfs") < 0) { /* which tiny constants prefer */
            assert_in_range(file, 0, row - 1);
            assert_in_range(folder, 0, row - 1);
            assert_in_range(io_find_sync("/blobs"), 0, row - 1);
        }
    }
    io_forget_syncs();
    assert_ok(p, store_sync(p->store, &p->err));
    assert_int_equal(io_count_syncs(), 0);
}

static void many_blobs_cost_one_sync(void **state)
{
    struct place *p = *state;
    struct tree tree;

    put_files(p, 1, &tree);
    assert_ok(p, store_sync(p->store, &p->err));
    io_forget_syncs();
    put_files(p, 300, &tree);
    assert_ok(p, store_sync(p->store, &p->err));
    assert_int_equal(io_find_sync("syncfs"), 1); /* behind that of the one name that was taken */
    assert_true(io_find_sync("index.db-wal") > 1);
    assert_in_range(io_count_syncs(), 3, 8); /* with a checkpoint of the index, perhaps */
}

/* Its name may be promised already: the power must not fail between the rename and the sync. */
static void a_blob_that_replaces_one_is_durable_first(void **state)
{
    struct place *p = *state;
    unsigned char *bytes = arena_alloc(p->arena, 10000);
    struct digest d;

    assert_ok(p, blob_put(p->store, bytes, 10000, &d, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    io_forget_syncs();
    assert_ok(p, blob_put(p->store, bytes, 10000, &d, &p->err));
    assert_int_equal(io_count_syncs(), 1);
}

/* A failed sync is not tried again: the kernel has forgotten what it could not write. */
static void a_failed_sync_stays_failed(void **state)
{
    struct place *p = *state;
    struct tree tree;
    struct result r;

    put_files(p, 2, &tree);
    io_fail_at(1, false);
    assert_int_equal(store_sync(p->store, &p->err), ERR_SYSTEM);
    assert_int_equal(store_sync(p->store, &p->err), ERR_SYSTEM);
    assert_non_null(strstr(p->err.text, "sync"));
    reopen(p);
    assert_int_equal(index_result_get(p->store, &tree.digest, p->arena, &r, &p->err),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_fails_once, enter_empty, leave),
        cmocka_unit_test_setup_teardown(each_call_fails_for_good, enter_empty, leave),
        cmocka_unit_test_setup_teardown(a_failed_making_leaves_nothing_in_the_way, enter_empty,
                                        leave),
        cmocka_unit_test_setup_teardown(blobs_are_durable_before_their_row, enter, leave),
        cmocka_unit_test_setup_teardown(many_blobs_cost_one_sync, enter, leave),
        cmocka_unit_test_setup_teardown(a_blob_that_replaces_one_is_durable_first, enter, leave),
        cmocka_unit_test_setup_teardown(a_failed_sync_stays_failed, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
