/* history: the tables run, node, journal, study_table, snapshot and failure. */
#include "cache/records/history.h"

#include <string.h>

#include "base/arena.h"
#include "cache/database.h"
#include "cache/schema.h"
#include "cache/store.h"

/* ---- builds ---- */

static enum status next_run(struct store *store, int64_t *id, struct error *err)
{
    struct statement *st =
        database_statement(store_database(store), "SELECT ifnull(max(id), 0) + 1 FROM run");

    *id = statement_row(st) ? statement_integer(st, 0) : 1;
    return statement_end(st, err);
}

enum status history_run_begin(struct store *store, const struct run *run, int64_t *id,
                              struct error *err)
{
    struct statement *st;

    TRY(store_write_begin(store, err));
    TRY(next_run(store, id, err));
    st = database_statement(store_database(store),
                            ROW_PUT(RUN, "?1, ?2, ?3, ?4, NULL, NULL, NULL, NULL, NULL"));
    statement_bind_integer(st, 1, *id);
    statement_bind_text(st, 2, run->recipe);
    statement_bind_text(st, 3, run->arguments);
    statement_bind_integer(st, 4, run->started);
    return statement_run(st, err);
}

enum status history_run_finish(struct store *store, const struct run *run, struct error *err)
{
    struct statement *st;

    TRY(store_write_begin(store, err));
    st = database_statement(store_database(store),
                            "UPDATE run SET " ROW_SET(RUN,
                                                      "seconds = ?2, ran = ?3, cached = ?4, failed "
                                                      "= ?5, status = ?6",
                                                      "id, recipe, arguments, started, ?2, ?3, ?4, "
                                                      "?5, ?6") " WHERE id = ?1 AND " ROW_IS(RUN));
    statement_bind_integer(st, 1, run->id);
    statement_bind_real(st, 2, run->seconds);
    statement_bind_integer(st, 3, run->ran);
    statement_bind_integer(st, 4, run->cached);
    statement_bind_integer(st, 5, run->failed);
    statement_bind_text(st, 6, run->status);
    return statement_run(st, err);
}

static struct run read_run(struct statement *st, struct arena *arena)
{
    return (struct run){
        .id = statement_integer(st, 0),
        .recipe = statement_text(st, 1, arena),
        .arguments = statement_text(st, 2, arena),
        .started = statement_integer(st, 3),
        .seconds = statement_real(st, 4),
        .ran = statement_integer(st, 5),
        .cached = statement_integer(st, 6),
        .failed = statement_integer(st, 7),
        .status = statement_text(st, 8, arena),
    };
}

enum status history_runs(struct store *store, const char *recipe, size_t limit, struct arena *arena,
                         struct run **runs, size_t *n, struct error *err)
{
    struct statement *st =
        database_statement(store_database(store),
                           "SELECT id, recipe, arguments, started, seconds, ran, cached, "
                           "failed, status FROM run WHERE (?1 IS NULL OR recipe = ?1) AND " ROW_IS(
                               RUN) " ORDER BY id DESC LIMIT ?2");
    size_t capacity = 0;

    *runs = NULL;
    *n = 0;
    statement_bind_text(st, 1, recipe);
    statement_bind_integer(st, 2, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
    while (statement_row(st)) {
        struct run *last = arena_push(arena, *runs, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        *last = read_run(st, arena);
    }
    return statement_end(st, err);
}

/* ---- nodes ---- */

static enum status has_key(struct store *store, const char *recipe, const struct node_key *node,
                           bool *same, struct error *err)
{
    struct statement *st =
        database_statement(store_database(store), "SELECT key FROM node WHERE recipe = ?1 AND "
                                                  "name = ?2 ORDER BY run DESC LIMIT 1");

    *same = false;
    statement_bind_text(st, 1, recipe);
    statement_bind_text(st, 2, node->name);
    if (statement_row(st)) {
        const struct digest key = statement_digest(st, 0);
        *same = digest_equal(&key, &node->key);
    }
    return statement_end(st, err);
}

/* Marks the nodes whose newest key is another one; most builds change none. */
static enum status find_changed(struct store *store, const char *recipe,
                                const struct node_key *nodes, size_t n, bool *changed,
                                struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        bool same;
        TRY(has_key(store, recipe, &nodes[i], &same, err));
        changed[i] = !same;
    }
    return OK;
}

/* A node may have had another key earlier in this run. */
static enum status remove_node(struct store *store, const char *recipe, const struct node_key *node,
                               struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "DELETE FROM node WHERE recipe = ?1 AND name = ?2 AND run = ?3" ROW_GONE(NODE));

