/* guard: rows that change, vanish or appear behind the back of the store are found, said,
 * dropped. */
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/verify.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/results/roots.h"
#include "tests/unit/cache/place.h"

enum { DAY = 20000 };

static struct result unit(struct place *p, const char *name)
{
    return (struct result){
        .key = digest_of(p, name),
        .kind = "unit",
        .description = name,
        .reports = "{\"t\": 1}",
        .seconds = 1,
        .used_day = DAY,
    };
}

static void put(struct place *p, const char *name)
{
    const struct result r = unit(p, name);
    enum put_outcome outcome;

    assert_ok(p, index_result_put(p->store, &r, NULL, &outcome, &p->err));
}

/* SQL that goes around the guards. */
static void tamper(struct place *p, const char *sql)
{
    assert_ok(p, store_write_begin(p->store, &p->err));
    assert_ok(p, statement_run(database_statement(store_database(p->store), sql), &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
}

static enum status verify(struct place *p, const char **damage)
{
    struct verify_report report;
    const enum status s = cache_verify(p->store, p->arena, &report, &p->err);

    *damage = report.n_damage > 0 ? report.damage[0] : "";
    return s;
}

static void expect_clean(struct place *p)
{
    const char *damage;

    if (verify(p, &damage) != OK)
        fail_msg("%s: %s", p->err.text, damage);
}

static void expect_damage(struct place *p, const char *text)
{
    const char *damage;

    assert_int_equal(verify(p, &damage), ERR_CORRUPT);
    assert_non_null(strstr(damage, text));
    assert_true(p->err.hint[0] != '\0');
}

static void collect(struct place *p)
{
    const struct gc_limits limits = {-1, -1, DAY, false};
    struct gc_report report;

    assert_ok(p, cache_gc(p->store, &limits, &report, &p->err));
}

static void a_changed_row_is_found_and_dropped(void **state)
{
    struct place *p = *state;
    const char *sentence;

    put(p, "a");
    put(p, "b");
    assert_ok(p, store_sync(p->store, &p->err));
    expect_clean(p);
    tamper(p, "UPDATE result SET reports = '{\"t\": 2}'");
    expect_damage(p, "damaged rows in \"result\" (results of actions and units): 2");
    assert_null(store_damage(p->store)); /* verify only looks */
    collect(p);
    assert_non_null(sentence = store_damage(p->store));
    assert_non_null(strstr(sentence, "2 dropped, 0 missing"));
    expect_clean(p);
}

static void a_lost_row_is_found_and_counted(void **state)
{
    struct place *p = *state;

    put(p, "a");
    put(p, "b");
    assert_ok(p, store_sync(p->store, &p->err));
    tamper(p, "DELETE FROM detail WHERE rowid = 1");
    expect_damage(p, "missing rows in \"detail\" (descriptions of keys): 1");
    collect(p);
    assert_non_null(strstr(store_damage(p->store), "0 dropped, 1 missing"));
    expect_clean(p);
}

static void a_row_in_anothers_place_is_found(void **state)
{
    struct place *p = *state;
    struct digest key = digest_of(p, "k");

    assert_ok(p, history_journal_put(p->store, &key, "yes", DAY, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    /* Whole by itself and of the right number, but of another table. */
    tamper(p, "UPDATE journal SET digest = (SELECT digest FROM revision)");
    expect_damage(p, "damaged rows in \"journal\"");
    tamper(p, "UPDATE table_sum SET sum = sum + 1 WHERE name = 'revision'");
    expect_damage(p, "");
    collect(p);
    expect_clean(p);
}

static void each_kind_of_change_keeps_the_sums(void **state)
{
    struct place *p = *state;
    struct study_table table = {"r", "{}", "s", 1, "body"};
    struct digest a = digest_of(p, "a"), b = digest_of(p, "b");
    struct run run = {.recipe = "r", .arguments = "{}", .started = 1, .status = "done"};
    struct node_key node = {"n", a, 1};
    struct failure failure = {.key = a, .run = 1, .text = "it failed", .day = DAY};

    put(p, "a");
    put(p, "b");
    for (int i = 0; i < 2; i++) {
        assert_ok(p, history_run_begin(p->store, &run, &run.id, &p->err));
        assert_ok(p, history_run_finish(p->store, &run, &p->err));
        node.run = run.id;
        node.key = i ? a : b;
        assert_ok(p, history_nodes_put(p->store, "r", &node, 1, &p->err));
        table.body = i ? "another body" : "body";
        assert_ok(p, history_table_put(p->store, &table, &p->err));
        assert_ok(p, history_failure_put(p->store, &failure, &p->err));
        assert_ok(p, history_journal_put(p->store, &a, i ? "yes" : "no", DAY, &p->err));
        assert_ok(p, roots_replace(p->store, "me", i ? &a : &b, 1, &p->err));
        assert_ok(p, index_results_touch(p->store, &a, 1, DAY + 1 + i, &p->err));
        assert_ok(p, index_result_mark(p->store, i ? &a : &b, &p->err));
    }
    assert_ok(p, history_failure_remove(p->store, &a, &p->err));
    expect_clean(p); /* before and after they are written down */
    assert_ok(p, store_sync(p->store, &p->err));
    expect_clean(p);
    assert_ok(p, index_result_forget(p->store, &b, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    expect_clean(p);
}

static void a_mark_outlives_its_row_where_a_second_result_is_known(void **state)
{
    struct place *p = *state;
    struct result r = unit(p, "a"), found;
    enum put_outcome outcome;

    put(p, "a");
    r.reports = "{\"t\": 9}";
    assert_ok(p, index_result_put(p->store, &r, NULL, &outcome, &p->err));
    assert_int_equal(outcome, PUT_DIFFERENT);
    assert_ok(p, store_sync(p->store, &p->err));
    tamper(p, "UPDATE result SET marked = 0");
    assert_int_equal(index_result_get(p->store, &r.key, p->arena, &found, &p->err), ERR_NOT_FOUND);
    put(p, "a");
    assert_ok(p, index_result_get(p->store, &r.key, p->arena, &found, &p->err));
    assert_true(found.marked);
    expect_clean(p);
}

/* What is taken back with its transaction is not in the sums either. */
static void what_was_not_committed_is_not_counted(void **state)
{
    struct place *p = *state;

    put(p, "a");
    assert_ok(p, store_sync(p->store, &p->err));
    put(p, "b");
    reopen(p);
    expect_clean(p);
}

static void a_lost_revision_is_none_that_a_snapshot_has(void **state)
{
    struct place *p = *state;
    const struct digest key = digest_of(p, "a");
    int64_t before, lost, after;

    put(p, "a");
    assert_ok(p, index_result_mark(p->store, &key, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, index_revision(p->store, &before, &p->err));
    tamper(p, "UPDATE revision SET number = 0");
    assert_ok(p, index_revision(p->store, &lost, &p->err));
    assert_true(lost < 0);
    assert_ok(p, store_sync(p->store, &p->err)); /* drops it */
    assert_ok(p, index_result_mark(p->store, &key, &p->err));
    assert_ok(p, index_revision(p->store, &after, &p->err));
    assert_true(after > before + 1000);
    expect_clean(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_changed_row_is_found_and_dropped, enter, leave),
        cmocka_unit_test_setup_teardown(a_lost_row_is_found_and_counted, enter, leave),
        cmocka_unit_test_setup_teardown(a_row_in_anothers_place_is_found, enter, leave),
        cmocka_unit_test_setup_teardown(each_kind_of_change_keeps_the_sums, enter, leave),
        cmocka_unit_test_setup_teardown(a_mark_outlives_its_row_where_a_second_result_is_known,
                                        enter, leave),
        cmocka_unit_test_setup_teardown(what_was_not_committed_is_not_counted, enter, leave),
        cmocka_unit_test_setup_teardown(a_lost_revision_is_none_that_a_snapshot_has, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
