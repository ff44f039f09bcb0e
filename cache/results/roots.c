/* roots: one owner's keys, rewritten only where they differ. Start at roots_replace. */
#include "cache/results/roots.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "cache/database.h"
#include "cache/schema.h"
#include "cache/store.h"

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* Whether the owner wants exactly these keys, sorted, already. */
static enum status is_same(struct store *store, const char *owner, const struct digest *sorted,
                           size_t n, bool *same, struct error *err)
{
    struct statement *st = database_statement(store_database(store),
                                              "SELECT key FROM root WHERE owner = ?1 ORDER BY key");
    size_t k = 0;

    *same = true;
    statement_bind_text(st, 1, owner);
    while (*same && statement_row(st)) {
        const struct digest key = statement_digest(st, 0);
        *same = k < n && digest_equal(&key, &sorted[k++]);
    }
    *same = *same && k == n;
    return statement_end(st, err);
}

static enum status rewrite(struct store *store, const char *owner, const struct digest *sorted,
                           size_t n, struct error *err)
{
    struct database *db = store_database(store);
    struct statement *st;

    TRY(store_write_begin(store, err));
    st = database_statement(db, "DELETE FROM root WHERE owner = ?1" ROW_GONE(ROOT));
    statement_bind_text(st, 1, owner);
    TRY(statement_run(st, err));
    for (size_t i = 0; i < n; i++) {
        st = database_statement(db, ROW_PUT(ROOT, "?1, ?2"));
        statement_bind_text(st, 1, owner);
        statement_bind_digest(st, 2, &sorted[i]);
        TRY(statement_run(st, err));
    }
    return OK;
}

enum status roots_replace(struct store *store, const char *owner, const struct digest *keys,
                          size_t n, struct error *err)
{
    struct arena *arena = arena_open();
    struct digest *sorted = arena ? arena_array(arena, n, sizeof *sorted) : NULL;
    size_t unique = 0;
    bool same = false;
    enum status s;

    if (!sorted) {
        arena_close(arena);
        return error_memory(err);
    }
    if (n > 0) {
        memcpy(sorted, keys, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_digests);
        for (size_t i = 0; i < n; i++)
            if (i == 0 || !digest_equal(&sorted[i], &sorted[unique - 1]))
                sorted[unique++] = sorted[i];
    }
    s = is_same(store, owner, sorted, unique, &same, err);
    if (s == OK && !same)
        s = rewrite(store, owner, sorted, unique, err);
    arena_close(arena);
    return s;
}

enum status roots_has(struct store *store, const struct digest *key, bool *wanted,
                      struct error *err)
{
    struct statement *st =
        database_statement(store_database(store), "SELECT 1 FROM root WHERE key = ?1 LIMIT 1");

    statement_bind_digest(st, 1, key);
    *wanted = statement_row(st);
    return statement_end(st, err);
}
