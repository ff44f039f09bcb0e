/*
 * index: the first outcome of a key stays; another is kept beside it and marks the key; what is
 * dropped comes back; wants decide what may go.
 */
#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/results/index.h"
#include "cache/results/roots.h"
#include "tests/unit/cache/place.h"

/* A tree of one file, whose blob is in the store. */
static struct tree make_tree(struct place *p, const char *string, size_t n)
{
    static const char *const names[] = {"out"};
    struct tree tree;

    put_bytes(in_work(p, "out"), string, n);
    assert_ok(p, tree_take(p->store, store_work(p->store), names, 1, p->arena, &tree, &p->err));
    return tree;
}

static struct result unit(struct place *p, const char *key, const char *reports,
                          const struct tree *tree)
{
    struct result r = {
        .key = digest_of(p, key),
        .kind = "unit",
        .name = "study/0/1",
        .description = "kind unit\n",
        .reports = reports,
        .info = "{\"tokens_per_s\": 5}",
        .seconds = 1.5,
        .run = 7,
        .used_day = 100,
    };

    if (tree) {
        r.has_tree = true;
        r.tree = tree->digest;
        r.bytes = tree->bytes;
    }
    return r;
}

static enum put_outcome put(struct place *p, const struct result *r, const struct tree *tree)
{
    enum put_outcome outcome;

    assert_ok(p, index_result_put(p->store, r, tree, &outcome, &p->err));
    return outcome;
}

static struct result get(struct place *p, const char *key)
{
    const struct digest d = digest_of(p, key);
    struct result r;

    assert_ok(p, index_result_get(p->store, &d, p->arena, &r, &p->err));
    return r;
}

static void a_result_comes_back(void **state)
{
    struct place *p = *state;
    const struct tree tree = make_tree(p, "w", 10);
    struct result r = unit(p, "k", "t 1\n", &tree), found;

    r.has_log = true;
    assert_ok(p, blob_put(p->store, "log", 3, &r.log, &p->err));
    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    found = get(p, "k");
    assert_string_equal(found.kind, "unit");
    assert_string_equal(found.name, "study/0/1");
    assert_string_equal(found.description, "kind unit\n");
    assert_string_equal(found.reports, "t 1\n");
    assert_string_equal(found.info, "{\"tokens_per_s\": 5}");
    assert_true(found.has_tree && digest_equal(&found.tree, &tree.digest));
    assert_true(found.has_log && digest_equal(&found.log, &r.log));
    assert_int_equal(found.bytes, 10);
    assert_true(found.seconds == 1.5);
    assert_int_equal(found.run, 7);
    assert_int_equal(found.used_day, 100);
    assert_true(found.kept && !found.marked);
}

static void what_is_absent_is_absent(void **state)
{
    struct place *p = *state;
    const struct digest d = digest_of(p, "absent");
    struct result r = unit(p, "k", NULL, NULL), found;

    assert_int_equal(index_result_get(p->store, &d, p->arena, &found, &p->err), ERR_NOT_FOUND);
    r.name = r.info = NULL;
    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    found = get(p, "k");
    assert_null(found.name);
    assert_null(found.info);
    assert_null(found.reports);
    assert_false(found.has_tree || found.has_log || found.kept);
}

static void the_same_again_changes_nothing(void **state)
{
    struct place *p = *state;
    const struct tree tree = make_tree(p, "w", 10);
    struct result r = unit(p, "k", "t 1\n", &tree);

    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    r.run = 8;
    r.seconds = 9;
    r.info = NULL;
    assert_int_equal(put(p, &r, &tree), PUT_SAME);
    assert_int_equal(get(p, "k").run, 7);
    r.has_tree = false; /* reports alone say the same */
    assert_int_equal(put(p, &r, NULL), PUT_SAME);
    assert_true(get(p, "k").kept);
}

