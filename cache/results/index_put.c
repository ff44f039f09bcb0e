/*
 * index_put: what a build found out, as rows. The invariant: a result that is kept has, in `needs`,
 * every blob file its tree needs. Start at index_result_put.
 */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "cache/content/blob.h"
#include "cache/content/inline_blob.h"
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/results/acceptance.h"
#include "cache/results/index.h"
#include "cache/schema.h"
#include "cache/store.h"

/* ---- needs ---- */

static enum status add_need(struct store *store, const struct digest *owner,
                            const struct digest *blob, struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st = database_statement(
        db, "SELECT 1 FROM needs WHERE owner = ?1 AND blob = ?2 AND " ROW_IS(NEEDS));
    bool known;

    statement_bind_digest(st, 1, owner);
    statement_bind_digest(st, 2, blob);
    known = statement_row(st);
    TRY(statement_end(st, err));
    if (known)
        return OK;
    st = database_statement(db, ROW_PUT(NEEDS, "?1, ?2"));
    statement_bind_digest(st, 1, owner);
    statement_bind_digest(st, 2, blob);
    return statement_run(st, err);
}

/* Small blobs are not worth a row: only gc takes them away. */
static enum status add_needs(struct store *store, const struct result *r, const struct tree *tree,
                             struct error *err)
{
    bool small = true;

    if (r->has_log)
        TRY(inline_blob_exists(store, &r->log, &small, err));
    if (!small)
        TRY(add_need(store, &r->key, &r->log, err));
    if (!tree)
        return OK;
    if (tree->text_n > BLOB_INLINE)
        TRY(add_need(store, &tree->digest, &tree->digest, err)); /* its listing */
    for (size_t i = 0; i < tree->n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        if ((e->kind == TREE_FILE || e->kind == TREE_EXECUTABLE) && e->size > BLOB_INLINE)
            TRY(add_need(store, &tree->digest, &e->digest, err));
    }
    return OK;
}

/* ---- putting ---- */

enum status index_detail_put(struct store *store, const struct result *r, struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st =
        database_statement(db, "DELETE FROM detail WHERE key = ?1" ROW_GONE(DETAIL));

    statement_bind_digest(st, 1, &r->key);
    TRY(statement_run(st, err));
    st = database_statement(db, ROW_PUT(DETAIL, "?1, ?2, ?3"));
    statement_bind_digest(st, 1, &r->key);
    statement_bind_text(st, 2, r->description ? r->description : "");
    statement_bind_text(st, 3, r->info);
    return statement_run(st, err);
}

enum status index_info_put(struct store *store, const struct result *r, struct error *err)
{
    TRY(store_write_begin(store, err));
    return index_detail_put(store, r, err);
}

/* A row that was damaged and dropped comes back with its mark, if a second result lies there. */
static enum status insert_result(struct store *store, const struct result *r, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        ROW_PUT(RESULT, "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
                        "EXISTS(SELECT 1 FROM other_result WHERE key = ?1), ?11"));

    statement_bind_digest(st, 1, &r->key);
    statement_bind_text(st, 2, r->kind);
    statement_bind_text(st, 3, r->name);
    statement_bind_digest(st, 4, r->has_tree ? &r->tree : NULL);
    statement_bind_integer(st, 5, r->bytes);
    statement_bind_text(st, 6, r->reports);
    statement_bind_digest(st, 7, r->has_log ? &r->log : NULL);
    statement_bind_real(st, 8, r->seconds);
    statement_bind_integer(st, 9, r->run);
    statement_bind_integer(st, 10, r->has_tree);
    statement_bind_integer(st, 11, r->used_day);
    TRY(statement_run(st, err));
    return index_detail_put(store, r, err);
}

static enum status next_other(struct store *store, int64_t *id, struct error *err)
{
    struct statement *st = database_statement(store_database(store),
                                              "SELECT ifnull(max(id), 0) + 1 FROM other_result");

    *id = statement_row(st) ? statement_integer(st, 0) : 1;
    return statement_end(st, err);
}

static enum status insert_other(struct store *store, const struct result *r, struct error *err)
{
    struct statement *st;
    int64_t id;

    TRY(next_other(store, &id, err));
    st = database_statement(store_database(store),
                            ROW_PUT(OTHER_RESULT, "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"));
    statement_bind_integer(st, 1, id);
    statement_bind_digest(st, 2, &r->key);
    statement_bind_digest(st, 3, r->has_tree ? &r->tree : NULL);
    statement_bind_integer(st, 4, r->bytes);
    statement_bind_text(st, 5, r->reports);
    statement_bind_digest(st, 6, r->has_log ? &r->log : NULL);
    statement_bind_real(st, 7, r->seconds);
    statement_bind_integer(st, 8, r->run);
    statement_bind_integer(st, 9, r->has_tree);
    return statement_run(st, err);
}

