/*
 * gc: what is wanted, marked or in use stays; what nobody names goes; verify tells each kind of
 * damage, and nothing else.
 */
#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/statistics.h"
#include "cache/maintenance/verify.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/results/roots.h"
#include "tests/unit/cache/place.h"

static const int64_t file_n = 10000;
enum { TODAY = 20000 };

/* Files that a tree of put needs: its own, and its listing, in the build with tiny constants. */
enum { FILES = BLOB_INLINE < 70 ? 2 : 1 };

/* A result whose tree has one file of file_n bytes, none like another's. */
static struct digest put(struct place *p, const char *kind, const char *key, int64_t day)
{
    static const char *const names[] = {"out"};
    struct result r = {
        .key = digest_of(p, key), .kind = kind, .description = key, .has_tree = true};
    enum put_outcome outcome;
    struct tree tree;

    put_bytes(in_work(p, "out"), key, file_n);
    assert_ok(p, tree_take(p->store, store_work(p->store), names, 1, p->arena, &tree, &p->err));
    r.tree = tree.digest;
    r.bytes = tree.bytes;
    r.used_day = day;
    if (kind[0] == 'u')
        r.reports = "t 1\n";
    assert_ok(p, blob_put(p->store, key, strlen(key), &r.log, &p->err));
    r.has_log = true;
    assert_ok(p, index_result_put(p->store, &r, &tree, &outcome, &p->err));
    return r.key;
}

static bool is_kept(struct place *p, const struct digest *key)
{
    struct result r;
    struct tree tree;
    bool there = false;
    enum status s = index_result_get(p->store, key, p->arena, &r, &p->err);

    if (s == ERR_NOT_FOUND)
        return false;
    assert_ok(p, s);
    if (!r.kept)
        return false;
    assert_ok(p, tree_read(p->store, &r.tree, p->arena, &tree, &p->err));
    assert_ok(p, tree_exists(p->store, &tree, &there, NULL, &p->err));
    assert_true(there);
    return true;
}

static void expect_clean(struct place *p)
{
    struct verify_report report;
    enum status s = cache_verify(p->store, p->arena, &report, &p->err);

    if (s != OK)
        fail_msg("%s: %s", p->err.text, report.n_damage ? report.damage[0] : "");
}

static struct gc_report collect(struct place *p, int64_t max_bytes, int64_t max_age, bool dry_run)
{
    const struct gc_limits limits = {max_bytes, max_age, TODAY, dry_run};
    struct gc_report report;

    assert_ok(p, cache_gc(p->store, &limits, &report, &p->err));
    if (!dry_run)
        expect_clean(p);
    return report;
}

static void unwanted_units_go(void **state)
{
    struct place *p = *state;
    const struct digest wanted = put(p, "unit", "wanted", 1), not_wanted = put(p, "unit", "not", 1);
    const struct digest action = put(p, "train", "action", 1);
    struct drop_report report;
    struct result r;

    assert_ok(p, roots_replace(p->store, "study", &wanted, 1, &p->err));
    assert_ok(p, cache_drop_unwanted(p->store, &report, &p->err));
    assert_true(report.alone);
    assert_int_equal(report.trees, 1);
    assert_int_equal(report.blobs, FILES);
    assert_true(report.bytes >= file_n && report.bytes < file_n + 200);
    assert_true(is_kept(p, &wanted) && is_kept(p, &action));
    assert_false(is_kept(p, &not_wanted));
    assert_ok(p, index_result_get(p->store, &not_wanted, p->arena, &r, &p->err));
    assert_string_equal(r.reports, "t 1\n"); /* reports always stay */
    assert_true(r.has_tree);
    expect_clean(p);
    assert_ok(p, cache_drop_unwanted(p->store, &report, &p->err));
    assert_int_equal(report.trees, 0);
}

