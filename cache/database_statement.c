/*
 * database_statement: prepared statements, one a text, that remember their first failure. Start at
 * database_statement, end at statement_end.
 */
#include "cache/database_handle.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"

struct statement *database_statement(struct database *db, const char *sql)
{
    size_t i = ((uintptr_t)sql * 0x9e3779b97f4a7c15u) >> (64 - SLOTS_LOG2);
    struct statement *st;

    while (db->slots[i].sql && db->slots[i].sql != sql)
        i = (i + 1) % SLOTS;
    st = &db->slots[i];
    if (!st->sql) {
        db->n_slots++;
        assert(db->n_slots < SLOTS);
        st->sql = sql;
        st->db = db;
    }
    assert(!st->active);
    st->active = true;
    st->rc = SQLITE_OK;
    if (!st->handle)
        st->rc =
            sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->handle, NULL);
    return st;
}

static void note(struct statement *st, int rc)
{
    if (st->rc == SQLITE_OK && rc != SQLITE_OK)
        st->rc = rc;
}

void statement_bind_integer(struct statement *st, int parameter, int64_t x)
{
    if (st->rc == SQLITE_OK)
        note(st, sqlite3_bind_int64(st->handle, parameter, x));
}

void statement_bind_real(struct statement *st, int parameter, double x)
{
    if (st->rc == SQLITE_OK)
        note(st, sqlite3_bind_double(st->handle, parameter, x));
}

/* What is bound is borrowed: statement_end comes before its owner goes. */
void statement_bind_text(struct statement *st, int parameter, const char *text)
{
    if (st->rc == SQLITE_OK && text)
        note(st, sqlite3_bind_text(st->handle, parameter, text, -1, SQLITE_STATIC));
}

void statement_bind_bytes(struct statement *st, int parameter, const void *bytes, size_t n)
{
    if (st->rc == SQLITE_OK)
        note(st, sqlite3_bind_blob64(st->handle, parameter, n ? bytes : "", n, SQLITE_STATIC));
}

void statement_bind_digest(struct statement *st, int parameter, const struct digest *d)
{
    if (d)
        statement_bind_bytes(st, parameter, d->bytes, DIGEST_BYTES);
}

bool statement_row(struct statement *st)
{
    int rc;

    if (st->rc != SQLITE_OK)
        return false;
    rc = sqlite3_step(st->handle);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        note(st, rc);
    return rc == SQLITE_ROW;
}

int64_t statement_integer(struct statement *st, int column)
{
    return sqlite3_column_int64(st->handle, column);
}

double statement_real(struct statement *st, int column)
{
    return sqlite3_column_double(st->handle, column);
}

bool statement_is_null(struct statement *st, int column)
{
    return sqlite3_column_type(st->handle, column) == SQLITE_NULL;
}

const char *statement_text(struct statement *st, int column, struct arena *arena)
{
    const void *bytes = sqlite3_column_text(st->handle, column);
    char *copy;

    if (!bytes) {
        if (sqlite3_column_type(st->handle, column) != SQLITE_NULL)
            note(st, SQLITE_NOMEM);
        return NULL;
    }
    copy = arena_copy(arena, bytes, (size_t)sqlite3_column_bytes(st->handle, column));
    if (!copy)
        note(st, SQLITE_NOMEM);
    return copy;
}

const void *statement_bytes(struct statement *st, int column, size_t *n)
{
    const void *bytes = sqlite3_column_blob(st->handle, column);

    *n = (size_t)sqlite3_column_bytes(st->handle, column);
    return bytes ? bytes : "";
}

struct digest statement_digest(struct statement *st, int column)
{
    struct digest d = {{0}};
    size_t n;
    const void *bytes = statement_bytes(st, column, &n);

    if (n == DIGEST_BYTES)
        memcpy(d.bytes, bytes, DIGEST_BYTES);
    else
        note(st, SQLITE_CORRUPT);
    return d;
}

void statement_no_memory(struct statement *st)
{
    note(st, SQLITE_NOMEM);
}

/* A damaged row was passed over: who may only read says so, who writes drops it at once. */
static enum status see_to_damage(struct database *db, struct error *err)
{
    if (db->repairing)
        return OK;
    if (db->read_only) {
        db->damaged = false;
        (void)error_set(err, ERR_CORRUPT, db->path, "a row of the store's index is damaged");
        error_hint(err, "hpo cache verify says which; hpo cache gc drops it, and the next build "
                        "makes again what it held");
        return ERR_CORRUPT;
    }
    return db->writing && !db->failed ? rows_repair(db, err) : OK;
}

enum status statement_end(struct statement *st, struct error *err)
{
    enum status s = OK;

    if (st->handle) {
        (void)sqlite3_reset(st->handle); /* repeats the failure of the step */
        (void)sqlite3_clear_bindings(st->handle);
    }
    st->active = false;
    if (st->rc != SQLITE_OK)
        s = database_explain(st->db, st->rc, err);
    else if (st->db->damaged)
        s = see_to_damage(st->db, err);
    if (s != OK && st->db->writing)
        (void)database_fail(st->db, s, err);
    return s;
}

enum status statement_run(struct statement *st, struct error *err)
{
    while (statement_row(st)) {
        /* what a DELETE gives back says nothing more */
    }
    return statement_end(st, err);
}