    statement_bind_text(st, 1, recipe);
    statement_bind_text(st, 2, node->name);
    statement_bind_integer(st, 3, node->run);
    return statement_run(st, err);
}

static enum status put_nodes(struct store *store, const char *recipe, const struct node_key *nodes,
                             size_t n, const bool *changed, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct statement *st;
        if (!changed[i])
            continue;
        TRY(store_write_begin(store, err));
        TRY(remove_node(store, recipe, &nodes[i], err));
        st = database_statement(store_database(store), ROW_PUT(NODE, "?1, ?2, ?3, ?4"));
        statement_bind_text(st, 1, recipe);
        statement_bind_text(st, 2, nodes[i].name);
        statement_bind_integer(st, 3, nodes[i].run);
        statement_bind_digest(st, 4, &nodes[i].key);
        TRY(statement_run(st, err));
    }
    return OK;
}

enum status history_nodes_put(struct store *store, const char *recipe, const struct node_key *nodes,
                              size_t n, struct error *err)
{
    struct arena *arena = arena_open();
    bool *changed = arena ? arena_array(arena, n, sizeof *changed) : NULL;
    bool reading;
    enum status s;

    if (!changed) {
        arena_close(arena);
        return error_memory(err);
    }
    reading = database_read_begin(store_database(store));
    s = find_changed(store, recipe, nodes, n, changed, err);
    if (reading)
        database_read_end(store_database(store));
    if (s == OK)
        s = put_nodes(store, recipe, nodes, n, changed, err);
    arena_close(arena);
    return s;
}

static enum status read_keys(struct statement *st, struct arena *arena, struct node_key **keys,
                             size_t *n, struct error *err)
{
    size_t capacity = 0;

    *keys = NULL;
    *n = 0;
    while (statement_row(st)) {
        struct node_key *last = arena_push(arena, *keys, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        *last = (struct node_key){
            .name = statement_text(st, 0, arena),
            .key = statement_digest(st, 1),
            .run = statement_integer(st, 2),
        };
    }
    return statement_end(st, err);
}

enum status history_node_keys(struct store *store, const char *recipe, const char *name,
                              size_t limit, struct arena *arena, struct node_key **keys, size_t *n,
                              struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT name, key, run FROM node WHERE recipe = ?1 "
                               "AND name = ?2 AND " ROW_IS(NODE) " ORDER BY run DESC LIMIT ?3");

    statement_bind_text(st, 1, recipe);
    statement_bind_text(st, 2, name);
    statement_bind_integer(st, 3, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
    return read_keys(st, arena, keys, n, err);
}

/* "NAME/..." sorts from "NAME/" up to "NAME0", for '0' comes behind '/'. */
enum status history_keys_below(struct store *store, const char *recipe, const char *name,
                               struct arena *arena, struct node_key **keys, size_t *n,
                               struct error *err)
{
    struct statement *st =
        database_statement(store_database(store),
                           "SELECT name, key, run FROM node WHERE recipe = ?1 AND name > ?2 || '/' "
                           "AND name < ?2 || '0' AND " ROW_IS(NODE) " ORDER BY name, run DESC");

    statement_bind_text(st, 1, recipe);
    statement_bind_text(st, 2, name);
    return read_keys(st, arena, keys, n, err);
}

enum status history_nodes_at(struct store *store, const char *recipe, int64_t run,
                             struct arena *arena, struct node_key **keys, size_t *n,
                             struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT name, key, max(run) FROM node WHERE recipe = ?1 AND "
                               "run <= ?2 AND " ROW_IS(NODE) " GROUP BY name ORDER BY name");

    statement_bind_text(st, 1, recipe);
    statement_bind_integer(st, 2, run);
    return read_keys(st, arena, keys, n, err);
}

/* ---- journal ---- */

enum status history_journal_get(struct store *store, const struct digest *key, struct arena *arena,
                                const char **answer, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT answer FROM journal WHERE key = ?1 AND " ROW_IS(JOURNAL));

    *answer = NULL;
    statement_bind_digest(st, 1, key);
    if (statement_row(st))
        *answer = statement_text(st, 0, arena);
    TRY(statement_end(st, err));
    return *answer ? OK : error_set(err, ERR_NOT_FOUND, "", "the journal has no such row");
}

/*
 * Looks first: a build with nothing to do must not begin a transaction. A row that has this answer
 * is as good as a new one, whatever its guard says.
 */
static enum status journal_has(struct store *store, const struct digest *key, const char *answer,
                               bool *has, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT 1 FROM journal WHERE key = ?1 AND answer = ?2");

    statement_bind_digest(st, 1, key);
    statement_bind_text(st, 2, answer);
    *has = statement_row(st);
    return statement_end(st, err);
}

