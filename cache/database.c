/*
 * database: SQLite behind a dozen calls. Nothing is committed after a failure inside the write
 * transaction. The tables are in `schema`; start reading there, then at database_open.
 */
#include "cache/database.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"

enum {
    APPLICATION = 0x68706f31, /* "hpo1", in the file's header: see file(1) */
    BUSY_MS = 60 * 1000,      /* how long we wait for another process' transaction */
    CACHE_KB = 32 * 1024,
};

#ifdef HPO_SMALL
enum { SLOTS_LOG2 = 7, CHECKPOINT_PAGES = 3 };
#else
enum { SLOTS_LOG2 = 8, CHECKPOINT_PAGES = 4000 };
#endif
enum { SLOTS = 1 << SLOTS_LOG2 };

/*
 * Digests and keys are 32 bytes. Rows that a build reads by the thousand are narrow and lie in the
 * order of their keys (WITHOUT ROWID); what is wide lies beside them.
 *
 * needs says which blobs (those that are files) a tree or a log needs: owner is the tree's digest,
 * for a log the action's key. It answers "may this blob go" without a walk over the store.
 */
static const char schema[] =
    "CREATE TABLE small(digest BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE blob_stat(digest BLOB PRIMARY KEY, ino INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE result(key BLOB PRIMARY KEY, kind TEXT NOT NULL, name TEXT, tree BLOB,"
    " bytes INTEGER NOT NULL, reports TEXT, log BLOB, seconds REAL NOT NULL, run INTEGER NOT NULL,"
    " kept INTEGER NOT NULL, marked INTEGER NOT NULL, used_day INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX result_tree ON result(tree) WHERE kept;"
    "CREATE INDEX result_unit ON result(key) WHERE kept AND kind = 'unit';"
    "CREATE TABLE detail(key BLOB PRIMARY KEY, description TEXT NOT NULL, info TEXT) STRICT;"
    "CREATE TABLE other_result(id INTEGER PRIMARY KEY, key BLOB NOT NULL, tree BLOB,"
    " bytes INTEGER NOT NULL, reports TEXT, log BLOB, seconds REAL NOT NULL, run INTEGER NOT NULL,"
    " kept INTEGER NOT NULL) STRICT;"
    "CREATE INDEX other_result_key ON other_result(key);"
    "CREATE INDEX other_result_tree ON other_result(tree) WHERE kept;"
    "CREATE TABLE needs(owner BLOB NOT NULL, blob BLOB NOT NULL, PRIMARY KEY(owner, blob))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX needs_blob ON needs(blob);"
    "CREATE TABLE want(owner TEXT NOT NULL, key BLOB NOT NULL, PRIMARY KEY(owner, key))"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX want_key ON want(key);"

    "CREATE TABLE stat(path TEXT PRIMARY KEY, dev INTEGER NOT NULL, ino INTEGER NOT NULL,"
    " size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,"
    " hashed_day INTEGER NOT NULL, digest BLOB NOT NULL)"
    " STRICT, WITHOUT ROWID;"

    "CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT, recipe TEXT NOT NULL,"
    " arguments TEXT NOT NULL, started INTEGER NOT NULL, seconds REAL, ran INTEGER,"
    " cached INTEGER, failed INTEGER, status TEXT) STRICT;"
    "CREATE INDEX run_recipe ON run(recipe);"
    "CREATE TABLE node(recipe TEXT NOT NULL, name TEXT NOT NULL, run INTEGER NOT NULL,"
    " key BLOB NOT NULL, PRIMARY KEY(recipe, name, run)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE journal(key BLOB PRIMARY KEY, answer TEXT NOT NULL, day INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE study_table(recipe TEXT NOT NULL, arguments TEXT NOT NULL, study TEXT NOT NULL,"
    " run INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(recipe, arguments, study)) STRICT;"
    "CREATE TABLE snapshot(name BLOB PRIMARY KEY, digest BLOB NOT NULL, run INTEGER NOT NULL,"
    " day INTEGER NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE revision(number INTEGER NOT NULL) STRICT;" /* one row: see index_revision */
    "INSERT INTO revision VALUES(0);"
    "CREATE TABLE failure(key BLOB PRIMARY KEY, run INTEGER NOT NULL, name TEXT, folder TEXT,"
    " log BLOB, text TEXT NOT NULL, day INTEGER NOT NULL) STRICT;";

