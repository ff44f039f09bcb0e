/* local: the index for rows, the tree of a folder for files. Start at publish. */
#include "engine/results/local.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "cache/maintenance/gc.h"
#include "cache/records/history.h"
#include "cache/results/roots.h"
#include "cache/store.h"
#include "engine/results/claim.h"
#include "engine/results/measured.h"
#include "engine/results/partial.h"

struct local {
    struct results results;
    struct store *store;
    struct claims claims;
};

static struct local *of(struct results *r)
{
    return (struct local *)r;
}

static enum status lookup(struct results *r, const struct digest *key, struct asker *asker,
                          struct arena *arena, struct result *out, enum answer *answer,
                          struct error *err)
{
    const enum status s = index_result_get(of(r)->store, key, arena, out, err);

    (void)asker;
    *answer = s == OK ? ANSWER_KNOWN : ANSWER_ABSENT;
    return s == ERR_NOT_FOUND ? OK : s;
}

static enum status next(struct results *r, struct arena *arena, struct asker **asker,
                        struct result *out, enum answer *answer, struct error *err)
{
    (void)r, (void)arena, (void)out, (void)err;
    *asker = NULL;
    *answer = ANSWER_ABSENT;
    return OK;
}

static enum status claim(struct results *r, const struct chain *chain, int *taken,
                         struct error *err)
{
    return claim_try(&of(r)->claims, chain, taken, err);
}

static void release(struct results *r, const struct chain *chain)
{
    claim_release(&of(r)->claims, chain);
}

/* An output may be a link to another output, or into one: not to what is thrown away. */
static enum status check_links(const struct files *files, const struct tree *tree,
                               struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < files->n_names; i++) {
        const struct tree_entry *e = listing_find(tree, files->names[i]);
        struct pick pick;
        enum status s = OK;
        if (e && e->kind == TREE_LINK)
            s = tree_pick(tree, files->names[i], arena, &pick, err);
        if (s == ERR_NOT_FOUND)
            return error_set(err, ERR_FAILED, "",
                             "its output \"%s\" is a symbolic link to \"%s\", which is no output",
                             files->names[i], e->target);
        TRY(s);
    }
    return OK;
}

/*
 * What a task left is moved into the store, or removed. A folder that it has put a link in the
 * place of may be the user's: nothing is taken from there.
 */
static enum status check_place(struct store *store, const char *folder, struct arena *arena,
                               struct error *err)
{
    const size_t n_work = strlen(store_work(store)), n = strlen(folder);
    const bool below = strncmp(folder, store_work(store), n_work) == 0 && folder[n_work] == '/';

    for (size_t end = n; end > (below ? n_work : n - 1); end--) {
        const char *path = arena_copy(arena, folder, end);
        struct stat st;
        if (!path)
            return error_memory(err);
        if ((folder[end] == '/' || end == n) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            return error_set(err, ERR_FAILED, path,
                             "a symbolic link is in the place of this folder: nothing is taken "
                             "from where it leads");
    }
    return OK;
}

static enum status take_tree(struct store *store, const struct files *files, struct arena *arena,
                             struct tree *tree, bool *has_tree, struct error *err)
{
    char **names;
    size_t n;

    *has_tree = true;
    TRY(check_place(store, files->folder, arena, err));
    if (files->names) {
        TRY(tree_take(store, files->folder, files->names, files->n_names, arena, tree, err));
        return check_links(files, tree, arena, err);
    }
    TRY(file_list(files->folder, arena, &names, &n, err));
    *has_tree = n > 0 || !files->empty_is_none;
    return *has_tree
               ? tree_take(store, files->folder, (const char *const *)names, n, arena, tree, err)
               : OK;
}

static enum status take_files(struct store *store, struct result *result, const struct files *files,
                              struct arena *arena, struct tree *tree, struct error *err)
{
    int64_t size;

    if (files->folder)
        TRY(take_tree(store, files, arena, tree, &result->has_tree, err));
    if (result->has_tree) {
        result->tree = tree->digest;
        result->bytes = tree->bytes;
    }
    if ((result->has_log = files->log != NULL))
        return blob_take(store, files->log, &result->log, &size, err);
    return OK;
}

static enum status put(struct store *store, struct result *result, const struct files *files,
                       struct arena *arena, enum put_outcome *outcome, struct error *err)
{
    struct tree tree;

