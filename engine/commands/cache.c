/* hpo cache stat|gc|verify */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/statistics.h"
#include "cache/maintenance/verify.h"
#include "cache/store.h"
#include "engine/audit/place.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/options.h"
#include "engine/progress.h"

static enum status print(struct text *t, struct error *err)
{
    char *string;
    size_t n;

    TRY(text_finish(t, &string, &n, err));
    return progress_result(string, n, err);
}

/* How many columns the words of `hpo cache stat` take. */
struct widths {
    int kind, results, kept, megabytes;
};

static int wider(int width, int length)
{
    return length > width ? length : width;
}

static struct widths widths_of(const struct cache_stat *s)
{
    struct widths w = {0};

    for (size_t i = 0; i < s->n_kinds; i++) {
        const struct kind_stat *k = &s->kinds[i];
        w.kind = wider(w.kind, (int)strlen(k->kind));
        w.results = wider(w.results, snprintf(NULL, 0, "%zu", k->results));
        w.kept = wider(w.kept, snprintf(NULL, 0, "%zu", k->kept));
        w.megabytes = wider(w.megabytes, snprintf(NULL, 0, "%.1f", (double)k->bytes / 1e6));
    }
    return w;
}

static enum status stat_store(const struct options *o, struct store *store, struct arena *arena,
                              struct error *err)
{
    struct text t = text_in(arena);
    struct cache_stat s;
    struct widths w;
    int64_t bytes;

    TRY(cache_stat(store, arena, &s, err));
    w = widths_of(&s);
    bytes = s.blob_bytes + s.inline_bytes;
    if (o->json)
        text_printf(&t, "{\"blobs\": %zu, \"bytes\": %lld, \"index_bytes\": %lld, \"kinds\": [",
                    s.blobs + s.inline_blobs, (long long)bytes, (long long)s.index_bytes);
    else
        text_printf(&t, "%zu blobs, %.1f MB; index %.1f MB\n", s.blobs + s.inline_blobs,
                    (double)bytes / 1e6, (double)s.index_bytes / 1e6);
    for (size_t i = 0; i < s.n_kinds; i++) {
        const struct kind_stat *k = &s.kinds[i];
        if (o->json) {
            text_printf(&t, "%s{\"kind\": ", i ? ", " : "");
            json_write_string(&t, k->kind);
            text_printf(&t, ", \"results\": %zu, \"kept\": %zu, \"marked\": %zu, \"bytes\": %lld}",
                        k->results, k->kept, k->marked, (long long)k->bytes);
        } else {
            text_printf(&t, "  %-*s  %*zu results  %*zu kept  %*.1f MB", w.kind, k->kind, w.results,
                        k->results, w.kept, k->kept, w.megabytes, (double)k->bytes / 1e6);
            text_add(&t, k->marked ? "  some not reproducible\n" : "\n");
        }
    }
    if (o->json)
        text_add(&t, "]}\n");
    return print(&t, err);
}

static enum status collect(const struct options *o, struct store *store, struct arena *arena,
                           struct error *err)
{
    struct text t = text_in(arena);
    struct gc_limits limits = {-1, -1, (int64_t)time(NULL) / 86400, o->dry_run};
    struct gc_report r;

    if (o->max_gb >= 0)
        limits.max_bytes = (int64_t)(o->max_gb * 1e9);
    if (o->max_days >= 0)
        limits.max_age_days = (int64_t)o->max_days;
    TRY(cache_gc(store, &limits, &r, err));
    if (!o->dry_run)
        TRY(place_collect(file_join(arena, store_folder(store), "audits"), arena, err));
    for (const char *damage; (damage = store_damage(store));)
        text_printf(&t, "%s\n", damage);
    text_printf(&t,
                "%s %zu results' files, %zu blobs, %.1f MB, %zu working folders; left: %zu blobs, "
                "%.1f MB\n",
                o->dry_run ? "would remove" : "removed", r.results, r.blobs, (double)r.bytes / 1e6,
                r.folders, r.blobs_left, (double)r.bytes_left / 1e6);
    if (r.foreign > 0)
        text_printf(&t, "%zu working folders stay: only who made them may remove them\n",
                    r.foreign);
    return print(&t, err);
}

static enum status verify(const struct options *o, struct store *store, struct arena *arena,
                          struct error *err)
{
    struct text t = text_in(arena);
    struct verify_report r = {0};
    struct error ignored;
    enum status s = cache_verify(store, arena, &r, err);

    (void)o;
    if (s != OK && s != ERR_CORRUPT)
        return s;
    if (s ==
        ERR_CORRUPT) /* builds look again at everything; who may only read cannot see to that */
        (void)!file_remove(store_graphs(store), &ignored);
    for (size_t i = 0; i < r.n_damage; i++)
        text_printf(&t, "%s\n", r.damage[i]);
    text_printf(&t, "%zu blobs, %zu trees, %zu results, %.1f MB: %s\n", r.blobs, r.trees, r.results,
                (double)r.bytes / 1e6, s == OK ? "all right" : "damaged");
    TRY(print(&t, err));
    return s;
}

enum status cache_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct store *store;
    enum status s;

    if (o->command != COMMAND_CACHE_GC)
        return read_store(o, arena, o->command == COMMAND_CACHE_STAT ? stat_store : verify, err);
    TRY(store_open(o->cache, o->dry_run ? STORE_WRITE : STORE_REPAIR, NULL, &store, err));
    s = collect(o, store, arena, err);
    store_close(store);
    return s;
}