struct statement {
    struct database *db;
    const char *sql;
    sqlite3_stmt *handle; /* NULL where it could not be prepared */
    int rc;               /* the first failure, or SQLITE_OK */
    bool active;
};

struct database {
    sqlite3 *handle;
    const char *path;
    bool writing, reading;
    bool failed; /* a statement of the write transaction failed; writing stays true */
    struct error failure;
    enum status failure_status;
    struct statement slots[SLOTS]; /* open addressing by the address of sql */
    size_t n_slots;
    struct arena *arena;
};

/* Says what SQLite's result code means to a person. */
static enum status explain(struct database *db, int rc, struct error *err)
{
    const int number = db->handle ? sqlite3_system_errno(db->handle) : 0;

    if ((rc & 0xff) == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT))
        rc = SQLITE_FULL;
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return error_memory(err);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
        return error_set(err, ERR_CORRUPT, db->path, "the index of the store is damaged");
    case SQLITE_FULL:
        return error_set(err, ERR_SYSTEM, db->path, "cannot write: no space left on the disk");
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return error_set(err, ERR_SYSTEM, db->path, "cannot write: the store is read-only");
    case SQLITE_BUSY:
        return error_set(err, ERR_SYSTEM, db->path,
                         "another process has been writing for %d s without an end",
                         BUSY_MS / 1000);
    default:
        return error_set(err, ERR_SYSTEM, db->path, "cannot read or write: %s (%d)",
                         sqlite3_errstr(rc), rc);
    }
}

/* SQLite's own handler sleeps up to 100 ms; transactions here last 50 at most. */
static int wait_a_little(void *unused, int calls)
{
    const struct timespec ms = {0, 1000000};

    (void)unused;
    if (calls >= BUSY_MS)
        return 0;
    (void)nanosleep(&ms, NULL);
    return 1;
}

static enum status run_text(struct database *db, const char *sql, struct error *err)
{
    const int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? OK : explain(db, rc, err);
}

static enum status read_number(struct database *db, const char *sql, int64_t *x, struct error *err)
{
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL);

    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        *x = sqlite3_column_int64(st, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc == SQLITE_OK ? OK : explain(db, rc, err);
}

static enum status make_tables(struct database *db, struct error *err)
{
    char sql[128];
    enum status s;

    (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;",
                   APPLICATION, DATABASE_SCHEMA);
    TRY(run_text(db, "PRAGMA journal_mode=WAL; BEGIN IMMEDIATE;", err));
    s = run_text(db, schema, err);
    if (s == OK)
        s = run_text(db, sql, err);
    return s;
}

/* Both numbers of one moment: another process may be making the tables. */
static enum status read_version(struct database *db, int64_t *application, int64_t *version,
                                struct error *err)
{
    struct error ignored;
    enum status s;

    TRY(run_text(db, "BEGIN", err));
    s = read_number(db, "PRAGMA application_id", application, err);
    if (s == OK)
        s = read_number(db, "PRAGMA user_version", version, err);
    (void)!run_text(db, "ROLLBACK", &ignored); /* nothing was written */
    return s;
}

static enum status check_version(struct database *db, enum database_mode mode, struct error *err)
{
    int64_t application = 0, version = 0, foreign = 0;

