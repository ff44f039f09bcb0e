/*
 * index: results by key: found, changed and dropped. What puts them is index_put.c. Start at
 * index_result_get.
 */
#include "cache/results/index.h"

#include <string.h>

#include "base/arena.h"
#include "cache/database.h"
#include "cache/results/acceptance.h"
#include "cache/schema.h"
#include "cache/store.h"

/* The columns of a result, as read_result reads them; in both tables. */
#define NARROW "key, tree, bytes, reports, log, seconds, run, kept"

static void read_narrow(struct statement *st, struct arena *arena, struct result *r)
{
    *r = (struct result){
        .key = statement_digest(st, 0),
        .has_tree = !statement_is_null(st, 1),
        .bytes = statement_integer(st, 2),
        .reports = statement_text(st, 3, arena),
        .has_log = !statement_is_null(st, 4),
        .seconds = statement_real(st, 5),
        .run = statement_integer(st, 6),
        .kept = statement_integer(st, 7) != 0,
    };
    if (r->has_tree)
        r->tree = statement_digest(st, 1);
    if (r->has_log)
        r->log = statement_digest(st, 4);
}

/* What only the first result of a key has. */
static void read_result(struct statement *st, struct arena *arena, struct result *r)
{
    read_narrow(st, arena, r);
    r->kind = statement_text(st, 8, arena);
    r->name = statement_text(st, 9, arena);
    r->marked = statement_integer(st, 10) != 0;
    r->used_day = statement_integer(st, 11);
    if (!r->kind)
        r->kind = "";
}

#define WIDE NARROW ", kind, name, marked, used_day"

/* ---- getting ---- */

/* What lies beside the key; a result without it is one all the same. */
static enum status read_detail(struct store *store, const struct digest *key, struct arena *arena,
                               struct result *r, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT description, info FROM detail WHERE key = ?1 AND " ROW_IS(DETAIL));

    r->description = "";
    statement_bind_digest(st, 1, key);
    if (statement_row(st)) {
        r->description = statement_text(st, 0, arena);
        r->info = statement_text(st, 1, arena);
    }
    return statement_end(st, err);
}

static enum status not_found(const struct digest *key, struct error *err)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(key, hex);
    return error_set(err, ERR_NOT_FOUND, "", "there is no result for the key %.12s", hex);
}

/* The row of the key itself. */
static enum status get_own(struct store *store, const struct digest *key, struct arena *arena,
                           struct result *out, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT " WIDE " FROM result WHERE key = ?1 AND " ROW_IS(RESULT));
    bool found;

    statement_bind_digest(st, 1, key);
    found = statement_row(st);
    if (found)
        read_result(st, arena, out);
    TRY(statement_end(st, err));
    return found ? OK : not_found(key, err);
}

enum status index_result_get(struct store *store, const struct digest *key, struct arena *arena,
                             struct result *out, struct error *err)
{
    struct acceptance a;
    enum status s = get_own(store, key, arena, out, err);

    if (s == ERR_NOT_FOUND && (s = acceptance_get(store, key, arena, &a, err)) == OK)
        s = get_own(store, &a.stands_for, arena, out, err);
    if (s == ERR_NOT_FOUND)
        return not_found(key, err);
    TRY(s);
    return read_detail(store, key, arena, out, err);
}

static enum status get_many(struct store *store, const struct digest *keys, size_t n,
                            struct arena *arena, const struct result **out, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct statement *st =
            database_statement(store_database(store),
                               "SELECT " WIDE " FROM result WHERE key = ?1 AND " ROW_IS(RESULT));
        struct result *r = NULL;
        statement_bind_digest(st, 1, &keys[i]);
        if (statement_row(st)) {
            if ((r = arena_alloc(arena, sizeof *r)))
                read_result(st, arena, r);
            else
                statement_no_memory(st);
        }
        TRY(statement_end(st, err));
        out[i] = r;
    }
    return OK;
}

enum status index_results_get(struct store *store, const struct digest *keys, size_t n,
                              struct arena *arena, const struct result **out, struct error *err)
{
    const bool reading = database_read_begin(store_database(store));
    const enum status s = get_many(store, keys, n, arena, out, err);

    if (reading)
        database_read_end(store_database(store));
    return s;
}

void index_read_begin(struct store *store)
{
    (void)database_read_begin(store_database(store));
}

void index_read_end(struct store *store)
{
    database_read_end(store_database(store));
}