static void named_units_go(void **state)
{
    struct place *p = *state;
    struct digest keys[] = {put(p, "unit", "a", 1), put(p, "unit", "b", 1), digest_of(p, "absent")};
    struct drop_report report;

    assert_ok(p, index_result_mark(p->store, &keys[1], &p->err));
    assert_ok(p, cache_drop(p->store, keys, 3, &report, &p->err));
    assert_int_equal(report.trees, 1);
    assert_false(is_kept(p, &keys[0]));
    assert_true(is_kept(p, &keys[1])); /* not reproducible: both results stay */
    expect_clean(p);
}

static void nothing_goes_while_another_looks(void **state)
{
    struct place *p = *state;
    const struct digest key = put(p, "unit", "a", 1);
    const struct gc_limits limits = {0, -1, TODAY, false};
    struct drop_report dropped;
    struct gc_report collected;
    struct store *other;

    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, store_open("store", STORE_READ, NULL, &other, &p->err));
    assert_ok(p, cache_drop_unwanted(p->store, &dropped, &p->err));
    assert_false(dropped.alone);
    assert_true(is_kept(p, &key));
    assert_int_equal(cache_gc(p->store, &limits, &collected, &p->err), ERR_FAILED);
    assert_non_null(strstr(p->err.text, "in use by process"));
    assert_true(is_kept(p, &key));
    store_close(other);
    assert_ok(p, cache_gc(p->store, &limits, &collected, &p->err));
    assert_false(is_kept(p, &key));
}

static void the_longest_unused_go_first(void **state)
{
    struct place *p = *state;
    struct digest keys[5];
    struct gc_report report, dry;

    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d-", i);
        keys[i] = put(p, i % 2 ? "unit" : "train", name, TODAY - 10 + (i * 3) % 5);
    }
    assert_ok(p, index_result_mark(p->store, &keys[0], &p->err)); /* the oldest, but marked */
    dry = collect(p, 3 * file_n + 2000, -1, true);
    for (int i = 0; i < 5; i++)
        assert_true(is_kept(p, &keys[i]));
    report = collect(p, 3 * file_n + 2000, -1, false);
    assert_memory_equal(&dry, &report, sizeof dry);
    assert_int_equal(report.results, 2);
    assert_true(report.bytes >= 2 * file_n && report.bytes_left <= 3 * file_n + 2000);
    assert_true(is_kept(p, &keys[0]) && is_kept(p, &keys[1]) && is_kept(p, &keys[3]));
    assert_false(is_kept(p, &keys[2]) || is_kept(p, &keys[4])); /* days -9 and -8 */
    report = collect(p, 0, -1, false);
    assert_int_equal(report.results, 2);
    assert_true(is_kept(p, &keys[0]));
}

static void the_old_go(void **state)
{
    struct place *p = *state;
    const struct digest unit = put(p, "unit", "u", TODAY - 31),
                        action = put(p, "x", "a", TODAY - 31);
    const struct digest young = put(p, "x", "y", TODAY - 30);
    const struct digest answer = digest_of(p, "q"), fixed = digest_of(p, "f");
    struct gc_report report;
    struct result r;
    const char *text;

    assert_ok(p, history_journal_put(p->store, &answer, "x", TODAY - 31, &p->err));
    assert_ok(p, history_journal_put(p->store, &fixed, "x", 0, &p->err));
    report = collect(p, -1, 30, false);
    assert_int_equal(report.results, 2);
    assert_true(is_kept(p, &young));
    assert_ok(p, index_result_get(p->store, &unit, p->arena, &r, &p->err));
    assert_false(r.kept);
    assert_int_equal(index_result_get(p->store, &action, p->arena, &r, &p->err), ERR_NOT_FOUND);
    assert_int_equal(history_journal_get(p->store, &answer, p->arena, &text, &p->err),
                     ERR_NOT_FOUND);
    assert_ok(p, history_journal_get(p->store, &fixed, p->arena, &text, &p->err));
}

