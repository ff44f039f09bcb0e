/*
 * schema: the tables of the index, and how each of their rows is guarded.
 *
 * Guard      The last column of a row, `digest`, is a hash of 64 bits over the name of its table
 *            and all its other columns, with their types and lengths (database_rows.c). It finds
 *            what a disk, a cable or a bit in memory changed; whoever may write the file can forge
 *            it, as he can everything in it. (SHA-256 would cost a build of 10,000 trials with
 *            nothing to do 7 % of its time.) A row of inline_blob has no such column: its key is
 *            the SHA-256 of its bytes.
 * Sum        table_sum has the number of rows of each table and the sum of their digests modulo
 *            2^64, kept in the same transaction. It finds rows that were lost as a whole. Only
 *            verify and gc compare it, for that reads the table from end to end.
 * SQL        Statements are written with the macros below, so that no row is put, changed or taken
 *            away without its guard and its sum, and none is read that is damaged:
 *
 *                SELECT … FROM result WHERE key = ?1 AND ROW_IS(RESULT)
 *                ROW_PUT(RESULT, "?1, ?2, …")                INSERT of a row that is not there yet
 *                UPDATE result SET ROW_SET(RESULT, "day = ?2", "key, …, ?2") WHERE … AND ROW_IS(…)
 *                DELETE FROM result WHERE … ROW_GONE(RESULT)
 *
 * Lost rows  What a damaged or lost row of each table means, and who makes it good:
 *            result            the action or unit runs again. Where a second result lies beside it
 *                              the new row is marked (not reproducible) as the old one was
 *            detail            `hpo why` cannot compare with that key any more, said
 *            other_result      the key stays marked; the outcome beside the first is gone, said
 *            needs, root       a blob or a checkpoint goes too early, and is made again
 *            trusted, stat     a file is read once more
 *            journal           asked again: answers are pure functions of what they hang on
 *            node, run         a line of `hpo why` or `hpo runs` is missing, said
 *            study_table       each build with that study writes it anew
 *            snapshot          the next build looks at everything
 *            failure           what failed is tried again
 *            acceptance        the key is not known any more: it runs, or is accepted again
 *            revision          snapshots do not hold any more
 */
#ifndef CACHE_SCHEMA_H
#define CACHE_SCHEMA_H

#include <stddef.h>

/* Name of a table, then its columns but for the digest, in their order. */
#define RESULT                                                                                     \
    "result", "key, kind, name, tree, bytes, reports, log, seconds, run, kept, marked, used_day"
#define DETAIL "detail", "key, description, info"
#define OTHER_RESULT "other_result", "id, key, tree, bytes, reports, log, seconds, run, kept"
#define NEEDS "needs", "owner, blob"
#define ROOT "root", "owner, key"
#define TRUSTED "trusted", "blob, ino, size, mtime_ns"
#define STAT "stat", "path, dev, ino, size, mtime_ns, ctime_ns, content, hashed_day"
#define RUN "run", "id, recipe, arguments, started, seconds, ran, cached, failed, status"
#define NODE "node", "recipe, name, run, key"
#define JOURNAL "journal", "key, answer, day"
#define STUDY_TABLE "study_table", "recipe, arguments, study, run, body"
#define SNAPSHOT "snapshot", "name, content, run, day, revision"
#define FAILURE "failure", "key, run, name, folder, log, text, day"
#define REVISION "revision", "number"
#define ACCEPTANCE "acceptance", "key, stands_for, recipe, name, who, uid, time"

/* Whether the row is whole; one that is not is noted (database.h, damage) and passed over. */
#define ROW_IS(table) ROW_IS_(table)
#define ROW_IS_(name, columns) "row_is('" name "', digest, " columns ")"

/* Inserts a row with these values for all its columns. It must not be there. */
#define ROW_PUT(table, values) ROW_PUT_(table, values)
#define ROW_PUT_(name, columns, values)                                                            \
    "INSERT INTO " name "(" columns ", digest) VALUES(" values ", row_new('" name "', " values ")" \
    ")"

/* The SET of an UPDATE: what changes, and the values of all columns after it. */
#define ROW_SET(table, change, values) ROW_SET_(table, change, values)
#define ROW_SET_(name, columns, change, values)                                                    \
    change ", digest = row_changed('" name "', digest, " values ")"

/* The end of a DELETE. */
#define ROW_GONE(table) ROW_GONE_(table)
#define ROW_GONE_(name, columns) " RETURNING row_gone('" name "', digest, " columns ")"

enum { SCHEMA_VERSION = 3 }; /* user_version: one higher, and older programs refuse it */

/* A table whose rows are guarded. */
struct schema_table {
    const char *name, *columns;
    const char *what;  /* what its rows are, for people */
    const char *after; /* what becomes of a damaged one */
};

extern const struct schema_table schema_tables[];
enum { SCHEMA_TABLES = 15 };

/* CREATE statements, one an object of sqlite_schema, in the order in which they are run. */
extern const char *const schema_objects[];
extern const size_t schema_n_objects;
enum { SCHEMA_OBJECTS_2 = 23 }; /* the first so many are those of version 2 */

/*
 * SQL that turns an index of version 1 into one of this version, inside a transaction: its old
 * tables are renamed, the objects above made, rows copied, the old tables dropped. One of version 2
 * only lacks the last objects.
 */
extern const char schema_upgrade_before[], schema_upgrade_after[];

#endif