enum status index_result_others(struct store *store, const struct digest *key, struct arena *arena,
                                struct result **others, size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT " NARROW " FROM other_result WHERE key = ?1 AND " ROW_IS(
                                   OTHER_RESULT) " ORDER BY id");
    size_t capacity = 0;

    *others = NULL;
    *n = 0;
    statement_bind_digest(st, 1, key);
    while (statement_row(st)) {
        struct result *other = arena_push(arena, *others, *n, capacity);
        if (other)
            read_narrow(st, arena, other);
        else
            statement_no_memory(st);
    }
    return statement_end(st, err);
}

enum status index_result_next(struct store *store, const struct digest *after, struct arena *arena,
                              struct result *out, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT " WIDE " FROM result WHERE key > ?1 AND " ROW_IS(RESULT) " ORDER BY key LIMIT 1");
    bool found;

    if (after)
        statement_bind_digest(st, 1, after);
    else
        statement_bind_bytes(st, 1, "", 0); /* sorts before every key */
    found = statement_row(st);
    if (found)
        read_result(st, arena, out);
    TRY(statement_end(st, err));
    return found ? read_detail(store, &out->key, arena, out, err)
                 : error_set(err, ERR_NOT_FOUND, "", "there are no more results");
}

/* The key that begins with these digits and goes on with one; false where they are none. */
static bool complete(const char *prefix, char rest, struct digest *key)
{
    char hex[DIGEST_HEX + 1] = "";
    const size_t n = strlen(prefix);

    if (n == 0)
        return false;
    for (size_t i = 0; i < DIGEST_HEX; i++)
        if (i < n)
            hex[i] = prefix[i];
        else
            hex[i] = rest;
    return n <= DIGEST_HEX && digest_parse(hex, key);
}

enum status index_result_find(struct store *store, const char *prefix, size_t limit,
                              struct arena *arena, struct digest **keys, size_t *n,
                              struct error *err)
{
    struct digest low, high;
    struct statement *st;

    *n = 0;
    if (!(*keys = arena_array(arena, limit, sizeof **keys)))
        return error_memory(err);
    if (!complete(prefix, '0', &low) || !complete(prefix, 'f', &high))
        return OK;
    st = database_statement(store_database(store),
                            "SELECT key FROM result WHERE key BETWEEN ?1 AND ?2 AND " ROW_IS(
                                RESULT) " UNION SELECT key FROM acceptance WHERE key BETWEEN ?1 "
                                        "AND ?2 AND " ROW_IS(ACCEPTANCE) " ORDER BY key");
    statement_bind_digest(st, 1, &low);
    statement_bind_digest(st, 2, &high);
    while (*n < limit && statement_row(st))
        (*keys)[(*n)++] = statement_digest(st, 0);
    return statement_end(st, err);
}

/* ---- changing ---- */

static enum status change(struct store *store, const char *sql, const struct digest *key,
                          struct error *err)
{
    struct statement *st = database_statement(store_database(store), sql);

    statement_bind_digest(st, 1, key);
    return statement_run(st, err);
}

/* No snapshot that was made before the row was lost has it, or what comes after it. */
static const int64_t lost_revision = -1, first_after_loss = INT64_C(1) << 32;

enum status index_revision(struct store *store, int64_t *revision, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT number FROM revision WHERE " ROW_IS(REVISION));

    *revision = statement_row(st) ? statement_integer(st, 0) : lost_revision;
    return statement_end(st, err);
}

static enum status revise(struct store *store, struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st;
    int64_t number;

    TRY(index_revision(store, &number, err));
    TRY(statement_run(database_statement(db, "DELETE FROM revision" ROW_GONE(REVISION)), err));
    st = database_statement(db, ROW_PUT(REVISION, "?1"));
    statement_bind_integer(st, 1, number == lost_revision ? first_after_loss : number + 1);
    return statement_run(st, err);
}

enum status index_result_mark(struct store *store, const struct digest *key, struct error *err)
{
    TRY(store_write_begin(store, err));
    TRY(revise(store, err));
    return change(store,
                  "UPDATE result SET " ROW_SET(
                      RESULT, "marked = 1",
                      "key, kind, name, tree, bytes, reports, log, seconds, run, "
                      "kept, 1, used_day") " WHERE key = ?1 AND NOT marked AND " ROW_IS(RESULT),
                  key, err);
}

enum status index_result_forget(struct store *store, const struct digest *key, struct error *err)
{
    TRY(store_write_begin(store, err));
    TRY(revise(store, err));
    TRY(acceptance_remove(store, key, err));
    TRY(change(store, "DELETE FROM result WHERE key = ?1" ROW_GONE(RESULT), key, err));
    TRY(change(store, "DELETE FROM detail WHERE key = ?1" ROW_GONE(DETAIL), key, err));
    TRY(change(store, "DELETE FROM other_result WHERE key = ?1" ROW_GONE(OTHER_RESULT), key, err));
    return change(store, "DELETE FROM needs WHERE owner = ?1" ROW_GONE(NEEDS), key, err);
}

