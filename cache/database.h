/*
 * database: the file STORE/index.db; its one write transaction, its statements. The one module that
 * knows SQLite (database*.c): the modules above write SQL, with the macros of schema.h, and read
 * columns through these calls.
 *
 * Writing    database_begin, statements, database_commit. Closing without a commit forgets. Once a
 *            statement inside the transaction has failed, nothing can be committed any more: what
 *            belongs together never becomes durable in part.
 * Statements They are kept prepared, one for each text: SQL must be a string that lives as long as
 *            the program. A statement is used from database_statement to statement_end, never twice
 *            at a time. It remembers its first failure and does nothing more; statement_end reports
 *            it:
 *
 *                struct statement *st = database_statement(db, "SELECT run FROM node WHERE …");
 *                statement_bind_digest(st, 1, &key);
 *                while (statement_row(st))
 *                    … statement_integer(st, 0) …
 *                return statement_end(st, err);
 *
 *            Parameters count from 1, columns from 0.
 * Damage     A row that is not what its guard says is passed over as if it were absent. Open for
 *            reading, statement_end then says ERR_CORRUPT; open for writing, such rows are dropped
 *            with the next transaction, and database_damage has a sentence about it. What SQLite
 *            itself finds damaged is ERR_CORRUPT always.
 */
#ifndef CACHE_DATABASE_H
#define CACHE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct watch;
struct database;  /* opaque */
struct statement; /* opaque */

enum database_mode {
    DATABASE_READ,
    DATABASE_WRITE,
    DATABASE_MAKE,    /* write, and make tables where they are absent: one process at a time */
    DATABASE_UPGRADE, /* write, and upgrade tables of an older version: one process at a time */
};

/*
 * Opens the file. ERR_NOT_FOUND: it is absent or has no tables yet, or those of an older version,
 * which *old says. ERR_INPUT: a newer version. ERR_CORRUPT: no database of ours.
 */
enum status database_open(const char *path, enum database_mode mode, const struct watch *watch,
                          struct database **out, bool *old, struct error *err) MUST_CHECK;
void database_close(struct database *db); /* NULL is allowed */

/* Begins the write transaction unless it is open. Waits while another process has its own. */
enum status database_begin(struct database *db, struct error *err) MUST_CHECK;
enum status database_commit(struct database *db, struct error *err) MUST_CHECK;
bool database_is_writing(const struct database *db);

/* What was found damaged and dropped: a sentence for people, each once; NULL when all is said. */
const char *database_damage(struct database *db);
bool database_has_damage(const struct database *db); /* something is yet to be dropped */

/* While true, damaged rows are passed over and neither said nor dropped: for verify. */
void database_only_look(struct database *db, bool only_look);

/* A whole table against its sum: for verify. Reads it from end to end. */
struct table_check {
    const char *name, *what;
    int64_t damaged, missing; /* rows; fewer than 0 are missing where there are too many */
    bool wrong_sum;           /* all rows are whole and there, but not those that were put */
};

enum { DATABASE_TABLES = 14 };
enum status database_check_table(struct database *db, size_t i, struct table_check *out,
                                 struct error *err) MUST_CHECK;

/* Checks all tables, drops what is damaged, and counts anew. The transaction is open. For gc. */
enum status database_repair(struct database *db, struct error *err) MUST_CHECK;

/* Whether SQLite finds nothing wrong with the file; reads all of it. */
bool database_is_sound(struct database *db);

/* Copies the rows that are whole from a damaged file into db, a new and empty one. */
struct salvage {
    int64_t rows, rows_before; /* copied; that were there, 0 where even that is not known */
};
enum status database_salvage(struct database *db, const char *path, struct salvage *out,
                             struct error *err) MUST_CHECK;

/* Adds a sentence to what database_damage gives. */
enum status database_say(struct database *db, const char *sentence, struct error *err) MUST_CHECK;

/*
 * One snapshot for many reads, which then cost less. False where there is one already or the write
 * transaction is open; then there is nothing to end. database_begin ends it.
 */
bool database_read_begin(struct database *db);
void database_read_end(struct database *db);

struct statement *database_statement(struct database *db, const char *sql);

void statement_bind_integer(struct statement *st, int parameter, int64_t x);
void statement_bind_real(struct statement *st, int parameter, double x);
void statement_bind_text(struct statement *st, int parameter, const char *text); /* NULL: null */
void statement_bind_bytes(struct statement *st, int parameter, const void *bytes, size_t n);
void statement_bind_digest(struct statement *st, int parameter, const struct digest *d); /* NULL */

/* Goes to the next row; false at the end and after a failure. */
bool statement_row(struct statement *st);

int64_t statement_integer(struct statement *st, int column);
double statement_real(struct statement *st, int column);
bool statement_is_null(struct statement *st, int column);

/* NULL where the column is null, and after a failure. */
const char *statement_text(struct statement *st, int column, struct arena *arena);

/* A failure (ERR_CORRUPT) where the column is not 32 bytes. */
struct digest statement_digest(struct statement *st, int column);

/* The bytes of a column, valid until the next row or the end. */
const void *statement_bytes(struct statement *st, int column, size_t *n);

/* Says that there is no memory for what was read: the end reports it. */
void statement_no_memory(struct statement *st);

/* Ends the use of the statement and returns its first failure. */
enum status statement_end(struct statement *st, struct error *err) MUST_CHECK;

/* Runs a statement without rows to its end: statement_row and statement_end in one. */
enum status statement_run(struct statement *st, struct error *err) MUST_CHECK;

#endif