enum status history_journal_put(struct store *store, const struct digest *key, const char *answer,
                                int64_t today, struct error *err)
{
    struct statement *st;
    bool has;

    TRY(journal_has(store, key, answer, &has, err));
    if (has)
        return OK;
    TRY(store_write_begin(store, err));
    st = database_statement(store_database(store),
                            "DELETE FROM journal WHERE key = ?1" ROW_GONE(JOURNAL));
    statement_bind_digest(st, 1, key);
    TRY(statement_run(st, err));
    st = database_statement(store_database(store), ROW_PUT(JOURNAL, "?1, ?2, ?3"));
    statement_bind_digest(st, 1, key);
    statement_bind_text(st, 2, answer);
    statement_bind_integer(st, 3, today);
    return statement_run(st, err);
}

/* ---- tables ---- */

static void bind_table(struct statement *st, const struct study_table *table)
{
    statement_bind_text(st, 1, table->recipe);
    statement_bind_text(st, 2, table->arguments);
    statement_bind_text(st, 3, table->study);
}

/*
 * A table can be large, and each build writes it: the old one is replaced unread. Whether it was
 * whole does not matter any more.
 */
enum status history_table_put(struct store *store, const struct study_table *table,
                              struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st;
    bool known;

    TRY(store_write_begin(store, err));
    st = database_statement(
        db, "SELECT 1 FROM study_table WHERE recipe = ?1 AND arguments = ?2 AND study = ?3");
    bind_table(st, table);
    known = statement_row(st);
    TRY(statement_end(st, err));
    if (known)
        st = database_statement(
            db, "UPDATE study_table SET " ROW_SET(
                    STUDY_TABLE, "run = ?4, body = ?5",
                    "recipe, arguments, study, ?4, ?5") " WHERE recipe = ?1 AND arguments = ?2 AND "
                                                        "study = ?3");
    else
        st = database_statement(db, ROW_PUT(STUDY_TABLE, "?1, ?2, ?3, ?4, ?5"));
    bind_table(st, table);
    statement_bind_integer(st, 4, table->run);
    statement_bind_text(st, 5, table->body);
    return statement_run(st, err);
}

/* The tables of the newest run: those with its arguments, whether or not it wrote them anew. */
enum status history_tables(struct store *store, const char *recipe, const char *arguments,
                           const char *study, struct arena *arena, struct study_table **tables,
                           size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT recipe, arguments, study, run, body FROM study_table WHERE (?1 IS NULL OR "
        "recipe = ?1 AND arguments = ifnull(?2, (SELECT arguments FROM study_table WHERE "
        "recipe = ?1 ORDER BY run DESC LIMIT 1))) AND (?3 IS NULL OR study = ?3) "
        "AND " ROW_IS(STUDY_TABLE) " ORDER BY study, recipe, arguments");
    size_t capacity = 0;

    *tables = NULL;
    *n = 0;
    statement_bind_text(st, 1, recipe);
    statement_bind_text(st, 2, arguments);
    statement_bind_text(st, 3, study);
    while (statement_row(st)) {
        struct study_table *last = arena_push(arena, *tables, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        *last = (struct study_table){
            .recipe = statement_text(st, 0, arena),
            .arguments = statement_text(st, 1, arena),
            .study = statement_text(st, 2, arena),
            .run = statement_integer(st, 3),
            .body = statement_text(st, 4, arena),
        };
    }
    return statement_end(st, err);
}

int64_t history_tables_run(const struct study_table *tables, size_t n)
{
    int64_t newest = 0;

    for (size_t i = 0; i < n; i++)
        newest = tables[i].run > newest ? tables[i].run : newest;
    return newest;
}

/* ---- snapshots ---- */

enum status history_snapshot_get(struct store *store, const struct digest *name,
                                 struct snapshot_row *out, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT content, run, day, revision FROM snapshot WHERE name = ?1 AND " ROW_IS(SNAPSHOT));
    bool found;

    statement_bind_digest(st, 1, name);
    if ((found = statement_row(st)))
        *out = (struct snapshot_row){
            .name = *name,
            .digest = statement_digest(st, 0),
            .run = statement_integer(st, 1),
            .day = statement_integer(st, 2),
            .revision = statement_integer(st, 3),
        };
    TRY(statement_end(st, err));
    return found ? OK : error_set(err, ERR_NOT_FOUND, "", "there is no such snapshot");
}

enum status history_snapshot_put(struct store *store, const struct snapshot_row *row,
                                 struct error *err)
{
    struct statement *st;

    TRY(store_write_begin(store, err));
    st = database_statement(store_database(store),
                            "DELETE FROM snapshot WHERE name = ?1" ROW_GONE(SNAPSHOT));
    statement_bind_digest(st, 1, &row->name);
    TRY(statement_run(st, err));
    st = database_statement(store_database(store), ROW_PUT(SNAPSHOT, "?1, ?2, ?3, ?4, ?5"));
    statement_bind_digest(st, 1, &row->name);
    statement_bind_digest(st, 2, &row->digest);
    statement_bind_integer(st, 3, row->run);
    statement_bind_integer(st, 4, row->day);
    statement_bind_integer(st, 5, row->revision);
    return statement_run(st, err);
}

enum status history_snapshots_forget(struct store *store, struct error *err)
{
    return statement_run(
        database_statement(store_database(store), "DELETE FROM snapshot" ROW_GONE(SNAPSHOT)), err);
}

/* ---- failures ---- */

static enum status remove_failure(struct store *store, const struct digest *key, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "DELETE FROM failure WHERE key = ?1" ROW_GONE(FAILURE));

    statement_bind_digest(st, 1, key);
    return statement_run(st, err);
}

