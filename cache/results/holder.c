/* holder: two walks over the results. */
#include "cache/results/holder.h"

#include "base/arena.h"
#include "cache/database.h"
#include "cache/schema.h"
#include "cache/store.h"

static void read_holder(struct statement *st, struct holder *h)
{
    *h = (struct holder){
        .key = statement_digest(st, 0),
        .kept = statement_integer(st, 2) != 0,
        .has_log = !statement_is_null(st, 3),
        .marked = statement_integer(st, 4) != 0,
        .unit = statement_integer(st, 5) != 0,
        .used_day = statement_integer(st, 6),
        .bytes = statement_integer(st, 7),
    };
    if (h->kept)
        h->tree = statement_digest(st, 1);
    if (h->has_log)
        h->log = statement_digest(st, 3);
}

enum status holders_read(struct store *store, struct arena *arena, struct holder **holders,
                         size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT key, tree, kept AND tree IS NOT NULL, log, marked, kind = 'unit', used_day, bytes "
        "FROM result WHERE " ROW_IS(
            RESULT) " UNION ALL "
                    "SELECT key, tree, kept AND tree IS NOT NULL, log, 1, 0, 0, bytes "
                    "FROM other_result WHERE " ROW_IS(OTHER_RESULT) " ORDER BY 7, 1, 2");
    size_t capacity = 0;

    *holders = NULL;
    *n = 0;
    while (statement_row(st)) {
        struct holder *last = arena_push(arena, *holders, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        read_holder(st, last);
    }
    return statement_end(st, err);
}

enum status holders_unwanted(struct store *store, struct arena *arena, struct digest **keys,
                             size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT key FROM result WHERE kept AND kind = 'unit' AND NOT marked AND NOT EXISTS "
        "(SELECT 1 FROM root WHERE root.key = result.key) ORDER BY key");
    size_t capacity = 0;

    *keys = NULL;
    *n = 0;
    while (statement_row(st)) {
        struct digest *last = arena_push(arena, *keys, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        *last = statement_digest(st, 0);
    }
    return statement_end(st, err);
}
