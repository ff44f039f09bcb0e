/* acceptance: rows of the table of that name, and the walk from units to those behind them. Start
 * at acceptance_put. */
#include "cache/results/acceptance.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cache/database.h"
#include "cache/results/index.h"
#include "cache/schema.h"
#include "cache/store.h"

#define COLUMNS "key, stands_for, recipe, name, who, uid, time"

static void read_row(struct statement *st, struct arena *arena, struct acceptance *a)
{
    *a = (struct acceptance){
        .key = statement_digest(st, 0),
        .stands_for = statement_digest(st, 1),
        .recipe = statement_text(st, 2, arena),
        .name = statement_text(st, 3, arena),
        .who = statement_text(st, 4, arena),
        .uid = statement_integer(st, 5),
        .time = statement_integer(st, 6),
    };
}

enum status acceptance_get(struct store *store, const struct digest *key, struct arena *arena,
                           struct acceptance *out, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT " COLUMNS " FROM acceptance WHERE key = ?1 AND " ROW_IS(ACCEPTANCE));
    bool found;

    statement_bind_digest(st, 1, key);
    if ((found = statement_row(st)))
        read_row(st, arena, out);
    TRY(statement_end(st, err));
    return found ? OK : error_set(err, ERR_NOT_FOUND, "", "the key was not accepted");
}

enum status acceptance_list(struct store *store, const char *recipe, struct arena *arena,
                            struct acceptance **out, size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT " COLUMNS " FROM acceptance WHERE (?1 IS NULL OR recipe = ?1) AND " ROW_IS(
            ACCEPTANCE) " ORDER BY time, name");
    size_t capacity = 0;

    *out = NULL;
    *n = 0;
    statement_bind_text(st, 1, recipe);
    while (statement_row(st)) {
        struct acceptance *last = arena_push(arena, *out, *n, capacity);
        if (!last) {
            statement_no_memory(st);
            break;
        }
        read_row(st, arena, last);
    }
    return statement_end(st, err);
}

/* ---- putting ---- */

enum status acceptance_remove(struct store *store, const struct digest *key, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "DELETE FROM acceptance WHERE key = ?1" ROW_GONE(ACCEPTANCE));

    statement_bind_digest(st, 1, key);
    return statement_run(st, err);
}

static enum status insert(struct store *store, const struct acceptance *a,
                          const struct digest *stands_for, struct error *err)
{
    struct statement *st = database_statement(store_database(store),
                                              ROW_PUT(ACCEPTANCE, "?1, ?2, ?3, ?4, ?5, ?6, ?7"));

    statement_bind_digest(st, 1, &a->key);
    statement_bind_digest(st, 2, stands_for);
    statement_bind_text(st, 3, a->recipe);
    statement_bind_text(st, 4, a->name);
    statement_bind_text(st, 5, a->who);
    statement_bind_integer(st, 6, a->uid);
    statement_bind_integer(st, 7, a->time);
    return statement_run(st, err);
}

static enum status put(struct store *store, const struct acceptance *a, const char *description,
                       struct arena *arena, struct error *err)
{
    const struct result detail = {.key = a->key, .description = description};
    const struct result *own;
    struct result meant;

    TRY(index_results_get(store, &a->key, 1, arena, &own, err));
    if (own)
        return OK;
    TRY(index_result_get(store, &a->stands_for, arena, &meant, err));
    TRY(acceptance_remove(store, &a->key, err));
    TRY(insert(store, a, &meant.key, err));
    return index_detail_put(store, &detail, err);
}

enum status acceptance_put(struct store *store, const struct acceptance *a, const char *description,
                           struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? store_write_begin(store, err) : error_memory(err);

    if (s == OK)
        s = put(store, a, description, arena, err);
    arena_close(arena);
    return s;
}

/* ---- what was trained on from them ---- */

/* A unit, and the one before it. */
struct link {
    struct digest parent, key;
};

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* Whether the description is a unit's, and of which unit it goes on. */
static bool read_parent(const char *description, struct digest *parent)
{
    static const char field[] = "\nparent \"";
    const char *at = description ? strstr(description, field) : NULL;
    char hex[DIGEST_HEX + 1];

    if (!at || strncmp(description, "unit ", 5) != 0 || strlen(at) < strlen(field) + DIGEST_HEX)
        return false;
    memcpy(hex, at + strlen(field), DIGEST_HEX);
    hex[DIGEST_HEX] = '\0';
    return digest_parse(hex, parent);
}