/* A unit may be known before its run has ended. */
static void a_log_may_come_later(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "k", "t 1\n", NULL), found;
    const struct digest log = digest_of(p, "log"), other = digest_of(p, "other");

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_false(get(p, "k").has_log);
    r.has_log = true;
    r.log = log;
    assert_int_equal(put(p, &r, NULL), PUT_SAME);
    found = get(p, "k");
    assert_true(found.has_log && digest_equal(&found.log, &log));
    r.log = other; /* the first stays */
    assert_int_equal(put(p, &r, NULL), PUT_SAME);
    found = get(p, "k");
    assert_true(digest_equal(&found.log, &log));
}

static void a_checkpoint_may_come_later(void **state)
{
    struct place *p = *state;
    const struct tree tree = make_tree(p, "w", 10);
    struct result r = unit(p, "k", "t 1\n", NULL);

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_false(get(p, "k").has_tree);
    r = unit(p, "k", "t 1\n", &tree);
    assert_int_equal(put(p, &r, &tree), PUT_COMPLETED);
    assert_true(get(p, "k").kept && get(p, "k").bytes == 10);
    assert_false(get(p, "k").marked);
}

static void another_outcome_is_kept_beside(void **state)
{
    struct place *p = *state;
    const struct tree first = make_tree(p, "w", 10), second = make_tree(p, "v", 10);
    struct result r = unit(p, "k", "t 1\n", &first), known, *others;
    size_t n;

    assert_int_equal(put(p, &r, &first), PUT_NEW);
    r = unit(p, "k", "t 1\n", &second);
    r.run = 9;
    assert_int_equal(put(p, &r, &second), PUT_DIFFERENT);
    assert_int_equal(put(p, &r, &second), PUT_DIFFERENT); /* kept once */
    assert_true(get(p, "k").marked);
    known = get(p, "k");
    assert_true(digest_equal(&known.tree, &first.digest));
    assert_ok(p, index_result_others(p->store, &r.key, p->arena, &others, &n, &p->err));
    assert_int_equal(n, 1);
    assert_true(digest_equal(&others[0].tree, &second.digest));
    assert_true(others[0].kept);
    assert_int_equal(others[0].run, 9);
    r = unit(p, "k", "t 2\n", NULL);
    assert_int_equal(put(p, &r, NULL), PUT_DIFFERENT);
    assert_ok(p, index_result_others(p->store, &r.key, p->arena, &others, &n, &p->err));
    assert_int_equal(n, 2);
    assert_string_equal(others[1].reports, "t 2\n");
    r = unit(p, "k", "t 1\n", &first); /* the first is still the result */
    assert_int_equal(put(p, &r, &first), PUT_SAME);
}

static void an_action_without_reports_differs_by_its_tree(void **state)
{
    struct place *p = *state;
    const struct tree tree = make_tree(p, "w", 10);
    struct result r = unit(p, "k", NULL, &tree);

    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    r = unit(p, "k", NULL, NULL);
    assert_int_equal(put(p, &r, NULL), PUT_DIFFERENT);
}

static void many_are_read_at_once(void **state)
{
    struct place *p = *state;
    enum { N = 1000 };
    struct digest keys[N];
    const struct result *found[N];

    for (int i = 0; i < N; i++) {
        char key[16];
        struct result r;
        (void)snprintf(key, sizeof key, "%d", i);
        keys[i] = digest_of(p, key);
        r = unit(p, key, key, NULL);
        if (i % 2 == 0)
            assert_int_equal(put(p, &r, NULL), PUT_NEW);
    }
    for (int synced = 0; synced < 2; synced++) {
        assert_ok(p, index_results_get(p->store, keys, N, p->arena, found, &p->err));
        for (int i = 0; i < N; i++) {
            assert_int_equal(found[i] != NULL, i % 2 == 0);
            if (found[i])
                assert_true(digest_equal(&found[i]->key, &keys[i]));
        }
        assert_ok(p, store_sync(p->store, &p->err));
    }
    assert_ok(p, index_results_get(p->store, keys, 0, p->arena, found, &p->err));
}

