/* node: names of the command line → keys of the history. Start at node_keys. */
#include "engine/graph/node.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "cache/results/index.h"

enum { KEYS = 1000 }; /* a build with some --set may be long past */

/* The keys of this very name, as the build knew them. */
static enum status past_keys(struct store *store, const struct node_name *of, const char *name,
                             struct arena *arena, struct node_key **keys, size_t *n,
                             struct error *err)
{
    TRY(history_node_keys(store, of->recipe, name, KEYS, arena, keys, n, err));
    while (of->run > 0 && *n > 0 && (*keys)[0].run > of->run) {
        ++*keys;
        --*n;
    }
    return OK;
}

enum status node_trial(struct store *store, const struct node_name *of, struct arena *arena,
                       struct node_key **keys, size_t *n, struct error *err)
{
    const char *slash = strrchr(of->name, '/');
    size_t capacity = 0;

    *n = 0;
    *keys = NULL;
    if (!slash || !slash[1] || strspn(slash + 1, "0123456789") != strlen(slash + 1))
        return OK;
    for (int t = 1;; t++) {
        struct node_key *found = NULL;
        size_t count;
        char *unit = arena_printf(arena, "%s/%d", of->name, t);
        if (!unit)
            return error_memory(err);
        if (of->run > 0)
            TRY(past_keys(store, of, unit, arena, &found, &count, err));
        else
            TRY(history_node_keys(store, of->recipe, unit, 1, arena, &found, &count, err));
        if (count == 0)
            return OK;
        assert(found);
        if (!arena_reserve(arena, keys, *n, sizeof **keys, &capacity))
            return error_memory(err);
        assert(*keys);
        (*keys)[(*n)++] = *found;
    }
}

/* STUDY/TRIAL: the unit with the largest t. */
static enum status trial_keys(struct store *store, const struct node_name *of, struct arena *arena,
                              struct node_key **keys, size_t *n, struct error *err)
{
    TRY(node_trial(store, of, arena, keys, n, err));
    if (*n == 0)
        return OK;
    return past_keys(store, of, (*keys)[*n - 1].name, arena, keys, n, err);
}

static enum status prefix_keys(struct store *store, const char *name, struct arena *arena,
                               struct node_key **keys, size_t *n, struct error *err)
{
    struct digest *digests;

    *n = 0;
    if (strlen(name) < 4 || strspn(name, "0123456789abcdef") != strlen(name))
        return OK;
    TRY(index_result_find(store, name, 2, arena, &digests, n, err));
    if (*n > 1)
        return error_set(err, ERR_INPUT, name, "several keys begin with these digits: give more");
    if (*n == 1) {
        if (!(*keys = arena_alloc(arena, sizeof **keys)))
            return error_memory(err);
        **keys = (struct node_key){name, digests[0], 0};
    }
    return OK;
}

enum status node_keys(struct store *store, const struct node_name *of, struct arena *arena,
                      struct node_key **keys, size_t *n, struct error *err)
{
    TRY(past_keys(store, of, of->name, arena, keys, n, err));
    if (*n == 0)
        TRY(trial_keys(store, of, arena, keys, n, err));
    if (*n == 0)
        TRY(prefix_keys(store, of->name, arena, keys, n, err));
    if (*n > 0)
        return OK;
    if (of->run > 0)
        (void)error_set(err, ERR_INPUT, of->name,
                        "no build of this recipe up to run %lld has a node of this name",
                        (long long)of->run);
    else
        (void)error_set(err, ERR_INPUT, of->name,
                        "no build of this recipe that ended here has a node of this name");
    error_hint(err, "hpo graph RECIPE lists them; a trial is STUDY/TRIAL or STUDY/TRIAL/T");
    return ERR_INPUT;
}
