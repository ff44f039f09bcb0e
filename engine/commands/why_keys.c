/* why_keys: keys by name, cut to the build that is meant. Start at why_find_keys. */
#include "engine/commands/why_keys.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "engine/commands/past.h"
#include "engine/execution/session.h"
#include "engine/execution/spoken.h"
#include "engine/execution/trial_units.h"
#include "engine/graph/node.h"
#include "engine/options.h"
#include "engine/running.h"

bool why_is_trial(const char *name, int *trial)
{
    const char *slash = strrchr(name, '/');
    struct error ignored;
    int64_t number;

    if (!slash || slash == name || strchr(name, '/') != slash ||
        text_parse_integer(slash + 1, "", 0, INT32_MAX, &number, &ignored) != OK)
        return false;
    *trial = (int)number;
    return true;
}

/* The parameters that were typed, as the store knows them; NULL: none were. */
static enum status find_arguments(const struct options *o, struct arena *arena,
                                  const char **arguments, struct error *err)
{
    struct error unread;

    *arguments = NULL;
    if (o->n_sets > 0 && session_arguments(o, arena, arguments, &unread) != OK &&
        !(*arguments = options_arguments(o, arena))) /* keys outlive a recipe that can be read */
        return error_memory(err);
    return OK;
}

/* What runs under this key now; NULL: nothing. */
static const struct board_job *job_of(const struct running_build *live, const struct digest *key)
{
    for (size_t i = 0; i < live->board.n_jobs; i++) {
        const struct board_job *job = &live->board.jobs[i];
        struct digest own;
        if (job->key && digest_parse(job->key, &own) && digest_equal(&own, key))
            return job;
    }
    return NULL;
}

/* Puts the key in front of those of earlier builds, unless it is the newest of them. */
static enum status put_first(const struct node_key *now, struct arena *arena,
                             struct node_key **keys, size_t *n, struct error *err)
{
    struct node_key *all;

    if (*n > 0 && digest_equal(&(*keys)[0].key, &now->key))
        return OK;
    if (!(all = arena_array(arena, *n + 1, sizeof *all)))
        return error_memory(err);
    all[0] = *now;
    if (*n > 0)
        memcpy(all + 1, *keys, *n * sizeof *all);
    *keys = all;
    ++*n;
    return OK;
}

/* Lets those go that are newer than this one, if it is among them. */
static void begin_with(const struct digest *key, struct node_key **keys, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (digest_equal(&(*keys)[i].key, key)) {
            *keys += i;
            *n -= i;
            return;
        }
}

/* Its keys, newest first: of a build that runs, of the one that is meant, and of earlier ones. Of a
 * trial those of the last unit that it had there. */
static enum status find_keys(const struct options *o, struct store *store, const char *recipe,
                             const struct running_build *live, const char *arguments,
                             struct arena *arena, struct node_key **keys, size_t *n,
                             struct error *err)
{
    const struct node_name of = {recipe, o->words[0], o->run};
    const struct node_key *last;
    struct node_key *units;
    size_t n_units;
    enum status s;

    TRY(running_keys(live, of.name, arena, &units, &n_units, err));
    if (n_units == 0)
        TRY(trial_units(store, &of, arguments, arena, &units, &n_units, err));
    if (n_units == 0)
        return node_keys(store, &of, arena, keys, n, err);
    last = &units[n_units - 1];
    s = node_keys(store, &(struct node_name){recipe, last->name, 0}, arena, keys, n, err);
    if (s == ERR_INPUT) /* no earlier build had it */
        *n = 0;
    else
        TRY(s);
    begin_with(&last->key, keys, n);
    return put_first(last, arena, keys, n, err);
}

/*
 * With --set: the keys that the node had in the last build with these, and before. Without: those
 * of the last build, which is named where it had some (by a trial's story, too). A key's own
 * digits are of no build. *taken: the arguments of that build, where none were typed; or NULL.
 */
static enum status choose_build(const struct options *o, struct store *store, const char *recipe,
                                const char *arguments, struct arena *arena, struct node_key **keys,
                                size_t *n, const char **taken, struct error *err)
{
    struct run *runs;
    size_t n_runs, r = 0;
    int trial;

    *taken = NULL;
    if (o->run > 0 || (*keys)[0].run == 0 || (o->n_sets == 0 && why_is_trial(o->words[0], &trial)))
        return OK;
    TRY(history_runs(store, recipe, SIZE_MAX, arena, &runs, &n_runs, err));
    if (!arguments) {
        while (r < n_runs && runs[r].id != (*keys)[0].run)
            r++;
        if (r == n_runs)
            return OK;
        *taken = runs[r].arguments;
        return spoken_build(o, runs[r].id, runs[r].arguments, arena, err);
    }
    while (r < n_runs && strcmp(runs[r].arguments, arguments) != 0)
        r++;
    while (r<n_runs && * n> 0 && (*keys)[0].run > runs[r].id) {
        ++*keys;
        --*n;
    }
    if (r<n_runs && * n> 0)
        return OK;
    (void)error_set(err, ERR_INPUT, o->words[0], "no build of it here had these --set");
    error_hint(err, "hpo runs lists builds with their --set; without --set it is the last one");
    return ERR_INPUT;
}

enum status why_find_keys(const struct options *o, struct store *store, const char *recipe,
                          struct arena *arena, struct why_keys *out, bool *unknown,
                          struct error *err)
{
    struct running_build live = {.run = 0};
    const char *arguments;
    struct run run;
    struct error second;
    enum status s, said = OK;

    *out = (struct why_keys){.n = 0};
    *unknown = false;
    TRY(find_arguments(o, arena, &arguments, err));
    if (o->run > 0)
        TRY(past_run(o, store, recipe, arena, &run, err));
    else
        TRY(running_find(store, recipe, arguments, 0, arena, &live, err));
    s = find_keys(o, store, recipe, &live, arguments, arena, &out->keys, &out->n, err);
    *unknown = s == ERR_INPUT && o->run == 0;
    if (*unknown || (s == OK && out->keys[0].run > 0))
        said = past_killed(o, store, recipe, arguments, *unknown ? 0 : out->keys[0].run, arena,
                           &second);
    TRY(s);
    if (said != OK) {
        *err = second;
        return said;
    }
    out->job = job_of(&live, &out->keys[0].key);
    return choose_build(o, store, recipe, arguments, arena, &out->keys, &out->n, &out->taken, err);
}