    TRY(read_version(db, &application, &version, err));
    if (application == 0 && version == 0 && mode == DATABASE_MAKE)
        return make_tables(db, err);
    if (application == 0 && version == 0)
        return error_set(err, ERR_NOT_FOUND, db->path, "the index has no tables");
    if (application != APPLICATION || version < 1)
        return error_set(err, ERR_CORRUPT, db->path, "this is not the index of a store");
    if (version > DATABASE_SCHEMA) {
        (void)error_set(err, ERR_INPUT, db->path,
                        "store of a newer version: its index has version %lld, this program knows "
                        "%d",
                        (long long)version, DATABASE_SCHEMA);
        error_hint(err, "use the newer program, or another store: --cache DIR");
        return ERR_INPUT;
    }
    /* A view could be endless, a trigger could write: ours has none. */
    TRY(read_number(db, "SELECT count(*) FROM sqlite_schema WHERE type NOT IN ('table', 'index')",
                    &foreign, err));
    if (foreign > 0)
        return error_set(err, ERR_CORRUPT, db->path, "the index of the store is damaged");
    return OK;
}

/*
 * A database in WAL mode needs its -shm file even to be read. Where the folder is read-only and
 * nobody has it open there is none: then nobody writes, and it can be read as it stands.
 */
static int open_read_only(struct database *db)
{
    int rc =
        sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    struct text uri = text_in(db->arena);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db->handle, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL);
    if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_CORRUPT)
        return rc;
    sqlite3_close_v2(db->handle);
    db->handle = NULL;
    text_add(&uri, "file:");
    for (const char *p = db->path; *p; p++)
        text_printf(&uri, strchr("?#%", *p) ? "%%%02X" : "%c", (unsigned char)*p);
    text_add(&uri, "?immutable=1");
    if (uri.failed)
        return SQLITE_NOMEM;
    return sqlite3_open_v2(uri.bytes, &db->handle,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL);
}

static enum status open_file(struct database *db, enum database_mode mode, struct error *err)
{
    char sql[256];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, rc;

    if (mode == DATABASE_MAKE)
        flags |= SQLITE_OPEN_CREATE;
    if (mode == DATABASE_READ)
        rc = open_read_only(db);
    else
        rc = sqlite3_open_v2(db->path, &db->handle, flags, NULL);
    if (rc != SQLITE_OK)
        return explain(db, rc, err);
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_handler(db->handle, wait_a_little, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA cell_size_check=ON; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "
                   "PRAGMA cache_size=-%d; PRAGMA wal_autocheckpoint=%d;",
                   CACHE_KB, CHECKPOINT_PAGES);
    TRY(run_text(db, sql, err));
    return check_version(db, mode, err);
}

enum status database_open(const char *path, enum database_mode mode, struct database **out,
                          struct error *err)
{
    struct arena *arena = arena_open();
    struct database *db = arena ? arena_alloc(arena, sizeof *db) : NULL;
    enum status s;

    if (!db || !(db->path = arena_string(arena, path))) {
        arena_close(arena);
        return error_memory(err);
    }
    db->arena = arena;
    if (mode != DATABASE_MAKE && access(path, F_OK) != 0)
        s = error_set(err, ERR_NOT_FOUND, path, "there is no index");
    else
        s = open_file(db, mode, err);
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

/* Remembers why nothing can be committed any more, and lets others write. */
static enum status fail(struct database *db, enum status s, const struct error *err)
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
    return OK;
}

enum status database_commit(struct database *db, struct error *err)
{
    if (db->failed)
        return report_failure(db, err);
    if (!db->writing)
        return OK;
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

enum status statement_end(struct statement *st, struct error *err)
{
    enum status s = OK;

    if (st->handle) {
        (void)sqlite3_reset(st->handle); /* repeats the failure of the step */
        (void)sqlite3_clear_bindings(st->handle);
    }
    st->active = false;
    if (st->rc != SQLITE_OK) {
        s = explain(st->db, st->rc, err);
        if (st->db->writing)
            (void)fail(st->db, s, err);
    }
    return s;
}

enum status statement_run(struct statement *st, struct error *err)
{
    (void)statement_row(st);
    return statement_end(st, err);
}
