/* holder: two walks over the results, and what becomes of a lost log. */
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
        .accepted = statement_integer(st, 8) != 0,
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
        "SELECT key, tree, kept AND tree IS NOT NULL, log, marked, kind = 'unit', used_day, bytes, "
        "EXISTS(SELECT 1 FROM acceptance WHERE stands_for = result.key) "
        "FROM result WHERE " ROW_IS(
            RESULT) " UNION ALL "
                    "SELECT key, tree, kept AND tree IS NOT NULL, log, 1, 0, 0, bytes, 0 "
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

static enum status forget_log(struct store *store, const char *sql, const struct holder *holder,
                              struct error *err)
{
    struct statement *st = database_statement(store_database(store), sql);

    statement_bind_digest(st, 1, &holder->key);
    statement_bind_digest(st, 2, &holder->log);
    return statement_run(st, err);
}

enum status holder_forget_log(struct store *store, const struct holder *holder, struct error *err)
{
    TRY(store_write_begin(store, err));
    TRY(forget_log(store,
                   "UPDATE result SET " ROW_SET(
                       RESULT, "log = NULL",
                       "key, kind, name, tree, bytes, reports, NULL, "
                       "seconds, run, kept, marked, used_day") " WHERE key = ?1 AND log = ?2 "
                                                               "AND " ROW_IS(RESULT),
                   holder, err));
    return forget_log(
        store,
        "UPDATE other_result SET " ROW_SET(
            OTHER_RESULT, "log = NULL",
            "id, key, tree, bytes, reports, NULL, seconds, run, kept") " WHERE key = ?1 AND log = "
                                                                       "?2 AND " ROW_IS(
                                                                           OTHER_RESULT),
        holder, err);
}
