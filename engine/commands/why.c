/* hpo why: what a node's key says, and which fields differ from the key it had before. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/results/index.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/build.h"
#include "engine/execution/session.h"
#include "engine/graph/graph.h"
#include "engine/graph/key.h"
#include "engine/graph/node.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"
#include "engine/running.h"
#include "engine/study/accepted.h"

/* The description behind a key: of a result, or of a template or failed action. NULL: unknown. */
static enum status describe(struct store *store, const struct digest *key, struct arena *arena,
                            const char **description, struct result *r, struct error *err)
{
    enum status s = index_result_get(store, key, arena, r, err);

    *description = s == OK ? r->description : NULL;
    if (s != ERR_NOT_FOUND)
        return s;
    *r = (struct result){.key = *key};
    s = history_journal_get(store, key, arena, description, err);
    return s == ERR_NOT_FOUND ? OK : s;
}

/* The digest in the line `template "..."` of a unit's description. */
static bool template_of(const char *description, struct digest *key)
{
    const char *at = description ? strstr(description, "template \"") : NULL;
    char hex[DIGEST_HEX + 1];

    if (!at || strlen(at) < 10 + DIGEST_HEX)
        return false;
    memcpy(hex, at + 10, DIGEST_HEX);
    hex[DIGEST_HEX] = '\0';
    return digest_parse(hex, key);
}

/* A unit's own fields name its template by digest: what differs in the template says more. */
static enum status add_difference(struct store *store, const char *was, const char *is,
                                  struct arena *arena, struct text *t, struct error *err)
{
    struct digest a, b;
    struct result r;
    const char *before, *after;
    char *difference;

    TRY(key_difference(was, is, arena, &difference, err));
    text_add(t, difference);
    if (!template_of(was, &a) || !template_of(is, &b) || digest_equal(&a, &b))
        return OK;
    TRY(describe(store, &a, arena, &before, &r, err));
    TRY(describe(store, &b, arena, &after, &r, err));
    if (!before || !after)
        return OK;
    TRY(key_difference(before, after, arena, &difference, err));
    text_add(t, difference);
    return OK;
}

static enum status add_state(struct store *store, const struct result *r,
                             const struct board_job *job, struct arena *arena, struct text *t,
                             struct error *err)
{
    struct failure f;
    const char *accepted;
    enum status s;

    if (job) {
        text_printf(t, "  running, for %.1f s\n", job->seconds);
        return OK;
    }
    if (r->description) {
        text_printf(t, "  known: made in run %lld, in %.1f s%s\n", (long long)r->run, r->seconds,
                    r->marked ? "; not reproducible: it has given two different results" : "");
        return OK;
    }
    s = history_failure_get(store, &r->key, arena, &f, err);
    if (s == ERR_NOT_FOUND) {
        text_add(t, "  not known: it will run\n");
        return OK;
    }
    TRY(s);
    TRY(accepted_get(store, &r->key, arena, &accepted, err));
    text_printf(t, "  failed in run %lld: %s%s\n", (long long)f.run, f.text,
                accepted ? "; accepted: not tried again until its key changes, or --retry-failed"
                         : "");
    return OK;
}

/* The trial whose story is told. */
struct asked {
    int trial;
    struct text *out;
};

static enum status tell(struct build *b, int node, void *context, struct error *err)
{
    const struct asked *asked = context;

    return study_explain(work_of(b, node)->study, asked->trial, asked->out, err);
}

/* Whether the node is STUDY/TRIAL. */
static bool is_trial(const char *name, int *trial)
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

/* STUDY/TRIAL: what was decided about it, by the recipe as it is now; else nothing. */
static enum status add_story(const struct options *o, struct store *store, struct arena *arena,
                             struct text *t, struct error *err)
{
    const char *name = o->words[0];
    struct asked asked = {.out = t};
    struct error reason;
    enum status s;
    char *study;

    if (!is_trial(name, &asked.trial))
        return OK;
    if (!(study = arena_copy(arena, name, (size_t)(strchr(name, '/') - name))))
        return error_memory(err);
    s = session_replay(o, store, study, NULL, tell, &asked, &reason);
    if (s == ERR_INPUT) /* the recipe is not what it was: its keys are told all the same */
        text_printf(t, "  its decisions cannot be told: %s%s%s\n", reason.where,
                    reason.where[0] ? ": " : "", reason.text);
    else if (s != OK)
        *err = reason;
    return s == ERR_INPUT ? OK : s;
}

/* A node that no build has a key of: what the recipe says of it. *found: it has such a node. */
static enum status add_keyless(const struct options *o, struct text *t, bool *found,
                               struct error *err)
{
    struct graph *graph;
    struct recipe *recipe;

