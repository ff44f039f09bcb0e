/* hpo why: what a node's key says, and which fields differ from the key it had before. */
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/results/index.h"
#include "engine/commands/commands.h"
#include "engine/commands/past.h"
#include "engine/commands/reader.h"
#include "engine/commands/why_keys.h"
#include "engine/commands/why_state.h"
#include "engine/execution/build.h"
#include "engine/execution/difference.h"
#include "engine/execution/kept.h"
#include "engine/execution/session.h"
#include "engine/execution/visit.h"
#include "engine/graph/graph.h"
#include "engine/graph/key.h"
#include "engine/graph/node.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"
#include "engine/running.h"
#include "engine/study/unit.h"

enum { LUA_LIMIT = 1 << 26 };

/* The trial whose story is told. */
struct asked {
    int trial;
    int64_t run;             /* as it was in that build; 0: as it is */
    const struct digest *is; /* the key of its first unit there, or NULL */
    struct text *out;
};

static enum status tell(struct build *b, int node, void *context, struct error *err)
{
    const struct asked *asked = context;
    const struct unit *first = study_unit(work_of(b, node)->study, asked->trial, 1);

    if (asked->run > 0 && (!first || !asked->is || !digest_equal(&first->key, asked->is)))
        return error_set(err, ERR_INPUT, "",
                         "what it is trained from is not what it was in run %lld",
                         (long long)asked->run);
    return study_explain(work_of(b, node)->study, asked->trial, asked->out, err);
}

/* ERR_INPUT: a file of Lua is not what it was in that build. */
static enum status refuse_changes(const struct kept_build *kept, struct arena *arena,
                                  struct error *err)
{
    const char *slash = strrchr(kept->run.recipe, '/');
    const char *folder = arena_copy(
        arena, kept->run.recipe, (size_t)(slash - kept->run.recipe) + (slash == kept->run.recipe));

    for (size_t i = 0; folder && i < kept->n_files; i++) {
        const char *path = kept->files[i].path;
        char hex[DIGEST_HEX + 1] = "", *bytes;
        struct digest digest;
        struct error ignored;
        size_t n;
        if (path[0] != '/' && !(path = file_join(arena, folder, path)))
            return error_memory(err);
        if (file_read(path, LUA_LIMIT, arena, &bytes, &n, &ignored) == OK &&
            digest_bytes(bytes, n, &digest, &ignored) == OK)
            digest_hex(&digest, hex);
        if (strcmp(hex, kept->files[i].digest) != 0)
            return error_set(err, ERR_INPUT, kept->files[i].path,
                             "it is not what it was in run %lld", (long long)kept->run.id);
    }
    return folder ? OK : error_memory(err);
}

/* With --run: the --set of that build, if its recipe is what it was. */
static enum status take_past(const struct options *o, struct store *store, struct arena *arena,
                             struct options *past, struct error *err)
{
    struct kept_build kept;

    *past = *o;
    if (o->run == 0)
        return OK;
    TRY(kept_find(store, o->run, arena, &kept, err));
    TRY(refuse_changes(&kept, arena, err));
    return options_take_arguments(past, kept.run.arguments, arena, err);
}

/* STUDY/TRIAL: what was decided about it, by the recipe as it is now; else nothing. */
static enum status add_story(const struct options *o, struct store *store, const char *recipe,
                             struct arena *arena, struct text *t, struct error *err)
{
    const char *name = o->words[0];
    struct asked asked = {.out = t, .run = o->run};
    struct node_key *units;
    size_t n;
    struct options past;
    struct error reason;
    enum status s;
    char *study;

    if (!why_is_trial(name, &asked.trial))
        return OK;
    if (!(study = arena_copy(arena, name, (size_t)(strchr(name, '/') - name))))
        return error_memory(err);
    TRY(node_trial(store, &(struct node_name){recipe, name, o->run}, arena, &units, &n, err));
    asked.is = n > 0 ? &units[0].key : NULL;
    s = take_past(o, store, arena, &past, &reason);
    if (s == OK)
        s = session_replay(&past, store, study, NULL, tell, &asked, &reason);
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
            text_add(t, "  no build that ended has come to it: it has no key\n");
        else if (node->kind == NODE_STUDY)
            text_printf(t, "  a study has no key, its trials have: hpo why %s %s/0 tells of one\n",
                        o->recipe, o->words[0]);
        else
            text_add(t, "  it is no action and has no key\n");
    }
    recipe_close(recipe);
    graph_close(graph);
    return OK;
}

