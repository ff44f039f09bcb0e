/* scenario: every module of the room, once, in the order of a build. */
#include "tests/faults/scenario.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "cache/content/blob.h"
#include "cache/content/source.h"
#include "cache/content/tree.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/verify.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/results/roots.h"
#include "cache/store.h"

enum { LARGE = 20000, TODAY = 20000 };

static enum status key_of(const char *name, struct digest *key, struct error *err)
{
    return digest_bytes(name, strlen(name), key, err);
}

static enum status make_file(const char *path, char letter, size_t n, struct error *err)
{
    char bytes[LARGE];

    memset(bytes, letter, sizeof bytes);
    return file_write(path, bytes, n, err);
}

static enum status make_outputs(const char *folder, char letter, struct arena *arena,
                                struct error *err)
{
    char *sub = file_join(arena, folder, "model"),
         *weights = sub ? file_join(arena, sub, "w") : NULL;
    char *config = file_join(arena, folder, "config");

    if (!sub || !weights || !config)
        return error_memory(err);
    TRY(file_remove(folder, err));
    TRY(file_make_folders(sub, err));
    TRY(make_file(weights, letter, LARGE, err));
    return make_file(config, letter, 10, err);
}

/* An action: its outputs become a tree, its result a row. */
static enum status act(struct store *store, const char *name, const char *kind, char letter,
                       struct arena *arena, struct error *err)
{
    static const char *const names[] = {"config", "model"};
    char *folder = file_join(arena, store_work(store), name);
    struct result r = {.kind = kind, .name = name, .description = name, .used_day = TODAY};
    enum put_outcome outcome;
    struct tree tree;

    if (!folder)
        return error_memory(err);
    TRY(make_outputs(folder, letter, arena, err));
    TRY(key_of(name, &r.key, err));
    TRY(tree_take(store, folder, names, 2, arena, &tree, err));
    TRY(blob_put(store, "what it said", 12, &r.log, err));
    r.has_log = r.has_tree = true;
    r.tree = tree.digest;
    r.bytes = tree.bytes;
    r.reports = kind[0] == 'u' ? "t 1\n" : NULL;
    TRY(index_result_put(store, &r, &tree, &outcome, err));
    return file_remove(folder, err);
}

static enum status read_back(struct store *store, const char *name, struct arena *arena,
                             struct error *err)
{
    char *dest = arena_printf(arena, "%s/placed", store_work(store));
    struct result r;
    struct tree tree;

    if (!dest)
        return error_memory(err);
    TRY(key_of(name, &r.key, err));
    TRY(index_result_get(store, &r.key, arena, &r, err));
    TRY(tree_read(store, &r.tree, arena, &tree, err));
    TRY(file_remove(dest, err));
    TRY(tree_place(store, &tree, dest, err));
    return file_remove(dest, err);
}

static enum status find_source(struct store *store, struct arena *arena, struct error *err)
{
    char *path = arena_printf(arena, "%s/../source", store_folder(store));
    struct source source;
    bool unchanged;

    if (!path)
        return error_memory(err);
    TRY(source_preload(store, path, err));
    TRY(source_digest(store, path, NULL, arena, &source, err));
    return source_unchanged(store, path, &source, &unchanged, err);
}

static enum status note_history(struct store *store, struct arena *arena, struct error *err)
{
    struct run run = {.recipe = "r", .arguments = "", .started = 1, .status = "done"}, *runs;
    struct study_table table = {"r", "", "study", 1, "{}"};
    struct node_key node = {.name = "node", .run = 1};
    struct failure failure = {.text = "exit 1", .day = TODAY};
    size_t n;

    TRY(history_run_begin(store, &run, &run.id, err));
    TRY(key_of("failed", &failure.key, err));
    TRY(history_failure_put(store, &failure, err));
    TRY(history_failure_remove(store, &failure.key, err));
    TRY(key_of("node", &node.key, err));
    TRY(history_nodes_put(store, "r", &node, 1, err));
    TRY(history_journal_put(store, &node.key, "{}", TODAY, err));
    TRY(history_table_put(store, &table, err));
    TRY(roots_replace(store, "study", &node.key, 1, err));
    TRY(history_run_finish(store, &run, err));
    return history_runs(store, NULL, 10, arena, &runs, &n, err);
}

static enum status clean_up(struct store *store, struct error *err)
{
    const struct gc_limits limits = {-1, 30, TODAY, false};
    struct drop_report dropped;
    struct gc_report collected;

    TRY(cache_drop_unwanted(store, &dropped, err));
    return cache_gc(store, &limits, &collected, err);
}

static enum status build(struct store *store, struct arena *arena, struct error *err)
{
    TRY(find_source(store, arena, err));
    TRY(act(store, "clone", "clone", 'c', arena, err));
    TRY(store_sync(store, err));
    TRY(act(store, "first", "unit", 'f', arena, err));
    TRY(act(store, "second", "train", 's', arena, err));
    TRY(note_history(store, arena, err));
    TRY(store_sync(store, err));
    TRY(read_back(store, "second", arena, err));
    TRY(clean_up(store, err)); /* "first" is a unit that nobody wants */
    return read_back(store, "clone", arena, err);
}

static enum status in_store(enum status (*work)(struct store *, struct arena *, struct error *),
                            struct error *err)
{
    struct arena *arena = arena_open();
    struct store *store = NULL;
    enum status s = arena ? store_open("store", STORE_WRITE, NULL, &store, err) : error_memory(err);

    if (s == OK)
        s = work(store, arena, err);
    store_close(store);
    arena_close(arena);
    return s;
}

static enum status promise(struct store *store, struct arena *arena, struct error *err)
{
    TRY(act(store, "promised", "train", 'p', arena, err));
    return store_sync(store, err);
}

enum status scenario_begin(struct error *err)
{
    TRY(file_make_folders("source/empty", err));
    TRY(make_file("source/small", 'x', 10, err));
    TRY(make_file("source/large", 'y', LARGE, err));
    return in_store(promise, err);
}

enum status scenario_run(struct error *err)
{
    return in_store(build, err);
}

static enum status check_all(struct store *store, struct arena *arena, struct error *err)
{
    struct verify_report report;
    enum status s = cache_verify(store, arena, &report, err);

    if (s == ERR_CORRUPT && report.n_damage > 0)
        return error_set(err, s, "", "%s", report.damage[0]);
    if (s != OK)
        return s;
    return read_back(store, "promised", arena, err);
}

static enum status check_done(struct store *store, struct arena *arena, struct error *err)
{
    TRY(read_back(store, "clone", arena, err));
    return read_back(store, "second", arena, err);
}

const char *scenario_check(int done)
{
    static struct error err;

    if (in_store(check_all, &err) != OK || (done && in_store(check_done, &err) != OK))
        return err.text;
    return NULL;
}