    *found = false;
    TRY(session_graph(o, &graph, &recipe, err));
    for (int i = 0; i < graph_size(graph) && !*found; i++) {
        const struct node *node = graph_node(graph, i);
        if (strcmp(graph_label(graph, i), o->words[0]) != 0)
            continue;
        *found = true;
        text_printf(t, "%s\n", o->words[0]);
        if (node->kind == NODE_AFTER)
            text_printf(t, "  undecided until %s is decided: what the recipe makes of its best\n",
                        graph_label(graph, node->after.study));
        else if (node->kind == NODE_ACTION)
            text_add(t, "  no build has come to it yet: it has no key\n");
        else
            text_add(t, "  it is no action and has no key\n");
    }
    recipe_close(recipe);
    graph_close(graph);
    return OK;
}

/*
 * With --set: the keys that the node had in the last build with these, and before. Without: those
 * of the last build, which is named where it had some (by a trial's story, too). A key's own
 * digits are of no build.
 */
static enum status choose_build(const struct options *o, struct store *store, const char *recipe,
                                const char *arguments, struct arena *arena, struct node_key **keys,
                                size_t *n, struct error *err)
{
    struct run *runs;
    size_t n_runs, r = 0;
    int trial;

    if ((*keys)[0].run == 0 || (o->n_sets == 0 && is_trial(o->words[0], &trial)))
        return OK;
    TRY(history_runs(store, recipe, SIZE_MAX, arena, &runs, &n_runs, err));
    if (!arguments) {
        while (r < n_runs && runs[r].id != (*keys)[0].run)
            r++;
        return r < n_runs ? session_say_build(o, runs[r].id, runs[r].arguments, arena, err) : OK;
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

/* Its keys, newest first: of a build that runs, and of earlier ones. */
static enum status find_keys(const struct options *o, struct store *store, const char *recipe,
                             const struct running_build *live, struct arena *arena,
                             struct node_key **keys, size_t *n, struct error *err)
{
    const struct node_key *last;
    struct node_key *now;
    size_t n_now;
    enum status s;

    TRY(running_keys(live, o->words[0], arena, &now, &n_now, err));
    if (n_now == 0)
        return node_keys(store, recipe, o->words[0], arena, keys, n, err);
    last = &now[n_now - 1];
    s = node_keys(store, recipe, last->name, arena, keys, n, err);
    if (s == ERR_INPUT) /* no earlier build had it */
        *n = 0;
    else
        TRY(s);
    return put_first(last, arena, keys, n, err);
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

static enum status explain(const struct options *o, struct store *store, struct arena *arena,
                           struct error *err)
{
    struct text t = text_in(arena);
    struct node_key *keys;
    struct result r, before;
    struct running_build live;
    const struct board_job *job;
    const char *recipe, *arguments, *is, *was;
    char hex[DIGEST_HEX + 1], *string;
    bool keyless = false;
    enum status s;
    size_t n;

    TRY(session_recipe(o, arena, &recipe, err));
    TRY(find_arguments(o, arena, &arguments, err));
    TRY(running_find(store, recipe, arguments, 0, arena, &live, err));
    s = find_keys(o, store, recipe, &live, arena, &keys, &n, err);
    if (s == ERR_INPUT) {
        struct error unknown = *err;
        TRY(add_keyless(o, &t, &keyless, err));
        if (!keyless)
            *err = unknown;
    }
    if (keyless) {
        TRY(text_finish(&t, &string, &n, err));
        return progress_result(string, n, err);
    }
    TRY(s);
    TRY(choose_build(o, store, recipe, arguments, arena, &keys, &n, err));
    job = job_of(&live, &keys[0].key);
    digest_hex(&keys[0].key, hex);
    text_printf(&t, "%s\n", o->words[0]);
    TRY(add_story(o, store, arena, &t, err));
    text_printf(&t, "  key %s\n", hex);
    TRY(describe(store, &keys[0].key, arena, &is, &r, err));
    if (job)
        is = job->description;
    TRY(add_state(store, &r, job, arena, &t, err));
    if (n == 1) {
        text_printf(&t, "  its first key, since run %lld:\n", (long long)keys[0].run);
        for (const char *line = is ? is : ""; *line;) {
            size_t length = strcspn(line, "\n");
            text_printf(&t, "    %.*s\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
    } else {
        TRY(describe(store, &keys[1].key, arena, &was, &before, err));
        text_printf(&t, "  since run %lld its key differs from that of run %lld in:\n",
                    (long long)keys[0].run, (long long)keys[1].run);
        if (was && is)
            TRY(add_difference(store, was, is, arena, &t, err));
    }
    TRY(text_finish(&t, &string, &n, err));
    return progress_result(string, n, err);
}

enum status why_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, explain, err);
}