/* One state for many reads; a write ends it. */
static void reads_may_share_a_snapshot(void **state)
{
    struct place *p = *state;
    struct store *mine = p->store, *other;
    struct result r = unit(p, "k", "x", NULL), found;

    assert_ok(p, store_open("store", STORE_WRITE, NULL, &other, &p->err));
    index_read_begin(mine);
    assert_int_equal(index_result_get(mine, &r.key, p->arena, &found, &p->err), ERR_NOT_FOUND);
    p->store = other;
    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_ok(p, store_sync(other, &p->err));
    p->store = mine;
    assert_int_equal(index_result_get(mine, &r.key, p->arena, &found, &p->err), ERR_NOT_FOUND);
    assert_int_equal(put(p, &r, NULL), PUT_SAME);
    index_read_end(mine);
    assert_ok(p, index_result_get(mine, &r.key, p->arena, &found, &p->err));
    index_read_begin(mine);
    index_read_begin(mine);
    index_read_end(mine);
    index_read_end(mine);
    store_close(other);
}

static void all_are_walked_in_order(void **state)
{
    struct place *p = *state;
    struct result found;
    struct digest last = {{0}};
    int n = 0;

    for (int i = 0; i < 20; i++) {
        char key[16];
        struct result r;
        (void)snprintf(key, sizeof key, "%d", i);
        r = unit(p, key, key, NULL);
        assert_int_equal(put(p, &r, NULL), PUT_NEW);
    }
    for (;;) {
        const struct digest after = last;
        enum status s = index_result_next(p->store, n ? &after : NULL, p->arena, &found, &p->err);
        if (s == ERR_NOT_FOUND)
            break;
        assert_ok(p, s);
        assert_true(memcmp(&last, &found.key, sizeof last) < 0);
        assert_string_equal(found.description, "kind unit\n");
        last = found.key;
        n++;
    }
    assert_int_equal(n, 20);
}

static void keys_are_found_by_their_first_digits(void **state)
{
    struct place *p = *state;
    const struct digest d = digest_of(p, "k");
    char hex[DIGEST_HEX + 1];
    struct result r = unit(p, "k", "x", NULL);
    struct digest *keys;
    size_t n;

    digest_hex(&d, hex);
    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    r = unit(p, "l", "x", NULL);
    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    for (size_t digits = DIGEST_HEX; digits >= 4; digits--) {
        hex[digits] = '\0';
        assert_ok(p, index_result_find(p->store, hex, 2, p->arena, &keys, &n, &p->err));
        assert_int_equal(n, 1);
        assert_true(digest_equal(&keys[0], &d));
    }
    hex[0] = hex[0] == '0' ? '1' : '0';
    assert_ok(p, index_result_find(p->store, hex, 2, p->arena, &keys, &n, &p->err));
    assert_int_equal(n, 0);
    assert_ok(p, index_result_find(p->store, "", 2, p->arena, &keys, &n, &p->err));
    assert_int_equal(n, 0);
    assert_ok(p, index_result_find(p->store, "xyz", 2, p->arena, &keys, &n, &p->err));
    assert_int_equal(n, 0);
}

static void use_is_noted_only_when_it_is_news(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "k", "x", NULL);

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, index_results_touch(p->store, &r.key, 1, 100, &p->err));
    assert_false(store_is_dirty(p->store));
    assert_ok(p, index_results_touch(p->store, &r.key, 1, 101, &p->err));
    assert_true(store_is_dirty(p->store));
    assert_int_equal(get(p, "k").used_day, 101);
    r.key = digest_of(p, "absent");
    assert_ok(p, index_results_touch(p->store, &r.key, 1, 102, &p->err));
}

static void what_is_forgotten_is_made_again(void **state)
{
    struct place *p = *state;
    const struct tree tree = make_tree(p, "w", 10);
    struct result r = unit(p, "k", "x", &tree), found;

    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    assert_ok(p, index_result_mark(p->store, &r.key, &p->err));
    assert_true(get(p, "k").marked);
    assert_ok(p, index_result_forget(p->store, &r.key, &p->err));
    assert_ok(p, index_result_forget(p->store, &r.key, &p->err));
    assert_int_equal(index_result_get(p->store, &r.key, p->arena, &found, &p->err), ERR_NOT_FOUND);
    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    assert_false(get(p, "k").marked);
}