/* The tree is in the store (again). */
static enum status keep_tree(struct store *store, const struct result *r, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "UPDATE result SET " ROW_SET(
            RESULT, "tree = ?2, bytes = ?3, kept = 1",
            "key, kind, name, ?2, ?3, reports, log, seconds, run, 1, "
            "marked, used_day") " WHERE key = ?1 AND NOT kept AND " ROW_IS(RESULT));

    statement_bind_digest(st, 1, &r->key);
    statement_bind_digest(st, 2, &r->tree);
    statement_bind_integer(st, 3, r->bytes);
    return statement_run(st, err);
}

/* A unit was known before its run ended, and had no log: a run keeps one with its last unit. */
static enum status keep_log(struct store *store, const struct result *r, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "UPDATE result SET " ROW_SET(
            RESULT, "log = ?2",
            "key, kind, name, tree, bytes, reports, ?2, seconds, run, kept, "
            "marked, used_day") " WHERE key = ?1 AND log IS NULL AND " ROW_IS(RESULT));

    statement_bind_digest(st, 1, &r->key);
    statement_bind_digest(st, 2, &r->log);
    return statement_run(st, err);
}

static enum status keep_other(struct store *store, const struct result *r, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "UPDATE other_result SET " ROW_SET(OTHER_RESULT, "kept = 1",
                                           "id, key, tree, bytes, reports, log, seconds, "
                                           "run, 1") " WHERE key = ?1 AND tree = ?2 AND NOT "
                                                     "kept AND " ROW_IS(OTHER_RESULT));

    statement_bind_digest(st, 1, &r->key);
    statement_bind_digest(st, 2, &r->tree);
    return statement_run(st, err);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_outcome(const struct result *a, const struct result *b)
{
    if (a->has_tree && b->has_tree && !digest_equal(&a->tree, &b->tree))
        return false;
    /* Without reports, the tree is all there is to compare. */
    if (!a->reports && !b->reports && a->has_tree != b->has_tree)
        return false;
    return same_text(a->reports, b->reports);
}

static enum status put_beside(struct store *store, const struct result *r, struct arena *arena,
                              struct error *err)
{
    struct result *others;
    size_t n;

    TRY(index_result_mark(store, &r->key, err));
    TRY(index_result_others(store, &r->key, arena, &others, &n, err));
    for (size_t i = 0; i < n; i++)
        if (same_outcome(&others[i], r) && others[i].has_tree == r->has_tree)
            return r->has_tree ? keep_other(store, r, err) : OK;
    return insert_other(store, r, err);
}

/* What the new result refutes: it, what it was accepted as, and what was trained on from that. */
static enum status refute(struct store *store, const struct acceptance *a, struct arena *arena,
                          struct error *err)
{
    struct digest *followers;
    size_t n;

    TRY(index_result_mark(store, &a->key, err));
    TRY(index_result_mark(store, &a->stands_for, err));
    TRY(acceptance_followers(store, &a->key, 1, arena, &followers, &n, err));
    for (size_t i = 0; i < n; i++)
        TRY(index_result_forget(store, &followers[i], err));
    return OK;
}

/* The key has its own result now: one that it was accepted as has done its service. */
static enum status replace_accepted(struct store *store, const struct result *r,
                                    struct arena *arena, enum put_outcome *outcome,
                                    struct error *err)
{
    const struct result *meant;
    struct acceptance a;
    const enum status s = acceptance_get(store, &r->key, arena, &a, err);

    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    TRY(acceptance_remove(store, &r->key, err));
    TRY(index_results_get(store, &a.stands_for, 1, arena, &meant, err));
    if (!meant)
        return OK;
    *outcome = same_outcome(meant, r) ? PUT_SAME : PUT_DIFFERENT;
    return *outcome == PUT_SAME ? OK : refute(store, &a, arena, err);
}

static enum status put(struct store *store, const struct result *r, const struct tree *tree,
                       struct arena *arena, enum put_outcome *outcome, struct error *err)
{
    const struct result *known;

    TRY(index_results_get(store, &r->key, 1, arena, &known, err));
    TRY(store_write_begin(store, err));
    if (!known) {
        *outcome = PUT_NEW;
        TRY(insert_result(store, r, err));
        TRY(add_needs(store, r, tree, err));
        return replace_accepted(store, r, arena, outcome, err);
    }
    if (!same_outcome(known, r)) {
        *outcome = PUT_DIFFERENT;
        TRY(put_beside(store, r, arena, err));
        return add_needs(store, r, tree, err);
    }
    *outcome = PUT_SAME;
    if (r->has_log && !known->has_log)
        TRY(keep_log(store, r, err));
    if (!r->has_tree || known->kept)
        return OK;
    if (!known->has_tree)
        *outcome = PUT_COMPLETED;
    TRY(keep_tree(store, r, err));
    return add_needs(store, &(struct result){.key = r->key}, tree, err);
}

enum status index_result_put(struct store *store, const struct result *r, const struct tree *tree,
                             enum put_outcome *outcome, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s;

    assert(r->has_tree == (tree != NULL));
    assert(!tree || digest_equal(&tree->digest, &r->tree));
    /* Another process may put the key between our look and our write: look inside the write. */
    s = arena ? store_write_begin(store, err) : error_memory(err);
    if (s == OK)
        s = put(store, r, tree, arena, outcome, err);
    arena_close(arena);
    return s;
}
