/* inline_blob: five statements on the table of the same name. */
#include "cache/content/inline_blob.h"

#include <string.h>

#include "base/arena.h"
#include "cache/content/blob.h"
#include "cache/database.h"
#include "cache/store.h"

enum status inline_blob_put(struct store *store, const struct digest *digest, const void *bytes,
                            size_t n, struct error *err)
{
    struct statement *st;

    TRY(store_write_begin(store, err));
    st = database_statement(
        store_database(store),
        "INSERT INTO inline_blob(digest, bytes) VALUES(?1, ?2) ON CONFLICT(digest) "
        "DO UPDATE SET bytes = ?2 WHERE bytes IS NOT ?2");
    statement_bind_digest(st, 1, digest);
    statement_bind_bytes(st, 2, bytes, n);
    return statement_run(st, err);
}

enum status inline_blob_read(struct store *store, const struct digest *digest, size_t limit,
                             struct arena *arena, void **bytes, size_t *n, struct error *err)
{
    struct statement *st = database_statement(store_database(store),
                                              "SELECT bytes FROM inline_blob WHERE digest = ?1");

    *bytes = NULL;
    *n = 0;
    statement_bind_digest(st, 1, digest);
    if (statement_row(st)) {
        const void *found = statement_bytes(st, 0, n);
        if (*n <= limit && !(*bytes = arena_copy(arena, found, *n)))
            statement_no_memory(st);
    }
    return statement_end(st, err);
}

enum status inline_blob_find(struct store *store, const struct digest *digest, unsigned char *bytes,
                             size_t *n, bool *there, struct error *err)
{
    struct statement *st = database_statement(store_database(store),
                                              "SELECT bytes FROM inline_blob WHERE digest = ?1");

    *n = 0;
    statement_bind_digest(st, 1, digest);
    *there = statement_row(st);
    if (*there) {
        const void *found = statement_bytes(st, 0, n);
        *n = *n < BLOB_INLINE ? *n : BLOB_INLINE;
        memcpy(bytes, found, *n);
    }
    return statement_end(st, err);
}

enum status inline_blob_exists(struct store *store, const struct digest *digest, bool *exists,
                               struct error *err)
{
    struct statement *st =
        database_statement(store_database(store), "SELECT 1 FROM inline_blob WHERE digest = ?1");

    statement_bind_digest(st, 1, digest);
    *exists = statement_row(st);
    return statement_end(st, err);
}

enum status inline_blob_remove(struct store *store, const struct digest *digest, struct error *err)
{
    struct statement *st;

    TRY(store_write_begin(store, err));
    st = database_statement(store_database(store), "DELETE FROM inline_blob WHERE digest = ?1");
    statement_bind_digest(st, 1, digest);
    return statement_run(st, err);
}