static int64_t revision(struct place *p)
{
    int64_t number;

    assert_ok(p, index_revision(p->store, &number, &p->err));
    return number;
}

static void a_wrong_answer_is_a_revision(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "k", "x", NULL), other = unit(p, "k", "y", NULL);
    const int64_t first = revision(p);

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_int_equal(put(p, &r, NULL), PUT_SAME);
    assert_int_equal(revision(p), first);
    assert_int_equal(put(p, &other, NULL), PUT_DIFFERENT);
    assert_int_equal(revision(p), first + 1);
    assert_ok(p, index_result_forget(p->store, &r.key, &p->err));
    assert_int_equal(revision(p), first + 2);
    assert_ok(p, index_result_mark(p->store, &r.key, &p->err));
    assert_int_equal(revision(p), first + 3);
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    assert_int_equal(revision(p), first + 3);
}

static void wants_are_written_only_when_they_change(void **state)
{
    struct place *p = *state;
    struct digest keys[] = {digest_of(p, "a"), digest_of(p, "b"), digest_of(p, "a")};
    struct digest swapped[] = {keys[1], keys[0]};

    assert_ok(p, roots_replace(p->store, "me", keys, 3, &p->err));
    assert_true(store_is_dirty(p->store));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, roots_replace(p->store, "me", swapped, 2, &p->err));
    assert_ok(p, roots_replace(p->store, "nobody", NULL, 0, &p->err));
    assert_false(store_is_dirty(p->store));
    assert_ok(p, roots_replace(p->store, "me", keys, 1, &p->err));
    assert_true(store_is_dirty(p->store));
}

static size_t drop(struct place *p, const char *key, struct digest **blobs)
{
    const struct digest d = digest_of(p, key);
    size_t n = 0, capacity = 0;

    *blobs = NULL;
    assert_ok(p, index_result_drop_tree(p->store, &d, p->arena, blobs, &n, &capacity, &p->err));
    return n;
}

static void only_what_nobody_else_needs_goes(void **state)
{
    struct place *p = *state;
    const struct tree tree = make_tree(p, "w", 10000);
    const struct tree_entry both[] = {
        {.kind = TREE_FILE, .path = "a", .size = 10000, .digest = tree.entries[0].digest},
        {.kind = TREE_EXECUTABLE, .path = "b", .size = 10000, .digest = tree.entries[0].digest},
    };
    struct tree shared;
    struct digest *blobs;
    struct result r;
    const size_t listing = tree.text_n > BLOB_INLINE; /* one more, with tiny constants */

    assert_ok(p, tree_make(p->store, both, 2, p->arena, &shared, &p->err));
    r = unit(p, "one", "x", &tree);
    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    r = unit(p, "two", "x", &tree);
    assert_int_equal(put(p, &r, &tree), PUT_NEW);
    r = unit(p, "three", "x", &shared);
    assert_int_equal(put(p, &r, &shared), PUT_NEW);
    assert_int_equal(drop(p, "one", &blobs), 0); /* "two" has the same tree */
    r = get(p, "one");
    assert_false(r.kept);
    assert_true(digest_equal(&r.tree, &tree.digest));  /* to compare with */
    assert_int_equal(drop(p, "two", &blobs), listing); /* "three" has the same blob */
    assert_int_equal(drop(p, "three", &blobs), 1 + listing);
    assert_true(digest_equal(&blobs[0], &tree.entries[0].digest) || listing);
    assert_int_equal(drop(p, "three", &blobs), 0);
    assert_int_equal(drop(p, "absent", &blobs), 0);
    /* Made again, it is kept again, and needs its blob again. */
    r = unit(p, "one", "x", &tree);
    assert_int_equal(put(p, &r, &tree), PUT_SAME);
    assert_true(get(p, "one").kept);
    assert_int_equal(drop(p, "one", &blobs), 1 + listing);
}