/* Looks first: a build with nothing to do must not begin a transaction. */
static enum status touch(struct store *store, const struct digest *key, int64_t today,
                         struct error *err)
{
    struct statement *st =
        database_statement(store_database(store), "SELECT used_day FROM result WHERE key = ?1");
    bool old;

    statement_bind_digest(st, 1, key);
    old = statement_row(st) && statement_integer(st, 0) != today;
    TRY(statement_end(st, err));
    if (!old)
        return OK;
    TRY(store_write_begin(store, err));
    st = database_statement(
        store_database(store),
        "UPDATE result SET " ROW_SET(RESULT, "used_day = ?2",
                                     "key, kind, name, tree, bytes, reports, log, seconds, run, "
                                     "kept, marked, ?2") " WHERE key = ?1 AND " ROW_IS(RESULT));
    statement_bind_digest(st, 1, key);
    statement_bind_integer(st, 2, today);
    return statement_run(st, err);
}

enum status index_results_touch(struct store *store, const struct digest *keys, size_t n,
                                int64_t today, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        TRY(touch(store, &keys[i], today, err));
    return OK;
}

/* ---- dropping ---- */

/* The trees that a key keeps: of its first result and of those beside it. */
static enum status kept_trees(struct store *store, const struct digest *key, struct arena *arena,
                              struct digest **trees, size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT tree FROM result WHERE key = ?1 AND kept UNION "
                               "SELECT tree FROM other_result WHERE key = ?1 AND kept");
    size_t capacity = 0;

    *trees = NULL;
    *n = 0;
    statement_bind_digest(st, 1, key);
    while (statement_row(st)) {
        const struct digest tree = statement_digest(st, 0);
        struct digest *last = arena_push(arena, *trees, *n, capacity);
        if (last)
            *last = tree;
        else
            statement_no_memory(st);
    }
    return statement_end(st, err);
}

/* Gives up what a tree needs, unless another result keeps the same tree. */
static enum status release_tree(struct store *store, const struct digest *tree, struct arena *arena,
                                struct digest **blobs, size_t *n,
                                size_t *capacity, /* NOLINT(readability-non-const-parameter) */
                                struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st =
        database_statement(db, "SELECT 1 FROM result WHERE tree = ?1 AND kept UNION ALL "
                               "SELECT 1 FROM other_result WHERE tree = ?1 AND kept");
    bool needed;

    statement_bind_digest(st, 1, tree);
    needed = statement_row(st);
    TRY(statement_end(st, err));
    if (needed)
        return OK;
    st = database_statement(db, "SELECT blob FROM needs AS mine WHERE owner = ?1 AND NOT EXISTS "
                                "(SELECT 1 FROM needs WHERE blob = mine.blob AND owner <> ?1)");
    statement_bind_digest(st, 1, tree);
    while (statement_row(st)) {
        const struct digest blob = statement_digest(st, 0);
        struct digest *last = arena_push(arena, *blobs, *n, *capacity);
        if (last)
            *last = blob;
        else
            statement_no_memory(st);
    }
    TRY(statement_end(st, err));
    return change(store, "DELETE FROM needs WHERE owner = ?1" ROW_GONE(NEEDS), tree, err);
}

enum status index_result_drop_tree(struct store *store, const struct digest *key,
                                   struct arena *arena, struct digest **blobs, size_t *n,
                                   size_t *capacity, struct error *err)
{
    struct digest *trees;
    size_t n_trees;

    TRY(store_write_begin(store, err));
    TRY(kept_trees(store, key, arena, &trees, &n_trees, err));
    TRY(change(store,
               "UPDATE result SET " ROW_SET(
                   RESULT, "kept = 0",
                   "key, kind, name, tree, bytes, reports, log, seconds, "
                   "run, 0, marked, used_day") " WHERE key = ?1 AND kept AND " ROW_IS(RESULT),
               key, err));
    TRY(change(
        store,
        "UPDATE other_result SET " ROW_SET(
            OTHER_RESULT, "kept = 0",
            "id, key, tree, bytes, reports, log, seconds, run, 0") " WHERE key = ?1 AND kept "
                                                                   "AND " ROW_IS(OTHER_RESULT),
        key, err));
    for (size_t i = 0; i < n_trees; i++)
        TRY(release_tree(store, &trees[i], arena, blobs, n, capacity, err));
    return OK;
}