static void orphans_and_leftovers_go(void **state)
{
    struct place *p = *state;
    const struct digest key = put(p, "train", "a", TODAY);
    const struct failure f = {.key = digest_of(p, "f"), .folder = "kept", .text = "", .day = TODAY};
    const struct snapshot_row row = {.name = digest_of(p, "s"), .digest = digest_of(p, "b")};
    struct snapshot_row got;
    struct digest large, small;
    struct gc_report report;

    assert_ok(p, blob_put(p->store, memset(arena_alloc(p->arena, file_n), 'o', file_n), file_n,
                          &large, &p->err));
    assert_ok(p, blob_put(p->store, "orphan", 6, &small, &p->err));
    assert_ok(p, history_failure_put(p->store, &f, &p->err));
    assert_ok(p, file_make_folders(in_work(p, "kept"), &p->err));
    assert_ok(p, file_make_folders(in_work(p, "left/over"), &p->err));
    assert_ok(p, file_make_folders(in_work(p, "new.checkpoint"), &p->err));
    make_old(in_work(p, "kept"));
    make_old(in_work(p, "left"));
    put_file("store/tmp/Xleft", "half");
    put_file("store/blobs/stray", "?");
    put_file("store/graphs/old", "?");
    assert_ok(p, history_snapshot_put(p->store, &row, &p->err));
    report = collect(p, -1, -1, false);
    assert_int_equal(report.results, 0);
    assert_int_equal(report.blobs, 2);
    assert_int_equal(report.bytes, file_n + 6);
    assert_int_equal(report.leftovers, 1);
    assert_false(exists(blob_path(p, &large)) || exists("store/tmp/Xleft"));
    assert_false(exists(in_work(p, "left")) || exists("store/blobs/stray"));
    assert_true(exists(in_work(p, "kept")));
    assert_true(is_kept(p, &key));
    assert_false(exists("store/graphs/old"));
    assert_int_equal(history_snapshot_get(p->store, &row.name, &got, &p->err), ERR_NOT_FOUND);
}

static const char *first_damage(struct place *p)
{
    struct verify_report report;

    assert_int_equal(cache_verify(p->store, p->arena, &report, &p->err), ERR_CORRUPT);
    assert_int_equal(report.n_damage, 1);
    return report.damage[0];
}

static void damage_listing(struct place *p, const struct digest *tree)
{
    struct statement *st;

    if (exists(blob_path(p, tree))) {
        damage(blob_path(p, tree));
        return;
    }
    assert_ok(p, store_write_begin(p->store, &p->err));
    st = database_statement(store_database(p->store),
                            "UPDATE inline_blob SET bytes = CAST(bytes || 'x' "
                            "AS BLOB) WHERE digest = ?1");
    statement_bind_digest(st, 1, tree);
    assert_ok(p, statement_run(st, &p->err));
}

/* Its result stays known; who needs the tree makes it again, and nothing is damaged any more. */
static void a_tree_that_lost_a_blob_is_given_up(void **state)
{
    struct place *p = *state;
    const struct digest key = put(p, "train", "a", 1);
    struct result r;
    struct tree tree;

    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, index_result_get(p->store, &key, p->arena, &r, &p->err));
    assert_ok(p, tree_read(p->store, &r.tree, p->arena, &tree, &p->err));
    assert_int_equal(unlink(blob_path(p, &tree.entries[0].digest)), 0);
    assert_non_null(strstr(first_damage(p), "missing"));
    (void)collect(p, -1, -1, false);
    expect_clean(p);
    assert_ok(p, index_result_get(p->store, &key, p->arena, &r, &p->err));
    assert_true(r.has_tree && !r.kept);
    put(p, "train", "a", 1);
    assert_true(is_kept(p, &key));
    expect_clean(p);
}

