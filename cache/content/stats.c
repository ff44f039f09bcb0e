/* stats: the table of the same name, and a hash table of its rows that were read or put. */
#include "cache/content/stats.h"

#include <string.h>

#include "base/arena.h"
#include "cache/database.h"
#include "cache/schema.h"
#include "cache/store.h"

#ifdef HPO_SMALL
enum { SLOTS_FIRST = 2 };
#else
enum { SLOTS_FIRST = 1024 };
#endif

struct entry {
    const char *path;
    struct stats_row row;
};

struct folder {
    struct folder *next;
    const char *path;
};

struct stats {
    struct arena *arena;
    struct entry **slots; /* open addressing; a power of two of them, at most half full */
    size_t n, n_slots;
    struct folder *loaded;
    struct stats_row single; /* of the last lookup by itself */
};

/* What this store has read so far; NULL: no memory. */
static struct stats *stats_of(struct store *store)
{
    struct stats **stats = store_stats(store);

    if (!*stats && (*stats = arena_alloc(store_arena(store), sizeof **stats)))
        (*stats)->arena = store_arena(store);
    return *stats;
}

/* FNV-1a, 64 bits, its upper half folded in. */
static size_t hash_path(const char *path)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (const char *p = path; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

static struct entry **find_slot(struct entry **slots, size_t n_slots, const char *path)
{
    size_t i = hash_path(path) & (n_slots - 1);

    while (slots[i] && strcmp(slots[i]->path, path) != 0)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static bool grow(struct stats *stats)
{
    const size_t n_slots = stats->n_slots ? stats->n_slots * 2 : SLOTS_FIRST;
    struct entry **slots = arena_array(stats->arena, n_slots, sizeof *slots);

    if (!slots)
        return false;
    for (size_t i = 0; i < stats->n_slots; i++)
        if (stats->slots[i])
            *find_slot(slots, n_slots, stats->slots[i]->path) = stats->slots[i];
    stats->slots = slots;
    stats->n_slots = n_slots;
    return true;
}

/* Adds or replaces a row of the hash table; path lives in the arena. False: no memory. */
static bool insert(struct stats *stats, const char *path, const struct stats_row *row)
{
    struct entry **slot;

    if (stats->n * 2 >= stats->n_slots && !grow(stats))
        return false;
    slot = find_slot(stats->slots, stats->n_slots, path);
    if (!*slot) {
        if (!(*slot = arena_alloc(stats->arena, sizeof **slot)))
            return false;
        stats->n++;
    }
    **slot = (struct entry){path, *row};
    return true;
}

static struct stats_row read_row(struct statement *st, int column)
{
    return (struct stats_row){
        .dev = statement_integer(st, column),
        .ino = statement_integer(st, column + 1),
        .size = statement_integer(st, column + 2),
        .mtime_ns = statement_integer(st, column + 3),
        .ctime_ns = statement_integer(st, column + 4),
        .digest = statement_digest(st, column + 5),
    };
}

/* "FOLDER/…" sorts from "FOLDER/" up to "FOLDER0", for '0' comes behind '/'. */
enum status stats_load(struct store *store, const char *folder, struct error *err)
{
    struct stats *stats = stats_of(store);
    const size_t n = strlen(folder) > 1 ? strlen(folder) : 0; /* "/": everything */
    struct arena *arena = store_arena(store);
    struct folder *loaded = arena_alloc(arena, sizeof *loaded);
    char *low = arena_printf(arena, "%.*s/", (int)n, folder);
    char *high = arena_printf(arena, "%.*s0", (int)n, folder);
    struct statement *st;

    if (!stats || !loaded || !low || !high)
        return error_memory(err);
    st = database_statement(store_database(store),
                            "SELECT path, dev, ino, size, mtime_ns, ctime_ns, content FROM stat "
                            "WHERE path >= ?1 AND path < ?2 AND " ROW_IS(STAT));
    statement_bind_text(st, 1, low);
    statement_bind_text(st, 2, high);
    while (statement_row(st)) {
        const char *path = statement_text(st, 0, arena);
        const struct stats_row row = read_row(st, 1);
        if (!path || !insert(stats, path, &row))
            statement_no_memory(st);
    }
    TRY(statement_end(st, err));
    *loaded = (struct folder){stats->loaded, low};
    stats->loaded = loaded;
    return OK;
}

static bool is_loaded(const struct stats *stats, const char *path)
{
    for (const struct folder *f = stats->loaded; f; f = f->next)
        if (strncmp(path, f->path, strlen(f->path)) == 0)
            return true;
    return false;
}

enum status stats_get(struct store *store, const char *path, const struct stats_row **row,
                      struct error *err)
{
    struct stats *stats = stats_of(store);
    struct statement *st;
    struct entry **slot;

    if (!stats)
        return error_memory(err);
    slot = stats->n_slots ? find_slot(stats->slots, stats->n_slots, path) : NULL;
    *row = slot && *slot ? &(*slot)->row : NULL;
    if (*row || is_loaded(stats, path))
        return OK;
    st = database_statement(store_database(store),
                            "SELECT dev, ino, size, mtime_ns, ctime_ns, content "
                            "FROM stat WHERE path = ?1 AND " ROW_IS(STAT));
    statement_bind_text(st, 1, path);
    if (statement_row(st)) {
        stats->single = read_row(st, 0);
        *row = &stats->single;
    }
    return statement_end(st, err);
}

enum status stats_put(struct store *store, const char *path, const struct stats_row *row,
                      int64_t today, struct error *err)
{
    struct stats *stats = stats_of(store);
    char *copy = arena_string(store_arena(store), path);
    struct statement *st;

    TRY(store_write_begin(store, err));
    if (!stats || !copy || !insert(stats, copy, row))
        return error_memory(err);
    st = database_statement(store_database(store),
                            "DELETE FROM stat WHERE path = ?1" ROW_GONE(STAT));
    statement_bind_text(st, 1, path);
    TRY(statement_run(st, err));
    st = database_statement(store_database(store), ROW_PUT(STAT, "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8"));
    statement_bind_text(st, 1, path);
    statement_bind_integer(st, 2, row->dev);
    statement_bind_integer(st, 3, row->ino);
    statement_bind_integer(st, 4, row->size);
    statement_bind_integer(st, 5, row->mtime_ns);
    statement_bind_integer(st, 6, row->ctime_ns);
    statement_bind_digest(st, 7, &row->digest);
    statement_bind_integer(st, 8, today);
    return statement_run(st, err);
}

enum status stats_prune(struct store *store, int64_t before_day, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store), "DELETE FROM stat WHERE hashed_day < ?1" ROW_GONE(STAT));

    statement_bind_integer(st, 1, before_day);
    return statement_run(st, err);
}