/* Whoever may write drops the row, says so once, and finds nothing in its place. */
static void damaged_rows_are_dropped_and_said(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "k", "x", NULL), found;
    const char *sentence;

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_ok(p, statement_run(database_statement(store_database(p->store),
                                                  "UPDATE result SET reports = 'y'"),
                               &p->err));
    assert_int_equal(index_result_get(p->store, &r.key, p->arena, &found, &p->err), ERR_NOT_FOUND);
    assert_non_null(sentence = store_damage(p->store));
    assert_non_null(strstr(sentence, "\"result\" (results of actions and units): 1 dropped, 0 "
                                     "missing"));
    assert_null(store_damage(p->store));
    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_ok(p, index_result_get(p->store, &r.key, p->arena, &found, &p->err));
    assert_string_equal(found.reports, "x");
}

/* Whoever only reads is told, with what to do. */
static void damaged_rows_are_damage_to_a_reader(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "k", "x", NULL), found;

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, store_write_begin(p->store, &p->err));
    assert_ok(p, statement_run(database_statement(store_database(p->store),
                                                  "UPDATE result SET tree = x'0102'"),
                               &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    store_close(p->store);
    assert_ok(p, store_open("store", STORE_READ, NULL, &p->store, &p->err));
    assert_int_equal(index_result_get(p->store, &r.key, p->arena, &found, &p->err), ERR_CORRUPT);
    assert_non_null(strstr(p->err.hint, "hpo cache gc"));
}

/* After a failure inside the transaction nothing of it is ever committed. */
static void a_failed_write_poisons_the_transaction(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "k", "x", NULL), found;

    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_int_not_equal(statement_run(database_statement(store_database(p->store),
                                                          "INSERT INTO result(key) VALUES(1)"),
                                       &p->err),
                         OK);
    assert_int_not_equal(store_sync(p->store, &p->err), OK);
    assert_int_not_equal(store_sync(p->store, &p->err), OK);
    assert_int_not_equal(store_write_begin(p->store, &p->err), OK);
    reopen(p);
    assert_int_equal(index_result_get(p->store, &r.key, p->arena, &found, &p->err), ERR_NOT_FOUND);
    assert_int_equal(put(p, &r, NULL), PUT_NEW);
    assert_ok(p, store_sync(p->store, &p->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_result_comes_back, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_absent_is_absent, enter, leave),
        cmocka_unit_test_setup_teardown(the_same_again_changes_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(a_log_may_come_later, enter, leave),
        cmocka_unit_test_setup_teardown(a_checkpoint_may_come_later, enter, leave),
        cmocka_unit_test_setup_teardown(another_outcome_is_kept_beside, enter, leave),
        cmocka_unit_test_setup_teardown(an_action_without_reports_differs_by_its_tree, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(many_are_read_at_once, enter, leave),
        cmocka_unit_test_setup_teardown(reads_may_share_a_snapshot, enter, leave),
        cmocka_unit_test_setup_teardown(all_are_walked_in_order, enter, leave),
        cmocka_unit_test_setup_teardown(keys_are_found_by_their_first_digits, enter, leave),
        cmocka_unit_test_setup_teardown(use_is_noted_only_when_it_is_news, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_made_again, enter, leave),
        cmocka_unit_test_setup_teardown(a_wrong_answer_is_a_revision, enter, leave),
        cmocka_unit_test_setup_teardown(wants_are_written_only_when_they_change, enter, leave),
        cmocka_unit_test_setup_teardown(only_what_nobody_else_needs_goes, enter, leave),
        cmocka_unit_test_setup_teardown(damaged_rows_are_dropped_and_said, enter, leave),
        cmocka_unit_test_setup_teardown(damaged_rows_are_damage_to_a_reader, enter, leave),
        cmocka_unit_test_setup_teardown(a_failed_write_poisons_the_transaction, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
