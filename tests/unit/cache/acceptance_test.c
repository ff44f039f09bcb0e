/*
 * acceptance: an accepted key has the result that it points at, until it has its own or is revoked;
 * what was trained on from it goes with it.
 */
#include "cache/results/acceptance.h"

#include "cache/content/tree.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/verify.h"
#include "cache/results/index.h"
#include "tests/unit/cache/place.h"

enum { DAY = 20000 };

/* As a unit's description: only its parent matters here. */
static const char *describe(struct place *p, const char *name, const char *parent)
{
    char hex[DIGEST_HEX + 1] = "";

    if (parent) {
        const struct digest d = digest_of(p, parent);
        digest_hex(&d, hex);
    }
    return arena_printf(p->arena, "unit 1\ntemplate \"%s\"\nt 1\nparent \"%s\"\n", name, hex);
}

static enum put_outcome put(struct place *p, const char *name, const char *parent,
                            const char *reports)
{
    const struct result r = {.key = digest_of(p, name),
                             .kind = "unit",
                             .description = describe(p, name, parent),
                             .reports = reports,
                             .used_day = DAY};
    enum put_outcome outcome;

    assert_ok(p, index_result_put(p->store, &r, NULL, &outcome, &p->err));
    return outcome;
}

static enum status accept(struct place *p, const char *name, const char *parent,
                          const char *stands_for)
{
    const struct acceptance a = {.key = digest_of(p, name),
                                 .stands_for = digest_of(p, stands_for),
                                 .recipe = "r.lua",
                                 .name = name,
                                 .who = "me",
                                 .uid = 7,
                                 .time = 1000};

    return acceptance_put(p->store, &a, describe(p, name, parent), &p->err);
}

static enum status get(struct place *p, const char *name, struct result *r)
{
    const struct digest key = digest_of(p, name);

    return index_result_get(p->store, &key, p->arena, r, &p->err);
}

static bool is_known(struct place *p, const char *name)
{
    struct result r;

    return get(p, name, &r) == OK;
}

static void assert_key(struct place *p, const struct digest *key, const char *name)
{
    const struct digest expected = digest_of(p, name);

    assert_true(digest_equal(key, &expected));
}

/* The name of the key that this one's result rests on. */
static const char *origin(struct place *p, const char *name)
{
    const struct digest key = digest_of(p, name);
    struct acceptance a;

    return acceptance_origin(p->store, &key, p->arena, &a, &p->err) == OK ? a.name : "none";
}

static void take_back(struct place *p, const char *name)
{
    const struct digest key = digest_of(p, name);

    assert_ok(p, acceptance_revoke(p->store, &key, 1, &p->err));
}

static void expect_clean(struct place *p)
{
    struct verify_report report;

    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, cache_verify(p->store, p->arena, &report, &p->err));
}

static void it_has_the_other_ones_result(void **state)
{
    struct place *p = *state;
    struct acceptance *list;
    struct result r;
    size_t n;

    (void)put(p, "old", NULL, "{\"x\": 1}");
    assert_int_equal(accept(p, "new", NULL, "none"), ERR_NOT_FOUND);
    assert_ok(p, accept(p, "new", NULL, "old"));
    assert_ok(p, get(p, "new", &r));
    assert_key(p, &r.key, "old");
    assert_string_equal(r.reports, "{\"x\": 1}");
    assert_string_equal(r.description, describe(p, "new", NULL));
    assert_string_equal(origin(p, "new"), "new");
    assert_string_equal(origin(p, "old"), "none");
    assert_ok(p, acceptance_list(p->store, "r.lua", p->arena, &list, &n, &p->err));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].who, "me");
    assert_int_equal(list[0].uid, 7);
    assert_int_equal(list[0].time, 1000);
    assert_ok(p, acceptance_list(p->store, "q.lua", p->arena, &list, &n, &p->err));
    assert_int_equal(n, 0);
    expect_clean(p);
}

static void it_never_points_at_an_accepted_one(void **state)
{
    struct place *p = *state;
    const struct digest second = digest_of(p, "second");
    struct acceptance a;

    (void)put(p, "old", NULL, "{}");
    assert_ok(p, accept(p, "first", NULL, "old"));
    assert_ok(p, accept(p, "second", NULL, "first"));
    assert_ok(p, acceptance_get(p->store, &second, p->arena, &a, &p->err));
    assert_key(p, &a.stands_for, "old");
    take_back(p, "first");
    assert_true(is_known(p, "second"));
    assert_false(is_known(p, "first"));
    (void)put(p, "own", NULL, "{\"x\": 2}");
    assert_ok(p, accept(p, "own", NULL, "old")); /* it has its own: nothing changes */
    assert_string_equal(origin(p, "own"), "none");
    expect_clean(p);
}

