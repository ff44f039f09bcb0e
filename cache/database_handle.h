/*
 * database_handle: what the files that know SQLite share: the open database and how they talk to
 * it. For database*.c alone.
 */
#ifndef CACHE_DATABASE_HANDLE_H
#define CACHE_DATABASE_HANDLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/database.h"
#include "cache/schema.h"

#ifdef HPO_SMALL
enum { SLOTS_LOG2 = 7 };
#else
enum { SLOTS_LOG2 = 8 };
#endif
enum { SLOTS = 1 << SLOTS_LOG2 };

struct statement {
    struct database *db;
    const char *sql;
    sqlite3_stmt *handle; /* NULL where it could not be prepared */
    int rc;               /* the first failure, or SQLITE_OK */
    bool active;
};

/* What the open transaction has done to a table so far. */
struct change {
    int64_t rows;
    uint64_t sum;
    bool any;
    bool damaged; /* a row was read that is not whole; kept beyond the transaction */
};

struct database {
    sqlite3 *handle;
    const char *path;
    struct arena *arena;
    bool read_only;
    bool writing, reading;
    bool failed; /* a statement of the write transaction failed; writing stays true */
    struct error failure;
    enum status failure_status;
    struct statement slots[SLOTS]; /* open addressing by the address of sql */
    size_t n_slots;
    struct change changes[SCHEMA_TABLES];
    bool damaged;         /* any of them is */
    bool repairing;       /* damaged rows are no news meanwhile */
    const char **damages; /* sentences that nobody has asked for yet */
    size_t n_damages, damages_capacity;
    const struct watch *watch; /* NULL is allowed */
};

/* ERR_CORRUPT, with the way out. */
enum status database_damaged(const char *path, const char *sentence, struct error *err);

/* Says what SQLite's result code means to a person. */
enum status database_explain(struct database *db, int rc, struct error *err) MUST_CHECK;

/* Runs statements without results; the text need not live on. */
enum status database_run(struct database *db, const char *sql, struct error *err) MUST_CHECK;

/* The first column of the first row; *x stays where there is none. */
enum status database_number(struct database *db, const char *sql, int64_t *x,
                            struct error *err) MUST_CHECK;

/* Remembers why nothing can be committed any more, and lets others write. */
enum status database_fail(struct database *db, enum status s, const struct error *err);

/* ---- rows (database_rows.c) ---- */

/* Makes the functions of schema.h known to SQLite. */
enum status rows_define(struct database *db, struct error *err) MUST_CHECK;

/* Before a commit: brings table_sum up to date. */
enum status rows_sum(struct database *db, struct error *err) MUST_CHECK;

/*
 * Drops the damaged rows of the tables in which one was met, counts what is left, and puts a
 * sentence into damages. The transaction is open.
 */
enum status rows_repair(struct database *db, struct error *err) MUST_CHECK;

/* Counts and sums all tables anew, from their rows; *rows is how many there are. */
enum status rows_count_all(struct database *db, int64_t *rows, struct error *err) MUST_CHECK;

/* ---- tables (database_tables.c) ---- */

/*
 * The end of opening: makes or upgrades the tables as the mode says, and checks that they are
 * exactly those of schema.h. Fails as database_open.
 */
enum status tables_open(struct database *db, enum database_mode mode, bool *old,
                        struct error *err) MUST_CHECK;

#endif
