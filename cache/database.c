/*
 * database: the file and its transaction. Nothing is committed after a failure inside the write
 * transaction. Statements are in database_statement.c, guards in database_rows.c, tables in
 * database_tables.c. Start at database_open.
 */
#include "cache/database_handle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cache/watch.h"

enum {
    BUSY_MS = 60 * 1000, /* how long we wait for another process' transaction */
    CACHE_KB = 32 * 1024,
};

#ifdef HPO_SMALL
enum { CHECKPOINT_PAGES = 3 };
#else
enum { CHECKPOINT_PAGES = 4000 };
#endif
enum status database_damaged(const char *path, const char *sentence, struct error *err)
{
    (void)error_set(err, ERR_CORRUPT, path, "%s", sentence);
    error_hint(err, "hpo cache gc makes it anew of what is whole; what was lost is made again by "
                    "the next build");
    return ERR_CORRUPT;
}

enum status database_explain(struct database *db, int rc, struct error *err)
{
    const int number = db->handle ? sqlite3_system_errno(db->handle) : 0;

    if ((rc & 0xff) == SQLITE_IOERR && number == EFBIG)
        return error_set(err, ERR_SYSTEM, db->path,
                         "cannot write: the file reaches the limit of file sizes (ulimit -f)");
    if ((rc & 0xff) == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT))
        rc = SQLITE_FULL;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return error_memory(err);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT: /* what our statements exclude */
    case SQLITE_ERROR:      /* no such column: its description is damaged */
        return database_damaged(db->path, "the index of the store is damaged", err);
    case SQLITE_FULL:
        return error_set(err, ERR_SYSTEM, db->path, "cannot write: no space left on the disk");
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return error_set(err, ERR_SYSTEM, db->path, "cannot write: the store is read-only");
    case SQLITE_INTERRUPT:
        return error_set(err, ERR_INTERRUPTED, db->path, "interrupted");
    case SQLITE_BUSY:
        TRY(watch_check(db->watch, db->path, err));
        return error_set(err, ERR_SYSTEM, db->path,
                         "another process has been writing for %d s without an end",
                         BUSY_MS / 1000);
    default:
        return error_set(err, ERR_SYSTEM, db->path, "cannot read or write: %s (%d)",
                         sqlite3_errstr(rc), rc);
    }
}

/* SQLite's own handler sleeps up to 100 ms; transactions here last 50 at most. */
static int wait_a_little(void *context, int calls)
{
    const struct timespec ms = {0, 1000000};
    const struct database *db = context;

    if (calls >= BUSY_MS || (calls >= WATCH_PATIENCE_MS && watch_interrupted(db->watch)))
        return 0;
    if (calls > 0)
        watch_waits(db->watch, "another process to end its write to the store", calls);
    (void)nanosleep(&ms, NULL);
    return 1;
}

enum status database_run(struct database *db, const char *sql, struct error *err)
{
    const int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? OK : database_explain(db, rc, err);
}

enum status database_number(struct database *db, const char *sql, int64_t *x, struct error *err)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        *x = sqlite3_column_int64(st, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc == SQLITE_OK ? OK : database_explain(db, rc, err);
}