static void its_own_result_takes_its_place(void **state)
{
    struct place *p = *state;
    struct result r;

    (void)put(p, "old", NULL, "{\"x\": 1}");
    assert_ok(p, accept(p, "new", NULL, "old"));
    (void)put(p, "behind", "new", "{\"x\": 2}");
    assert_string_equal(origin(p, "behind"), "new");
    assert_int_equal(put(p, "new", NULL, "{\"x\": 1}"), PUT_SAME);
    assert_ok(p, get(p, "new", &r));
    assert_key(p, &r.key, "new");
    assert_false(r.marked);
    assert_string_equal(origin(p, "new"), "none");
    assert_string_equal(origin(p, "behind"), "none");
    assert_true(is_known(p, "behind"));
    expect_clean(p);
}

static void a_difference_marks_both(void **state)
{
    struct place *p = *state;
    struct result r;

    (void)put(p, "old", NULL, "{\"x\": 1}");
    assert_ok(p, accept(p, "new", NULL, "old"));
    (void)put(p, "behind", "new", "{\"x\": 2}");
    assert_int_equal(put(p, "new", NULL, "{\"x\": 9}"), PUT_DIFFERENT);
    assert_ok(p, get(p, "new", &r));
    assert_string_equal(r.reports, "{\"x\": 9}");
    assert_true(r.marked);
    assert_ok(p, get(p, "old", &r));
    assert_string_equal(r.reports, "{\"x\": 1}");
    assert_true(r.marked);
    assert_false(is_known(p, "behind"));
    expect_clean(p);
}

/* a (accepted) → b → c; a → d (accepted) → e; another chain has nothing to do with it. */
static void what_rests_on_it_goes_with_it(void **state)
{
    struct place *p = *state;
    const struct digest a = digest_of(p, "a");
    struct digest *followers;
    size_t n;

    (void)put(p, "old a", NULL, "{}");
    (void)put(p, "old d", "old a", "{}");
    (void)put(p, "other", NULL, "{}");
    (void)put(p, "behind other", "other", "{}");
    assert_ok(p, accept(p, "a", NULL, "old a"));
    assert_ok(p, accept(p, "d", "a", "old d"));
    (void)put(p, "b", "a", "{}");
    (void)put(p, "c", "b", "{}");
    (void)put(p, "e", "d", "{}");
    assert_string_equal(origin(p, "c"), "a");
    assert_string_equal(origin(p, "e"), "d");
    assert_ok(p, acceptance_followers(p->store, &a, 1, p->arena, &followers, &n, &p->err));
    assert_int_equal(n, 2);
    take_back(p, "a");
    assert_false(is_known(p, "a") || is_known(p, "b") || is_known(p, "c"));
    assert_true(is_known(p, "d") && is_known(p, "e"));
    assert_true(is_known(p, "old a") && is_known(p, "behind other"));
    take_back(p, "d");
    assert_false(is_known(p, "d") || is_known(p, "e"));
    expect_clean(p);
}

static void revoking_grows_the_revision(void **state)
{
    struct place *p = *state;
    int64_t before, after;

    (void)put(p, "old", NULL, "{}");
    assert_ok(p, accept(p, "new", NULL, "old"));
    assert_ok(p, index_revision(p->store, &before, &p->err));
    take_back(p, "new");
    assert_ok(p, index_revision(p->store, &after, &p->err));
    assert_true(after > before);
}

static void what_it_points_at_is_not_collected(void **state)
{
    static const char *const names[] = {"out"};
    const struct gc_limits limits = {0, 0, DAY + 100, false};
    struct place *p = *state;
    struct result r = {.kind = "command", .description = "", .has_tree = true, .used_day = DAY};
    enum put_outcome outcome;
    struct gc_report report;
    struct tree tree;

    put_bytes(in_work(p, "out"), "bytes", 10000);
    assert_ok(p, tree_take(p->store, store_work(p->store), names, 1, p->arena, &tree, &p->err));
    r.tree = tree.digest;
    r.bytes = tree.bytes;
    for (int i = 0; i < 2; i++) {
        r.key = digest_of(p, i ? "old" : "unused");
        assert_ok(p, index_result_put(p->store, &r, &tree, &outcome, &p->err));
    }
    assert_ok(p, accept(p, "new", NULL, "old"));
    assert_ok(p, cache_gc(p->store, &limits, &report, &p->err));
    assert_false(is_known(p, "unused"));
    assert_ok(p, get(p, "new", &r));
    assert_true(r.kept);
    take_back(p, "new");
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, cache_gc(p->store, &limits, &report, &p->err));
    assert_false(is_known(p, "old"));
    expect_clean(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_has_the_other_ones_result, enter, leave),
        cmocka_unit_test_setup_teardown(it_never_points_at_an_accepted_one, enter, leave),
        cmocka_unit_test_setup_teardown(its_own_result_takes_its_place, enter, leave),
        cmocka_unit_test_setup_teardown(a_difference_marks_both, enter, leave),
        cmocka_unit_test_setup_teardown(what_rests_on_it_goes_with_it, enter, leave),
        cmocka_unit_test_setup_teardown(revoking_grows_the_revision, enter, leave),
        cmocka_unit_test_setup_teardown(what_it_points_at_is_not_collected, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
