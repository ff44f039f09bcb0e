/*
 * database_salvage: rows that are whole, out of a file that SQLite finds damaged, into a fresh one.
 * Each table is read from its beginning until it cannot be read further, then from its end. Rows
 * are guarded, so nothing wrong comes along. Start at database_salvage.
 */
#include "cache/database_handle.h"

#include <string.h>

#include "base/arena.h"

/* They only spare work, and hold for the old file. */
static bool is_left_out(const char *table)
{
    return strcmp(table, "snapshot") == 0 || strcmp(table, "revision") == 0;
}

static enum status insert(struct database *db, sqlite3_stmt *to, sqlite3_stmt *from,
                          struct error *err)
{
    int rc;

    for (int i = 0; i < sqlite3_column_count(from); i++)
        if (sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i)) != SQLITE_OK)
            return error_memory(err);
    rc = sqlite3_step(to);
    (void)sqlite3_reset(to);
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        return OK; /* no row of that table: another one's, where a page is in the wrong place */
    return rc == SQLITE_DONE ? OK : database_explain(db, rc, err);
}

/* Copies rows until there are no more or one cannot be read. */
static enum status copy(struct database *db, struct database *damaged, const char *select,
                        const char *put, struct error *err)
{
    sqlite3_stmt *from = NULL, *to = NULL;
    enum status s = OK;
    int rc = sqlite3_prepare_v2(db->handle, put, -1, &to, NULL);

    if (rc != SQLITE_OK)
        return database_explain(db, rc, err);
    if (sqlite3_prepare_v2(damaged->handle, select, -1, &from, NULL) == SQLITE_OK)
        while (s == OK && sqlite3_step(from) == SQLITE_ROW)
            s = insert(db, to, from, err);
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    return s;
}

/* check is a term that only whole rows meet. */
static enum status copy_table(struct database *db, struct database *damaged, const char *name,
                              const char *columns, const char *check, struct error *err)
{
    struct arena *arena = arena_open();
    size_t n = 1;
    enum status s = arena ? OK : error_memory(err);
    static const char marks[] = "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?";

    for (const char *p = columns; (p = strchr(p, ',')); p++)
        n++;
    for (int pass = 0; s == OK && pass < 2; pass++) {
        char *select = arena_printf(arena, "SELECT %s FROM %s WHERE %s%s", columns, name, check,
                                    pass == 0 ? "" : " ORDER BY 1 DESC");
        char *put = arena_printf(arena, "INSERT OR IGNORE INTO %s(%s) VALUES(%.*s)", name, columns,
                                 (int)(2 * n - 1), marks);
        s = select && put ? copy(db, damaged, select, put, err) : error_memory(err);
    }
    arena_close(arena);
    return s;
}

static enum status copy_guarded(struct database *db, struct database *damaged,
                                const struct schema_table *table, struct error *err)
{
    struct arena *arena = arena_open();
    char *columns = arena ? arena_printf(arena, "%s, digest", table->columns) : NULL;
    char *check =
        arena ? arena_printf(arena, "row_is('%s', digest, %s)", table->name, table->columns) : NULL;
    enum status s = columns && check ? copy_table(db, damaged, table->name, columns, check, err)
                                     : error_memory(err);

    arena_close(arena);
    return s;
}

static enum status copy_all(struct database *db, struct database *damaged, struct salvage *out,
                            struct error *err)
{
    struct error ignored;

    TRY(copy_table(db, damaged, "inline_blob", "digest, bytes", "1", err));
    for (size_t i = 0; i < SCHEMA_TABLES; i++)
        if (!is_left_out(schema_tables[i].name))
            TRY(copy_guarded(db, damaged, &schema_tables[i], err));
    TRY(rows_count_all(db, &out->rows, err));
    /* What was there is known only where that table can still be read. */
    if (database_number(damaged,
                        "SELECT sum(rows) FROM table_sum WHERE name NOT IN ('snapshot', "
                        "'revision')",
                        &out->rows_before, &ignored) != OK)
        out->rows_before = 0;
    return OK;
}

/* A connection of its own: after damage SQLite lets one write no more. */
static int open_damaged(struct database *damaged, struct error *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    const int rc = sqlite3_open_v2(damaged->path, &damaged->handle, flags, NULL);

    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_db_config(damaged->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (rows_define(damaged, err) != OK)
        return SQLITE_NOMEM;
    /* One table that makes no sense does not hide the others. */
    return sqlite3_exec(damaged->handle, "PRAGMA writable_schema=ON", NULL, NULL, NULL);
}

enum status database_salvage(struct database *db, const char *path, struct salvage *out,
                             struct error *err)
{
    struct database *damaged = arena_alloc(db->arena, sizeof *damaged);
    enum status s = OK;

    *out = (struct salvage){0};
    if (!damaged)
        return error_memory(err);
    damaged->path = path;
    if (open_damaged(damaged, err) == SQLITE_OK) {
        s = database_run(db, "BEGIN IMMEDIATE", err);
        if (s == OK)
            s = copy_all(db, damaged, out, err);
        if (s == OK)
            s = database_run(db, "COMMIT", err);
    }
    sqlite3_close_v2(damaged->handle);
    return s;
}

bool database_is_sound(struct database *db)
{
    struct statement *st = database_statement(db, "PRAGMA integrity_check(1)");
    struct error ignored;
    bool sound = false;

    if (statement_row(st)) {
        size_t n;
        const char *line = statement_bytes(st, 0, &n);
        sound = n == 2 && memcmp(line, "ok", 2) == 0;
    }
    return statement_end(st, &ignored) == OK && sound;
}

enum status database_say(struct database *db, const char *sentence, struct error *err)
{
    const char **last = arena_push(db->arena, db->damages, db->n_damages, db->damages_capacity);

    if (!last || !(*last = arena_string(db->arena, sentence)))
        return error_memory(err);
    return OK;
}
