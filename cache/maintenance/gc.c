/*
 * gc: drops and collects. What is kept and how it goes is said by its owners (holder.h, history.h,
 * stats.h, inventory.h); here it is only put together. The order that makes a crash harmless: rows
 * first, durable, and only then the files that no row names any more. Start at cache_gc.
 */
#include "cache/maintenance/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/blob.h"
#include "cache/content/inventory.h"
#include "cache/content/stats.h"
#include "cache/content/tree.h"
#include "cache/content/trusted.h"
#include "cache/database.h"
#include "cache/records/history.h"
#include "cache/results/holder.h"
#include "cache/results/index.h"
#include "cache/store.h"

enum { ALONE_WAIT_MS = 1000, SECONDS_A_DAY = 24 * 60 * 60 };

/* ---- dropping ---- */

/* Removes blobs that no row names; inline ones stay for gc. */
static enum status remove_files(struct store *store, const struct digest *blobs, size_t n,
                                struct drop_report *report, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        char name[BLOB_NAME_MAX];
        struct stat st;
        store_blob_name(&blobs[i], name);
        if (fstatat(store_blobs(store), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (unlinkat(store_blobs(store), name, 0) != 0)
            return error_system(err, name, "remove");
        report->blobs++;
        report->bytes += st.st_size;
    }
    return OK;
}

static enum status drop_alone(struct store *store, const struct digest *keys, size_t n,
                              struct arena *arena, struct drop_report *report, struct error *err)
{
    struct digest *blobs = NULL;
    size_t n_blobs = 0, capacity = 0;

    for (size_t i = 0; i < n; i++) {
        struct result r;
        enum status s = index_result_get(store, &keys[i], arena, &r, err);
        if (s == ERR_NOT_FOUND || (s == OK && (r.marked || !r.kept)))
            continue;
        if (s != OK)
            return s;
        TRY(index_result_drop_tree(store, &keys[i], arena, &blobs, &n_blobs, &capacity, err));
        report->trees++;
    }
    TRY(store_sync(store, err));
    return remove_files(store, blobs, n_blobs, report, err);
}

/* What is pending goes first: who is alone must not have anything half done. */
enum status cache_drop(struct store *store, const struct digest *keys, size_t n,
                       struct drop_report *report, struct error *err)
{
    struct arena *arena;
    int64_t user;
    enum status s;

    *report = (struct drop_report){0};
    TRY(store_sync(store, err));
    TRY(store_be_alone(store, 0, &report->alone, &user, err));
    if (!report->alone)
        return OK;
    arena = arena_open();
    s = arena ? drop_alone(store, keys, n, arena, report, err) : error_memory(err);
    arena_close(arena);
    store_share(store);
    return s;
}

enum status cache_drop_unwanted(struct store *store, struct drop_report *report, struct error *err)
{
    struct arena *arena = arena_open();
    struct digest *keys;
    size_t n = 0;
    enum status s = arena ? holders_unwanted(store, arena, &keys, &n, err) : error_memory(err);

    *report = (struct drop_report){.alone = true};
    if (s == OK && n > 0)
        s = cache_drop(store, keys, n, report, err);
    arena_close(arena);
    return s;
}

/* ---- collecting ---- */

/* What a collection knows; everything lives in its arena. */
struct collection {
    struct store *store;
    const struct gc_limits *limits;
    struct gc_report *report;
    struct arena *arena;
    struct inventory inventory;
    struct failure *failures; /* that are still remembered */
    size_t n_failures;
};

/* What is older may go. */
static int64_t oldest_day(const struct collection *c)
{
    return c->limits->max_age_days >= 0 ? c->limits->today - c->limits->max_age_days : INT64_MIN;
}

static bool is_whole(const struct collection *c, const struct tree *tree)
{
    for (size_t i = 0; i < tree->n; i++) {
        const enum tree_kind kind = tree->entries[i].kind;
        if ((kind == TREE_FILE || kind == TREE_EXECUTABLE) &&
            !inventory_find(&c->inventory, &tree->entries[i].digest))
            return false;
    }
    return true;
}

/* Counts a holder's tree in or out. One that is lost or damaged holds nothing; *whole says so. */
static enum status count_tree(struct collection *c, const struct holder *h, int change, bool *whole,
                              struct error *err)
{
    struct arena *arena = arena_open();
    struct tree tree;
    enum status s = arena ? tree_read(c->store, &h->tree, arena, &tree, err) : error_memory(err);

    *whole = s == OK && is_whole(c, &tree);
    if (s == OK)
        inventory_need_tree(&c->inventory, &tree, change);
    else if (s == ERR_NOT_FOUND || s == ERR_CORRUPT)
        s = OK;
    arena_close(arena);
    return s;
}

/* Drops a result's tree; with all, the result itself. */
static enum status let_go(struct collection *c, struct holder *h, bool all, struct error *err)
{
    struct digest *blobs = NULL;
    size_t n = 0, capacity = 0;
    bool whole;

    if (h->kept) {
        TRY(count_tree(c, h, -1, &whole, err));
        c->report->results++;
        h->kept = false;
    }
    if (all && h->has_log)
        inventory_need(&c->inventory, &h->log, -1);
    if (c->limits->dry_run)
        return OK;
    TRY(index_result_drop_tree(c->store, &h->key, c->arena, &blobs, &n, &capacity, err));
    return all ? index_result_forget(c->store, &h->key, err) : OK;
}

/* What marked results and accepted keys hold on to stays, however old. */
static bool may_go(const struct holder *h)
{
    return !h->marked && !h->accepted;
}

static enum status evict(struct collection *c, struct holder *holders, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (may_go(&holders[i]) && holders[i].used_day < oldest_day(c) &&
            (holders[i].kept || !holders[i].unit))
            TRY(let_go(c, &holders[i], !holders[i].unit, err));
    if (c->limits->max_bytes < 0)
        return OK;
    for (size_t i = 0; i < n && c->inventory.needed_bytes > c->limits->max_bytes; i++)
        if (may_go(&holders[i]) && holders[i].kept && holders[i].bytes > 0)
            TRY(let_go(c, &holders[i], false, err));
    return OK;
}

/* Rows that only spare work, and are old. */
static enum status prune_rows(struct collection *c, struct error *err)
{
    if (c->limits->max_age_days < 0)
        return OK;
    TRY(stats_prune(c->store, oldest_day(c), err));
    return history_prune(c->store, oldest_day(c), err);
}

static enum status remove_inline(struct collection *c, struct error *err)
{
    for (size_t i = 0; i < c->inventory.n; i++) {
        const struct inventory_blob *blob = &c->inventory.blobs[i];
        if (blob->needs == 0 && blob->in_index)
            TRY(blob_remove(c->store, &blob->digest, err));
    }
    return OK;
}

static enum status forget_trusted(struct collection *c, struct error *err)
{
    for (size_t i = 0; i < c->inventory.n; i++) {
        const struct inventory_blob *blob = &c->inventory.blobs[i];
        if (blob->needs == 0 && blob->size > BLOB_LARGE)
            TRY(trusted_forget(c->store, &blob->digest, err));
    }
    return OK;
}

static enum status remove_blob_files(struct collection *c, struct error *err)
{
    for (size_t i = 0; i < c->inventory.n; i++) {
        const struct inventory_blob *blob = &c->inventory.blobs[i];
        if (blob->needs == 0 && !blob->in_index)
            TRY(blob_remove(c->store, &blob->digest, err));
    }
    for (size_t i = 0; i < c->inventory.n_strays; i++) {
        char *path =
            arena_printf(c->arena, "%s/blobs/%s", store_folder(c->store), c->inventory.strays[i]);
        if (!path)
            return error_memory(err);
        TRY(file_remove(path, err));
    }
    return OK;
}

static void sum_up(struct collection *c)
{
    for (size_t i = 0; i < c->inventory.n; i++) {
        const struct inventory_blob *blob = &c->inventory.blobs[i];
        if (blob->needs > 0) {
            c->report->blobs_left++;
            c->report->bytes_left += blob->size;
        } else {
            c->report->blobs++;
            c->report->bytes += blob->size;
        }
    }
}

/* ---- leftovers ---- */

static bool is_named(const struct collection *c, const char *folder)
{
    const size_t n = strcspn(folder, "-");

    for (size_t i = 0; i < c->n_failures; i++) {
        const char *name = c->failures[i].folder;
        if (name && strncmp(name, folder, n) == 0 && name[n] == '\0')
            return true;
    }
    return false;
}

/*
 * Folders in work that no failure names: what killed builds left. Those of today stay: a checkpoint
 * in the middle of a run may lie there, which the next build goes on from.
 */
static enum status remove_work(struct collection *c, struct error *err)
{
    char **names;
    enum status s;
    size_t n;

    TRY(file_list(store_work(c->store), c->arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(c->arena, store_work(c->store), names[i]);
        struct stat st;
        if (!path)
            return error_memory(err);
        if (is_named(c, names[i]))
            continue;
        if (lstat(path, &st) != 0 || st.st_mtim.tv_sec / SECONDS_A_DAY >= c->limits->today)
            continue;
        if (c->limits->dry_run || (s = file_remove(path, err)) == OK)
            c->report->folders++;
        else if (s == ERR_SYSTEM && st.st_uid != geteuid())
            c->report->foreign++;
        else
            return s;
    }
    return OK;
}

/* What builds remember goes whole: it may name what has gone now, and is soon made again. */
static enum status remove_graphs(struct collection *c, struct error *err)
{
    char **names;
    size_t n;

    if (c->limits->dry_run)
        return OK;
    TRY(file_list(store_graphs(c->store), c->arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(c->arena, store_graphs(c->store), names[i]);
        if (!path)
            return error_memory(err);
        TRY(file_remove(path, err));
    }
    return OK;
}

static enum status remove_temporary(struct collection *c, struct error *err)
{
    char *folder = file_join(c->arena, store_folder(c->store), "tmp");
    char **names;
    size_t n;

    if (!folder)
        return error_memory(err);
    TRY(file_list(folder, c->arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(c->arena, folder, names[i]);
        if (!path)
            return error_memory(err);
        c->report->leftovers++;
        if (!c->limits->dry_run)
            TRY(file_remove(path, err));
    }
    return OK;
}

/*
 * Counts all that holders and failures hold on to. A result whose tree is not whole keeps none: who
 * needs it makes it again. A log that is lost is lost.
 */
static enum status count(struct collection *c, struct holder *holders, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        bool whole = true;
        if (holders[i].kept)
            TRY(count_tree(c, &holders[i], 1, &whole, err));
        if (!whole && !holders[i].marked)
            TRY(let_go(c, &holders[i], false, err));
        if (holders[i].has_log && inventory_find(&c->inventory, &holders[i].log))
            inventory_need(&c->inventory, &holders[i].log, 1);
        else if (holders[i].has_log && !c->limits->dry_run)
            TRY(holder_forget_log(c->store, &holders[i], err));
    }
    for (size_t i = 0; i < c->n_failures; i++)
        if (c->failures[i].has_log)
            inventory_need(&c->inventory, &c->failures[i].log, 1);
    return OK;
}

static enum status collect(struct collection *c, struct error *err)
{
    struct holder *holders;
    size_t n;

    if (!c->limits->dry_run) {
        TRY(store_repair_index(c->store, err));
        TRY(store_write_begin(c->store, err));
        TRY(database_repair(store_database(c->store), err));
        TRY(prune_rows(c, err));
    }
    TRY(inventory_read(c->store, c->arena, &c->inventory, err));
    TRY(holders_read(c->store, c->arena, &holders, &n, err));
    TRY(history_failures(c->store, oldest_day(c), c->arena, &c->failures, &c->n_failures, err));
    TRY(count(c, holders, n, err));
    TRY(evict(c, holders, n, err));
    sum_up(c);
    if (!c->limits->dry_run) {
        TRY(history_snapshots_forget(c->store, err));
        TRY(remove_inline(c, err));
        TRY(forget_trusted(c, err));
        TRY(store_sync(c->store, err));
        TRY(remove_blob_files(c, err));
    }
    TRY(remove_temporary(c, err));
    TRY(remove_graphs(c, err));
    return remove_work(c, err);
}

enum status cache_gc(struct store *store, const struct gc_limits *limits, struct gc_report *report,
                     struct error *err)
{
    struct collection c = {.store = store, .limits = limits, .report = report};
    int64_t user;
    bool alone;
    enum status s;

    *report = (struct gc_report){0};
    TRY(store_sync(store, err));
    TRY(store_be_alone(store, ALONE_WAIT_MS, &alone, &user, err));
    if (!alone) {
        (void)error_set(err, ERR_FAILED, store_folder(store),
                        user > 0 ? "the store is in use by process %lld" : "the store is in use",
                        (long long)user);
        error_hint(err, "try again when its build has ended");
        return ERR_FAILED;
    }
    c.arena = arena_open();
    s = c.arena ? collect(&c, err) : error_memory(err);
    arena_close(c.arena);
    store_share(store);
    return s;
}