enum status history_failure_put(struct store *store, const struct failure *failure,
                                struct error *err)
{
    struct statement *st;

    TRY(store_write_begin(store, err));
    TRY(remove_failure(store, &failure->key, err));
    st = database_statement(store_database(store), ROW_PUT(FAILURE, "?1, ?2, ?3, ?4, ?5, ?6, ?7"));
    statement_bind_digest(st, 1, &failure->key);
    statement_bind_integer(st, 2, failure->run);
    statement_bind_text(st, 3, failure->name);
    statement_bind_text(st, 4, failure->folder);
    statement_bind_digest(st, 5, failure->has_log ? &failure->log : NULL);
    statement_bind_text(st, 6, failure->text ? failure->text : "");
    statement_bind_integer(st, 7, failure->day);
    return statement_run(st, err);
}

#define FAILED "key, run, name, folder, log, text, day"

static struct failure read_failure(struct statement *st, struct arena *arena)
{
    struct failure f = {
        .key = statement_digest(st, 0),
        .run = statement_integer(st, 1),
        .name = statement_text(st, 2, arena),
        .folder = statement_text(st, 3, arena),
        .has_log = !statement_is_null(st, 4),
        .text = statement_text(st, 5, arena),
        .day = statement_integer(st, 6),
    };

    if (f.has_log)
        f.log = statement_digest(st, 4);
    return f;
}

enum status history_failure_get(struct store *store, const struct digest *key, struct arena *arena,
                                struct failure *out, struct error *err)
{
    struct statement *st = database_statement(store_database(store),
                                              "SELECT " FAILED " "
                                              "FROM failure WHERE key = ?1 AND " ROW_IS(FAILURE));
    bool found;

    statement_bind_digest(st, 1, key);
    found = statement_row(st);
    if (found)
        *out = read_failure(st, arena);
    TRY(statement_end(st, err));
    return found ? OK : error_set(err, ERR_NOT_FOUND, "", "the action has not failed");
}

/* Looks first: most actions have never failed, and a sync is not free. */
enum status history_failure_remove(struct store *store, const struct digest *key, struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st = database_statement(db, "SELECT 1 FROM failure WHERE key = ?1");
    bool found;

    statement_bind_digest(st, 1, key);
    found = statement_row(st);
    TRY(statement_end(st, err));
    if (!found)
        return OK;
    TRY(store_write_begin(store, err));
    return remove_failure(store, key, err);
}

/* ---- for gc ---- */

enum status history_failures(struct store *store, int64_t since_day, struct arena *arena,
                             struct failure **failures, size_t *n, struct error *err)
{
    struct statement *st =
        database_statement(store_database(store),
                           "SELECT " FAILED " FROM failure WHERE day >= ?1 AND " ROW_IS(FAILURE));
    size_t capacity = 0;

    *failures = NULL;
    *n = 0;
    statement_bind_integer(st, 1, since_day);
    while (statement_row(st)) {
        struct failure *last = arena_push(arena, *failures, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        *last = read_failure(st, arena);
    }
    return statement_end(st, err);
}

enum status history_prune(struct store *store, int64_t before_day, struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st =
        database_statement(db, "DELETE FROM journal WHERE day < ?1 AND day > 0" ROW_GONE(JOURNAL));

    statement_bind_integer(st, 1, before_day);
    TRY(statement_run(st, err));
    st = database_statement(db, "DELETE FROM failure WHERE day < ?1" ROW_GONE(FAILURE));
    statement_bind_integer(st, 1, before_day);
    return statement_run(st, err);
}
