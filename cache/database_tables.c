/*
 * database_tables: makes the tables of schema.h, upgrades older ones, and sees to it that nothing
 * else is in the file. Start at tables_open.
 */
#include "cache/database_handle.h"

#include <stdio.h>
#include <string.h>

enum { APPLICATION = 0x68706f31 }; /* "hpo1", in the file's header: see file(1) */

static enum status make_objects(struct database *db, size_t first, struct error *err)
{
    for (size_t i = first; i < schema_n_objects; i++)
        TRY(database_run(db, schema_objects[i], err));
    return first == 0 ? database_run(db, ROW_PUT(REVISION, "0"), err) : OK;
}

/* Both numbers of one moment: another process may be making the tables. */
static enum status read_version(struct database *db, int64_t *application, int64_t *version,
                                struct error *err)
{
    struct error ignored;
    enum status s;

    *application = *version = 0;
    TRY(database_run(db, "BEGIN", err));
    s = database_number(db, "PRAGMA application_id", application, err);
    if (s == OK)
        s = database_number(db, "PRAGMA user_version", version, err);
    (void)!database_run(db, "ROLLBACK", &ignored); /* nothing was written */
    return s;
}

/* The tables are there: makes their sums, their version, and all of it durable. */
static enum status finish(struct database *db, struct error *err)
{
    char sql[128];

    (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
                   APPLICATION, SCHEMA_VERSION);
    TRY(rows_sum(db, err));
    TRY(database_run(db, sql, err));
    return database_run(db, "COMMIT", err);
}

static enum status make(struct database *db, struct error *err)
{
    TRY(database_run(db, "PRAGMA journal_mode=WAL; BEGIN IMMEDIATE;", err));
    TRY(make_objects(db, 0, err));
    return finish(db, err);
}

/* Whoever fails here closes the database, which takes everything back. */
static enum status upgrade(struct database *db, int64_t version, struct error *err)
{
    TRY(database_run(db, "BEGIN IMMEDIATE", err));
    if (version == 1)
        TRY(database_run(db, schema_upgrade_before, err));
    TRY(make_objects(db, version == 1 ? 0 : SCHEMA_OBJECTS_2, err));
    if (version == 1)
        TRY(database_run(db, schema_upgrade_after, err));
    return finish(db, err);
}

static enum status newer(struct database *db, int64_t version, struct error *err)
{
    (void)error_set(err, ERR_INPUT, db->path,
                    "store of a newer version: its index has version %lld, this program knows %d",
                    (long long)version, SCHEMA_VERSION);
    error_hint(err, "use the newer program, or another store: --cache DIR");
    return ERR_INPUT;
}

/*
 * Each object as it was made, and no other: a view could be endless, a trigger could write. What
 * SQLite makes by itself has no text, or is a table that an older version has left.
 */
static enum status check_objects(struct database *db, struct error *err)
{
    struct statement *st =
        database_statement(db, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND "
                               "name <> 'sqlite_sequence' ORDER BY rowid");
    size_t n = 0;
    bool same = true;

    while (same && statement_row(st)) {
        size_t length;
        const char *sql = statement_bytes(st, 0, &length);
        same = n < schema_n_objects && strlen(schema_objects[n]) == length &&
               memcmp(schema_objects[n], sql, length) == 0;
        n++;
    }
    TRY(statement_end(st, err));
    return same && n == schema_n_objects
               ? OK
               : database_damaged(db->path,
                                  "the index of the store is damaged: its tables are not "
                                  "those of a store",
                                  err);
}

enum status tables_open(struct database *db, enum database_mode mode, bool *old, struct error *err)
{
    int64_t application, version;

    TRY(read_version(db, &application, &version, err));
    if (application == 0 && version == 0 && mode == DATABASE_MAKE) {
        TRY(make(db, err));
        version = SCHEMA_VERSION;
        application = APPLICATION;
    }
    if (application == 0 && version == 0)
        return error_set(err, ERR_NOT_FOUND, db->path, "the index has no tables");
    if (application != APPLICATION || version < 1)
        return database_damaged(db->path,
                                "this is not the index of a store, or its head is damaged", err);
    if (version > SCHEMA_VERSION)
        return newer(db, version, err);
    *old = version < SCHEMA_VERSION;
    if (*old && mode != DATABASE_UPGRADE)
        return error_set(err, ERR_NOT_FOUND, db->path, "the index has tables of an older version");
    if (*old)
        TRY(upgrade(db, version, err));
    return check_objects(db, err);
}
