/* trusted: statements on the table of the same name. */
#include "cache/content/trusted.h"

#include "cache/content/scan.h"
#include "cache/database.h"
#include "cache/schema.h"
#include "cache/store.h"

static void bind(struct statement *row, const struct digest *digest, const struct stat *st)
{
    statement_bind_digest(row, 1, digest);
    statement_bind_integer(row, 2, (int64_t)st->st_ino);
    statement_bind_integer(row, 3, st->st_size);
    statement_bind_integer(row, 4, scan_time_ns(&st->st_mtim));
}

enum status trusted_forget(struct store *store, const struct digest *digest, struct error *err)
{
    struct statement *row;

    TRY(store_write_begin(store, err));
    row = database_statement(store_database(store),
                             "DELETE FROM trusted WHERE blob = ?1" ROW_GONE(TRUSTED));
    statement_bind_digest(row, 1, digest);
    return statement_run(row, err);
}

enum status trusted_put(struct store *store, const struct digest *digest, const struct stat *st,
                        struct error *err)
{
    struct statement *row;

    TRY(store_write_begin(store, err));
    TRY(trusted_forget(store, digest, err));
    row = database_statement(store_database(store), ROW_PUT(TRUSTED, "?1, ?2, ?3, ?4"));
    bind(row, digest, st);
    return statement_run(row, err);
}

enum status trusted_holds(struct store *store, const struct digest *digest, const struct stat *st,
                          bool *holds, struct error *err)
{
    struct statement *row = database_statement(
        store_database(store), "SELECT 1 FROM trusted WHERE blob = ?1 AND ino = ?2 AND size = ?3 "
                               "AND mtime_ns = ?4 AND " ROW_IS(TRUSTED));

    bind(row, digest, st);
    *holds = statement_row(row);
    return statement_end(row, err);
}
