/*
 * gc: drops and collects. The order that makes a crash harmless: rows first, durable, and only then
 * the files that no row names any more. Start at cache_gc.
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
#include "cache/content/tree.h"
#include "cache/database.h"
#include "cache/results/index.h"
#include "cache/store.h"

enum { ALONE_WAIT_MS = 1000, SECONDS_A_DAY = 24 * 60 * 60 };

/* ---- dropping ---- */

/* Removes blobs that no row names; those that are small stay for gc. */
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

static enum status find_unwanted(struct store *store, struct arena *arena, struct digest **keys,
                                 size_t *n, struct error *err)
{
    struct statement *st = database_statement(
        store_database(store),
        "SELECT key FROM result WHERE kept AND kind = 'unit' AND NOT marked AND NOT EXISTS "
        "(SELECT 1 FROM want WHERE want.key = result.key) ORDER BY key");
    size_t capacity = 0;

    *keys = NULL;
    *n = 0;
    while (statement_row(st)) {
        if (*n == capacity) {
            struct digest *more = arena_grow(arena, *keys, *n, *n + 1, sizeof *more, &capacity);
            if (!more) {
                statement_no_memory(st);
                break;
            }
            *keys = more;
        }
        (*keys)[(*n)++] = statement_digest(st, 0);
    }
    return statement_end(st, err);
}

enum status cache_drop_unwanted(struct store *store, struct drop_report *report, struct error *err)
{
    struct arena *arena = arena_open();
    struct digest *keys;
    size_t n = 0;
    enum status s = arena ? find_unwanted(store, arena, &keys, &n, err) : error_memory(err);

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
};

/* A row of result or other_result that may hold on to something. */
struct holder {
    struct digest key, tree;
    bool kept, marked, unit;
    int64_t used_day, bytes;
};

static bool is_too_old(const struct collection *c, int64_t day)
{
    return c->limits->max_age_days >= 0 && day < c->limits->today - c->limits->max_age_days;
}

/* Results in the order in which they may go, then those beside them, which go with their first. */
static enum status read_holders(struct collection *c, struct holder **holders, size_t *n,
                                struct error *err)
{
    struct statement *st = database_statement(
        store_database(c->store),
        "SELECT key, tree, kept AND tree IS NOT NULL, marked, kind = 'unit', used_day, bytes "
        "FROM result UNION ALL "
        "SELECT key, tree, kept AND tree IS NOT NULL, 1, 0, 0, bytes FROM other_result "
        "ORDER BY 6, 1, 2");
    size_t capacity = 0;

    *holders = NULL;
    *n = 0;
    while (statement_row(st)) {
        struct holder *h;
        if (*n == capacity) {
            struct holder *more = arena_grow(c->arena, *holders, *n, *n + 1, sizeof *h, &capacity);
            if (!more) {
                statement_no_memory(st);
                break;
            }
            *holders = more;
        }
        h = &(*holders)[(*n)++];
        *h = (struct holder){
            .key = statement_digest(st, 0),
            .kept = statement_integer(st, 2) != 0,
            .marked = statement_integer(st, 3) != 0,
            .unit = statement_integer(st, 4) != 0,
            .used_day = statement_integer(st, 5),
            .bytes = statement_integer(st, 6),
        };
        if (h->kept)
            h->tree = statement_digest(st, 1);
    }
    return statement_end(st, err);
}

/* Counts a holder's tree in or out. A tree that is lost or damaged holds nothing. */
static enum status count_tree(struct collection *c, const struct holder *h, int change,
                              struct error *err)
{
    struct arena *arena = arena_open();
    struct tree tree;
    enum status s = arena ? tree_read(c->store, &h->tree, arena, &tree, err) : error_memory(err);

    if (s == OK)
        inventory_need_tree(&c->inventory, &tree, change);
    else if (s == ERR_NOT_FOUND || s == ERR_CORRUPT)
        s = OK;
    arena_close(arena);
    return s;
}

static enum status count_logs(struct collection *c, struct error *err)
{
    struct statement *st = database_statement(
        store_database(c->store), "SELECT log FROM result WHERE log IS NOT NULL UNION ALL "
                                  "SELECT log FROM other_result WHERE log IS NOT NULL UNION ALL "
                                  "SELECT log FROM failure WHERE log IS NOT NULL");

    while (statement_row(st)) {
        const struct digest log = statement_digest(st, 0);
        inventory_need(&c->inventory, &log, 1);
    }
    return statement_end(st, err);
}

static enum status uncount_log(struct collection *c, const struct digest *key, struct error *err)
{
    struct statement *st = database_statement(
        store_database(c->store), "SELECT log FROM result WHERE key = ?1 AND log IS NOT NULL");

    statement_bind_digest(st, 1, key);
    if (statement_row(st)) {
        const struct digest log = statement_digest(st, 0);
        inventory_need(&c->inventory, &log, -1);
    }
    return statement_end(st, err);
}

/* Drops a result's tree; with all, the result itself. */
static enum status let_go(struct collection *c, struct holder *h, bool all, struct error *err)
{
    struct digest *blobs = NULL;
    size_t n = 0, capacity = 0;