/* What is asked of the recipe as it is now. */
struct now {
    struct store *store;
    struct arena *arena;
    const char *is;           /* the description that the node has in the history */
    const struct digest *key; /* behind it */
    struct text *out;
};

static enum status compare_now(struct build *b, const struct named_node *of, void *context,
                               struct error *err)
{
    const struct now *now = context;
    const char *was = now->is;
    struct digest last = *now->key;
    struct result ignored;
    struct visited v;

    TRY(visit_find(b, of, &v, err));
    if (of->trial >= 0 && unit_template(now->is, &last))
        TRY(difference_describe(now->store, &last, now->arena, &was, &ignored, err));
    if (digest_equal(&last, v.key) || !was)
        return OK;
    text_add(now->out, "  now it would have another key, which differs in:\n");
    return difference_add_now(b, was, v.description, now->out, err);
}

/* How the node would differ if it were built now, by the recipe as it is and the files that it
 * reads, where all that can be found out. */
static enum status add_now(const struct options *o, const struct now *now, const char *arguments,
                           struct error *err)
{
    struct options then = *o;
    struct error unknown;
    struct now copy = *now;
    enum status s;

    if (arguments)
        TRY(options_take_arguments(&then, arguments, now->arena, err));
    s = session_look(&then, now->store, o->words[0], false, compare_now, &copy, &unknown);
    if (s == OK || s == ERR_INPUT || s == ERR_SYSTEM)
        return OK;
    *err = unknown;
    return s;
}

/* What differs from the key before, or all of the first one. */
static enum status add_fields(struct store *store, const struct why_keys *k, const char *is,
                              struct arena *arena, struct text *t, struct error *err)
{
    const char *was;
    struct result before;

    if (k->n == 1) {
        text_printf(t, "  its first key, since run %lld:\n", (long long)k->keys[0].run);
        for (const char *line = is ? is : ""; *line;) {
            size_t length = strcspn(line, "\n");
            text_printf(t, "    %.*s\n", (int)length, line);
            line += length + (line[length] == '\n');
        }
        return OK;
    }
    TRY(difference_describe(store, &k->keys[1].key, arena, &was, &before, err));
    text_printf(t, "  since run %lld its key differs from that of run %lld in:\n",
                (long long)k->keys[0].run, (long long)k->keys[1].run);
    return was && is ? difference_add(store, was, is, arena, t, err) : OK;
}

static enum status explain_key(const struct options *o, struct store *store, const char *recipe,
                               const struct why_keys *k, struct arena *arena, struct text *t,
                               struct error *err)
{
    const struct digest *key = &k->keys[0].key;
    char hex[DIGEST_HEX + 1];
    struct result r;
    const char *is;

    digest_hex(key, hex);
    text_printf(t, "%s\n", o->words[0]);
    TRY(add_story(o, store, recipe, arena, t, err));
    text_printf(t, "  key %s\n", hex);
    TRY(difference_describe(store, key, arena, &is, &r, err));
    if (k->job)
        is = k->job->description;
    TRY(why_add_state(store, key, &r, k->job, arena, t, err));
    if (o->run == 0 && !k->job && k->keys[0].run > 0 && is)
        TRY(add_now(o, &(struct now){store, arena, is, key, t}, k->taken, err));
    return add_fields(store, k, is, arena, t, err);
}

static enum status explain(const struct options *o, struct store *store, struct arena *arena,
                           struct error *err)
{
    struct text t = text_in(arena);
    struct why_keys k;
    const char *recipe;
    char *string;
    bool unknown, keyless = false;
    enum status s;
    size_t n;

    TRY(session_recipe(o, arena, &recipe, err));
    s = why_find_keys(o, store, recipe, arena, &k, &unknown, err);
    if (unknown) {
        struct error nobody_has_it = *err;
        TRY(add_keyless(o, &t, &keyless, err));
        if (!keyless)
            *err = nobody_has_it;
    }
    if (!keyless) {
        TRY(s);
        TRY(explain_key(o, store, recipe, &k, arena, &t, err));
    }
    TRY(text_finish(&t, &string, &n, err));
    return progress_result(string, n, err);
}

enum status why_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, explain, err);
}