enum status acceptance_origin(struct store *store, const struct digest *key, struct arena *arena,
                              struct acceptance *out, struct error *err)
{
    struct digest at = *key;
    struct result r;
    enum status s;

    while ((s = acceptance_get(store, &at, arena, out, err)) == ERR_NOT_FOUND) {
        TRY(index_result_get(store, &at, arena, &r, err));
        if (!read_parent(r.description, &at))
            return error_set(err, ERR_NOT_FOUND, "", "it rests on no acceptance");
    }
    return s;
}

/* All units that go on from others, by those. */
static enum status read_links(struct store *store, struct arena *arena, struct link **links,
                              size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT key, description FROM detail WHERE description >= 'unit ' "
                               "AND description < 'unit!' AND " ROW_IS(DETAIL));
    struct arena *texts = arena_open();
    size_t capacity = 0;
    enum status s;

    *links = NULL;
    *n = 0;
    while (texts && statement_row(st)) {
        struct link link = {.key = statement_digest(st, 0)};
        struct link *last;
        if (!read_parent(statement_text(st, 1, texts), &link.parent))
            continue;
        if (!(last = arena_push(arena, *links, *n, capacity))) {
            statement_no_memory(st);
            break;
        }
        *last = link;
    }
    if (!texts)
        statement_no_memory(st);
    s = statement_end(st, err);
    arena_close(texts);
    if (*links)
        qsort(*links, *n, sizeof **links, compare_digests);
    return s;
}

/* The units behind some, as far as they were found. */
struct walk {
    struct store *store;
    struct arena *arena;
    struct link *links; /* sorted by parent */
    size_t n_links;
    struct digest *found;
    size_t n, capacity;
};

/* The first link whose parent is not before this one. */
static size_t find_first(const struct walk *w, const struct digest *parent)
{
    size_t low = 0, high = w->n_links;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_digests(&w->links[middle].parent, parent) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum status is_accepted(struct store *store, const struct digest *key, bool *accepted,
                               struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "SELECT 1 FROM acceptance WHERE key = ?1 AND " ROW_IS(ACCEPTANCE));

    statement_bind_digest(st, 1, key);
    *accepted = statement_row(st);
    return statement_end(st, err);
}

/* Adds the units behind one; an accepted one stands for itself. */
static enum status add_behind(struct walk *w, const struct digest key, struct error *err)
{
    for (size_t i = find_first(w, &key); i < w->n_links && digest_equal(&w->links[i].parent, &key);
         i++) {
        struct digest *last;
        bool accepted;
        TRY(is_accepted(w->store, &w->links[i].key, &accepted, err));
        if (accepted)
            continue;
        if (!(last = arena_push(w->arena, w->found, w->n, w->capacity)))
            return error_memory(err);
        *last = w->links[i].key;
    }
    return OK;
}

enum status acceptance_followers(struct store *store, const struct digest *keys, size_t n,
                                 struct arena *arena, struct digest **followers,
                                 size_t *n_followers, struct error *err)
{
    struct walk w = {.store = store, .arena = arena};

    TRY(read_links(store, arena, &w.links, &w.n_links, err));
    for (size_t i = 0; i < n; i++)
        TRY(add_behind(&w, keys[i], err));
    for (size_t i = 0; i < w.n; i++)
        TRY(add_behind(&w, w.found[i], err));
    *followers = w.found;
    *n_followers = w.n;
    return OK;
}

static enum status revoke(struct store *store, const struct digest *keys, size_t n,
                          struct arena *arena, struct error *err)
{
    struct digest *followers;
    size_t n_followers;

    TRY(acceptance_followers(store, keys, n, arena, &followers, &n_followers, err));
    for (size_t i = 0; i < n_followers; i++)
        TRY(index_result_forget(store, &followers[i], err));
    for (size_t i = 0; i < n; i++)
        TRY(index_result_forget(store, &keys[i], err));
    return OK;
}

enum status acceptance_revoke(struct store *store, const struct digest *keys, size_t n,
                              struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? store_write_begin(store, err) : error_memory(err);

    if (s == OK)
        s = revoke(store, keys, n, arena, err);
    arena_close(arena);
    return s;
}