/* Reads it as it stands, as a file that nobody writes. */
static int open_immutable(struct database *db)
{
    struct text uri = text_in(db->arena);

    text_add(&uri, "file:");
    for (const char *p = db->path; *p; p++)
        text_printf(&uri, strchr("?#%", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    text_add(&uri, "?immutable=1");
    if (uri.failed)
        return SQLITE_NOMEM;
    return sqlite3_open_v2(uri.bytes, &db->handle,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
}

/*
 * A database in WAL mode needs its files -wal and -shm even to be read. A reader who may write the
 * index opens it so that these go again with the last who has it open: they would be in the way of
 * a store's owner. One who may not must not make them. Where they are absent then, or the folder is
 * read-only, nobody writes, and the file can be read as it stands.
 */
static int open_to_read(struct database *db)
{
    const bool mine = access(db->path, W_OK) == 0;
    const char *wal = arena_printf(db->arena, "%s-wal", db->path);
    const int flags = mine ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int rc;

    if (!wal)
        return SQLITE_NOMEM;
    if (!mine && access(wal, F_OK) != 0)
        return open_immutable(db);
    rc = sqlite3_open_v2(db->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        (void)sqlite3_busy_handler(db->handle, wait_a_little, db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db->handle, "PRAGMA query_only=ON; SELECT 1 FROM sqlite_schema", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT)
        return rc;
    sqlite3_close_v2(db->handle);
    db->handle = NULL;
    return open_immutable(db);
}

static enum status open_file(struct database *db, enum database_mode mode, bool *old,
                             struct error *err)
{
    char sql[256];
    int rc;

    if (mode == DATABASE_READ)
        rc = open_to_read(db);
    else
        rc = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (rc != SQLITE_OK)
        return database_explain(db, rc, err);
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_handler(db->handle, wait_a_little, db);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA cell_size_check=ON; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
                   "PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=%d;",
                   CACHE_KB, CHECKPOINT_PAGES);
    TRY(database_run(db, sql, err));
    TRY(rows_define(db, err));
    return tables_open(db, mode, old, err);
}

enum status database_open(const char *path, enum database_mode mode, const struct watch *watch,
                          struct database **out, bool *old, struct error *err)
{
    struct arena *arena = arena_open();
    struct database *db = arena ? arena_alloc(arena, sizeof *db) : NULL;
    enum status s;

    if (!db || !(db->path = arena_string(arena, path))) {
        arena_close(arena);
        return error_memory(err);
    }
    db->arena = arena;
    db->watch = watch;
    db->read_only = mode == DATABASE_READ;
    *old = false;
    if (access(path, F_OK) != 0)
        s = error_set(err, ERR_NOT_FOUND, path, "there is no index");
    else
        s = open_file(db, mode, old, err);
    if (s != OK) {
        database_close(db);
        return s;
    }
    *out = db;
    return OK;
}

void database_close(struct database *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        sqlite3_finalize(db->slots[i].handle);
    sqlite3_close_v2(db->handle); /* rolls back what is open */
    arena_close(db->arena);
}

bool database_is_writing(const struct database *db)
{
    return db->writing;
}

bool database_has_damage(const struct database *db)
{
    return db->damaged && !db->read_only;
}

enum status database_fail(struct database *db, enum status s, const struct error *err)
{
    if (!db->failed) {
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
        db->failed = true;
        db->failure = *err;
        db->failure_status = s;
    }
    return s;
}

static enum status report_failure(const struct database *db, struct error *err)
{
    *err = db->failure;
    return db->failure_status;
}

enum status database_begin(struct database *db, struct error *err)
{
    if (db->failed)
        return report_failure(db, err);
    if (db->writing)
        return OK;
    database_read_end(db);
    TRY(statement_run(database_statement(db, "BEGIN IMMEDIATE"), err));
    db->writing = true;
    return rows_repair(db, err);
}

enum status database_commit(struct database *db, struct error *err)
{
    if (db->failed)
        return report_failure(db, err);
    if (!db->writing)
        return OK;
    TRY(rows_sum(db, err));
    TRY(statement_run(database_statement(db, "COMMIT"), err));
    db->writing = false;
    return OK;
}

/* A failure here only makes each read its own transaction; what is wrong they will say. */
bool database_read_begin(struct database *db)
{
    if (db->writing || db->reading)
        return false;
    db->reading = sqlite3_exec(db->handle, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
    return db->reading;
}

void database_read_end(struct database *db)
{
    if (db->reading)
        (void)sqlite3_exec(db->handle, "COMMIT", NULL, NULL, NULL);
    db->reading = false;
}