static void a_lost_log_is_forgotten(void **state)
{
    struct place *p = *state;
    const struct digest key = put(p, "train", "a", 1);
    struct result r, found;
    enum put_outcome outcome;

    assert_ok(p, index_result_get(p->store, &key, p->arena, &r, &p->err));
    r.key = digest_of(p, "with a log");
    r.has_tree = r.kept = false;
    r.reports = "{}";
    r.has_log = true;
    assert_ok(p, blob_put(p->store, "log", 3, &r.log, &p->err));
    assert_ok(p, index_result_put(p->store, &r, NULL, &outcome, &p->err));
    assert_ok(p, blob_remove(p->store, &r.log, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_non_null(strstr(first_damage(p), "its log is missing"));
    (void)collect(p, -1, -1, false);
    expect_clean(p);
    assert_ok(p, index_result_get(p->store, &r.key, p->arena, &found, &p->err));
    assert_false(found.has_log);
}

static void verify_tells_damage(void **state)
{
    struct place *p = *state;
    const struct digest key = put(p, "train", "a", 1);
    struct result r;
    struct tree tree;

    expect_clean(p);
    assert_ok(p, index_result_get(p->store, &key, p->arena, &r, &p->err));
    assert_ok(p, tree_read(p->store, &r.tree, p->arena, &tree, &p->err));
    damage(blob_path(p, &tree.entries[0].digest));
    assert_non_null(strstr(first_damage(p), "bytes changed"));
    assert_true(exists(blob_path(p, &tree.entries[0].digest))); /* changes nothing */
    assert_int_equal(unlink(blob_path(p, &tree.entries[0].digest)), 0);
    assert_non_null(strstr(first_damage(p), "its out (blob"));
    put(p, "train", "a", 1); /* healed */
    expect_clean(p);
    put_file("store/blobs/stray", "?");
    assert_non_null(strstr(first_damage(p), "not a blob"));
    assert_int_equal(unlink("store/blobs/stray"), 0);
    damage_listing(p, &r.tree);
    assert_non_null(strstr(first_damage(p), "bytes changed"));
    assert_ok(p, blob_remove(p->store, &r.tree, &p->err));
    assert_non_null(strstr(first_damage(p), "tree"));
    assert_ok(p, blob_remove(p->store, &r.log, &p->err));
    put(p, "train", "a", 1);
    expect_clean(p);
    assert_ok(p, blob_remove(p->store, &r.log, &p->err));
    assert_non_null(strstr(first_damage(p), "log is missing"));
}

static void a_dropped_tree_is_no_damage(void **state)
{
    struct place *p = *state;
    struct drop_report report;

    (void)put(p, "unit", "a", 1);
    assert_ok(p, cache_drop_unwanted(p->store, &report, &p->err));
    expect_clean(p);
}

static void statistics_count_by_kind(void **state)
{
    struct place *p = *state;
    const struct digest key = put(p, "unit", "a", 1);
    struct cache_stat stat;

    (void)put(p, "unit", "b", 1);
    (void)put(p, "clone", "c", 1);
    assert_ok(p, index_result_mark(p->store, &key, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, cache_stat(p->store, p->arena, &stat, &p->err));
    assert_int_equal(stat.n_kinds, 2);
    assert_string_equal(stat.kinds[0].kind, "clone");
    assert_string_equal(stat.kinds[1].kind, "unit");
    assert_int_equal(stat.kinds[1].results, 2);
    assert_int_equal(stat.kinds[1].kept, 2);
    assert_int_equal(stat.kinds[1].marked, 1);
    assert_int_equal(stat.kinds[1].bytes, 2 * file_n);
    assert_int_equal(stat.blob_bytes + stat.inline_bytes > 3 * file_n, true);
    assert_int_equal(stat.blobs + stat.inline_blobs, 9);
    assert_true(stat.index_bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unwanted_units_go, enter, leave),
        cmocka_unit_test_setup_teardown(named_units_go, enter, leave),
        cmocka_unit_test_setup_teardown(nothing_goes_while_another_looks, enter, leave),
        cmocka_unit_test_setup_teardown(the_longest_unused_go_first, enter, leave),
        cmocka_unit_test_setup_teardown(the_old_go, enter, leave),
        cmocka_unit_test_setup_teardown(orphans_and_leftovers_go, enter, leave),
        cmocka_unit_test_setup_teardown(a_tree_that_lost_a_blob_is_given_up, enter, leave),
        cmocka_unit_test_setup_teardown(a_lost_log_is_forgotten, enter, leave),
        cmocka_unit_test_setup_teardown(verify_tells_damage, enter, leave),
        cmocka_unit_test_setup_teardown(a_dropped_tree_is_no_damage, enter, leave),
        cmocka_unit_test_setup_teardown(statistics_count_by_kind, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
