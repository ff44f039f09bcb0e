/* statistics: results counted by kind, blobs by where they lie. Start at cache_stat. */
#include "cache/maintenance/statistics.h"

#include <sys/stat.h>

#include "base/arena.h"
#include "cache/content/inventory.h"
#include "cache/database.h"
#include "cache/store.h"

static enum status count_kinds(struct store *store, struct arena *arena, struct cache_stat *stat,
                               struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT kind, count(*), sum(kept AND tree IS NOT NULL), sum(marked), "
        "sum(CASE WHEN kept THEN bytes ELSE 0 END) FROM result GROUP BY kind ORDER BY kind");
    size_t capacity = 0;

    while (statement_row(st)) {
        if (stat->n_kinds == capacity) {
            struct kind_stat *more = arena_grow(arena, stat->kinds, stat->n_kinds,
                                                stat->n_kinds + 1, sizeof *more, &capacity);
            if (!more) {
                statement_no_memory(st);
                break;
            }
            stat->kinds = more;
        }
        stat->kinds[stat->n_kinds++] = (struct kind_stat){
            .kind = statement_text(st, 0, arena),
            .results = (size_t)statement_integer(st, 1),
            .kept = (size_t)statement_integer(st, 2),
            .marked = (size_t)statement_integer(st, 3),
            .bytes = statement_integer(st, 4),
        };
    }
    return statement_end(st, err);
}

static int64_t file_size(struct arena *arena, const struct store *store, const char *name)
{
    char *path = arena_printf(arena, "%s/%s", store_folder(store), name);
    struct stat st;

    return path && stat(path, &st) == 0 ? st.st_size : 0;
}

enum status cache_stat(struct store *store, struct arena *arena, struct cache_stat *stat,
                       struct error *err)
{
    struct inventory inventory;

    *stat = (struct cache_stat){0};
    TRY(count_kinds(store, arena, stat, err));
    TRY(inventory_read(store, arena, &inventory, err));
    for (size_t i = 0; i < inventory.n; i++) {
        const struct inventory_blob *blob = &inventory.blobs[i];
        stat->blobs += !blob->in_index;
        stat->inline_blobs += blob->in_index;
        stat->blob_bytes += blob->in_index ? 0 : blob->size;
        stat->inline_bytes += blob->in_index ? blob->size : 0;
    }
    stat->index_bytes =
        file_size(arena, store, "index.db") + file_size(arena, store, "index.db-wal");
    return OK;
}