    if (h->kept) {
        TRY(count_tree(c, h, -1, err));
        c->report->results++;
        h->kept = false;
    }
    if (all)
        TRY(uncount_log(c, &h->key, err));
    if (c->limits->dry_run)
        return OK;
    TRY(index_result_drop_tree(c->store, &h->key, c->arena, &blobs, &n, &capacity, err));
    return all ? index_result_forget(c->store, &h->key, err) : OK;
}

static enum status evict(struct collection *c, struct holder *holders, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!holders[i].marked && is_too_old(c, holders[i].used_day) &&
            (holders[i].kept || !holders[i].unit))
            TRY(let_go(c, &holders[i], !holders[i].unit, err));
    if (c->limits->max_bytes < 0)
        return OK;
    for (size_t i = 0; i < n && c->inventory.needed_bytes > c->limits->max_bytes; i++)
        if (!holders[i].marked && holders[i].kept && holders[i].bytes > 0)
            TRY(let_go(c, &holders[i], false, err));
    return OK;
}

/* Rows that nothing needs any more: they only spare work, and are old. */
static enum status prune_rows(struct collection *c, struct error *err)
{
    static const char *const prunes[] = {
        "DELETE FROM stat WHERE hashed_day < ?1",
        "DELETE FROM journal WHERE day < ?1 AND day > 0",
        "DELETE FROM failure WHERE day < ?1",
    };

    if (c->limits->max_age_days < 0)
        return OK;
    for (size_t i = 0; i < sizeof prunes / sizeof *prunes; i++) {
        struct statement *st = database_statement(store_database(c->store), prunes[i]);
        statement_bind_integer(st, 1, c->limits->today - c->limits->max_age_days);
        TRY(statement_run(st, err));
    }
    return OK;
}

static enum status remove_small(struct collection *c, struct error *err)
{
    for (size_t i = 0; i < c->inventory.n; i++) {
        const struct inventory_blob *blob = &c->inventory.blobs[i];
        if (blob->needs == 0 && blob->in_index)
            TRY(blob_remove(c->store, &blob->digest, err));
    }
    return OK;
}

static enum status forget_beliefs(struct collection *c, struct error *err)
{
    for (size_t i = 0; i < c->inventory.n; i++) {
        const struct inventory_blob *blob = &c->inventory.blobs[i];
        struct statement *st;
        if (blob->needs > 0 || blob->size <= BLOB_LARGE)
            continue;
        st =
            database_statement(store_database(c->store), "DELETE FROM blob_stat WHERE digest = ?1");
        statement_bind_digest(st, 1, &blob->digest);
        TRY(statement_run(st, err));
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

/* The folders of failures that are still remembered, sorted. */
static enum status read_failure_folders(struct collection *c, const char ***folders, size_t *n,
                                        struct error *err)
{
    struct statement *st = database_statement(store_database(c->store),
                                              "SELECT folder FROM failure WHERE folder IS NOT NULL "
                                              "AND (?1 IS NULL OR day >= ?1) ORDER BY folder");
    size_t capacity = 0;

    *folders = NULL;
    *n = 0;
    if (c->limits->max_age_days >= 0)
        statement_bind_integer(st, 1, c->limits->today - c->limits->max_age_days);
    while (statement_row(st)) {
        if (*n == capacity) {
            const char **more = arena_grow(c->arena, *folders, *n, *n + 1, sizeof *more, &capacity);
            if (!more) {
                statement_no_memory(st);
                break;
            }
            *folders = more;
        }
        (*folders)[*n] = statement_text(st, 0, c->arena);
        *n += (*folders)[*n] != NULL;
    }
    return statement_end(st, err);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Folders in work that no failure names: what killed builds left. Those of today stay: a checkpoint
 * in the middle of a run may lie there, which the next build goes on from.
 */
static enum status remove_work(struct collection *c, struct error *err)
{
    const char **kept;
    char **names;
    size_t n_kept, n;

    TRY(read_failure_folders(c, &kept, &n_kept, err));
    TRY(file_list(store_work(c->store), c->arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(c->arena, store_work(c->store), names[i]);
        struct stat st;
        if (!path)
            return error_memory(err);
        if (n_kept > 0 && bsearch(&names[i], kept, n_kept, sizeof *kept, compare_names))
            continue;
        if (lstat(path, &st) != 0 || st.st_mtim.tv_sec / SECONDS_A_DAY >= c->limits->today)
            continue;
        c->report->folders++;
        if (!c->limits->dry_run)
            TRY(file_remove(path, err));
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

static enum status collect(struct collection *c, struct error *err)
{
    struct holder *holders;
    size_t n;

    TRY(inventory_read(c->store, c->arena, &c->inventory, err));
    TRY(read_holders(c, &holders, &n, err));
    for (size_t i = 0; i < n; i++)
        if (holders[i].kept)
            TRY(count_tree(c, &holders[i], 1, err));
    if (!c->limits->dry_run) {
        TRY(store_write_begin(c->store, err));
        TRY(prune_rows(c, err));
    }
    TRY(count_logs(c, err));
    TRY(evict(c, holders, n, err));
    sum_up(c);
    if (!c->limits->dry_run) {
        TRY(statement_run(database_statement(store_database(c->store), "DELETE FROM snapshot"),
                          err));
        TRY(remove_small(c, err));
        TRY(forget_beliefs(c, err));
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