    if (files)
        TRY(take_files(store, result, files, arena, &tree, err));
    TRY(index_result_put(store, result, result->has_tree ? &tree : NULL, outcome, err));
    return history_failure_remove(store, &result->key, err);
}

static enum status publish(struct results *r, struct result *result, const struct files *files,
                           enum put_outcome *outcome, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s =
        arena ? put(of(r)->store, result, files, arena, outcome, err) : error_memory(err);

    if (s == OK && (*outcome == PUT_SAME || *outcome == PUT_COMPLETED))
        s = measured_again(of(r)->store, result, *outcome == PUT_COMPLETED, arena, err);
    arena_close(arena);
    return s;
}

static enum status locate(struct results *r, const char *out, const char *name, struct arena *arena,
                          const char **folder, struct error *err)
{
    (void)r;
    return partial_folder(out, name, arena, folder, err);
}

static enum status hold(struct results *r, const struct digest *key, const char *folder,
                        struct error *err)
{
    return partial_hold(of(r)->store, key, folder, err);
}

/* The trainer may be removing it, too: what cannot be removed goes with the run's folder. */
static void drop(struct results *r, const struct digest *key, const char *folder)
{
    struct arena *arena = arena_open();
    struct error ignored;

    partial_drop(of(r)->store, key);
    if (arena && folder && check_place(of(r)->store, folder, arena, &ignored) == OK)
        (void)!file_remove(folder, &ignored);
    arena_close(arena);
}

static enum status adopt(struct results *r, struct result *result, const char *log, bool *adopted,
                         enum put_outcome *outcome, struct error *err)
{
    struct arena *arena = arena_open();
    struct files files = {.log = log};
    int lock = -1;
    enum status s;

    *adopted = false;
    if (!arena)
        return error_memory(err);
    s = partial_find(of(r)->store, &result->key, arena, &files.folder, &lock, err);
    if (s == OK && files.folder) {
        s = put(of(r)->store, result, &files, arena, outcome, err);
        *adopted = s == OK;
        if (s == ERR_FAILED || s == ERR_NOT_FOUND) /* no checkpoint, then: its files are not such */
            s = OK;
        partial_drop(of(r)->store, &result->key);
    }
    if (lock >= 0)
        close(lock);
    arena_close(arena);
    return s;
}

/* The keys that nobody else wants. */
static enum status find_unwanted(struct store *store, const struct digest *keys, size_t n,
                                 struct digest *unwanted, size_t *n_unwanted, enum retired *retired,
                                 struct error *err)
{
    *n_unwanted = 0;
    for (size_t i = 0; i < n; i++) {
        bool wanted;
        TRY(roots_has(store, &keys[i], &wanted, err));
        retired[i] = wanted ? RETIRED_WANTED : RETIRED_GONE;
        if (!wanted)
            unwanted[(*n_unwanted)++] = keys[i];
    }
    return OK;
}

static enum status retire(struct results *r, const struct digest *keys, size_t n,
                          enum retired *retired, struct error *err)
{
    struct arena *arena = arena_open();
    struct digest *unwanted = arena ? arena_array(arena, n, sizeof *unwanted) : NULL;
    struct drop_report dropped = {.alone = true};
    size_t n_unwanted = 0;
    enum status s = unwanted
                        ? find_unwanted(of(r)->store, keys, n, unwanted, &n_unwanted, retired, err)
                        : error_memory(err);

    if (s == OK && n_unwanted > 0)
        s = cache_drop(of(r)->store, unwanted, n_unwanted, &dropped, err);
    for (size_t i = 0; i < n && s == OK; i++)
        if (retired[i] == RETIRED_GONE && !dropped.alone)
            retired[i] = RETIRED_LATER;
    arena_close(arena);
    return s;
}

static enum unsynced unsynced(const struct results *r)
{
    const struct store *store = ((const struct local *)r)->store;

    if (!store_is_dirty(store))
        return UNSYNCED_NOTHING;
    return store_is_awaited(store) ? UNSYNCED_AWAITED : UNSYNCED_SOME;
}

static enum status sync_store(struct results *r, struct error *err)
{
    return store_sync(of(r)->store, err);
}

static const struct results_calls calls = {
    .lookup = lookup,
    .next = next,
    .claim = claim,
    .release = release,
    .publish = publish,
    .locate = locate,
    .hold = hold,
    .drop = drop,
    .adopt = adopt,
    .retire = retire,
    .unsynced = unsynced,
    .sync = sync_store,
};

enum status local_results_open(struct store *store, bool claims, struct arena *arena,
                               struct results **out, struct error *err)
{
    struct local *local = arena_alloc(arena, sizeof *local);

    if (!local)
        return error_memory(err);
    *local = (struct local){.results = {&calls}, .store = store, .claims = {.fd = -1}};
    *out = &local->results;
    return claims ? claims_open(store_claims(store), &local->claims, err) : OK;
}

void local_results_close(struct results *r)
{
    if (r)
        claims_close(&of(r)->claims);
}
