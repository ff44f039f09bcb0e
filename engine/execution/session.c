/* session: opens everything a build needs, in order, and closes it in reverse. Start at
 * session_build. */

#include "engine/execution/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "cache/maintenance/gc.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "cache/results/roots.h"
#include "engine/execution/build.h"
#include "engine/execution/job.h"
#include "engine/execution/loop.h"
#include "engine/execution/plan.h"
#include "engine/execution/recall.h"
#include "engine/execution/sharing.h"
#include "engine/graph/pins.h"
#include "engine/graph/snapshot.h"

enum { CAPTURE_SECONDS = 600 }; /* a repository may be large */

enum status session_recipe(const struct options *o, struct arena *arena, const char **path,
                           struct error *err)
{
    char *absolute;
    enum status s = file_absolute(o->recipe, arena, &absolute, err);

    if (s == ERR_NOT_FOUND || s == ERR_SYSTEM) {
        const char *reason = strrchr(err->text, ':');
        return error_set(err, ERR_INPUT, o->recipe, "cannot read the recipe%s",
                         reason ? reason : "");
    }
    TRY(s);
    *path = absolute;
    return OK;
}

enum status session_store(const struct options *o, struct store **out, struct error *err)
{
    enum status s = store_open(o->cache, STORE_READ, NULL, out, err);

    if (s != ERR_NOT_FOUND)
        return s;
    (void)error_set(err, ERR_INPUT, o->cache, "there is no store: nothing was built here yet");
    error_hint(err, "hpo build RECIPE makes it; --cache or HPO_CACHE name another");
    return ERR_INPUT;
}

static enum status open_graph(const struct options *o, const struct recipe_change *change,
                              struct graph **graph, struct recipe **recipe, struct error *err)
{
    struct recipe_options options = {o->recipe, o->sets, o->n_sets, o->share, change};
    enum status s;

    TRY(graph_open(graph, err));
    s = recipe_open(&options, *graph, recipe, err);
    if (s != OK) {
        graph_close(*graph);
        *graph = NULL;
        *recipe = NULL;
    }
    return s;
}

enum status session_graph(const struct options *o, struct graph **graph, struct recipe **recipe,
                          struct error *err)
{
    return open_graph(o, NULL, graph, recipe, err);
}

/* The targets that were asked for: by name, else `default`, else all. */
static enum status choose_targets(struct build *b, struct error *err)
{
    const struct target *all;
    size_t n = graph_targets(b->graph, &all);
    struct target *chosen = arena_array(b->arena, n + b->o->n_words + 1, sizeof *chosen);

    if (!chosen)
        return error_memory(err);
    b->targets = chosen;
    for (size_t w = 0; w < b->o->n_words; w++) {
        size_t i = 0;
        while (i < n && strcmp(all[i].name, b->o->words[w]) != 0)
            i++;
        if (i == n)
            return error_set(err, ERR_INPUT, b->o->recipe, "there is no target \"%s\"",
                             b->o->words[w]);
        chosen[b->n_targets++] = all[i];
    }
    for (size_t i = 0; i < n && b->o->n_words == 0; i++)
        if (strcmp(all[i].name, "default") == 0) {
            chosen[0] = all[i];
            b->n_targets = 1;
            return OK;
        }
    for (size_t i = 0; i < n && b->o->n_words == 0; i++)
        chosen[b->n_targets++] = all[i];
    if (b->n_targets == 0)
        return error_set(err, ERR_INPUT, b->o->recipe, "the recipe returns no targets");
    return OK;
}

/* The node of this target or label, or -1. */
static int find_node(struct build *b, const char *name, size_t n_name)
{
    const struct target *all;
    size_t n = graph_targets(b->graph, &all);

    for (size_t i = 0; i < n; i++)
        if (strlen(all[i].name) == n_name && strncmp(all[i].name, name, n_name) == 0)
            return all[i].node;
    for (int i = 0; i < graph_size(b->graph); i++) {
        const char *label = graph_label(b->graph, i);
        if (strlen(label) == n_name && strncmp(label, name, n_name) == 0)
            return i;
    }
    return -1;
}

/* The study of this name, or the only one where name is NULL; -1: there is none, or *n of them. */
static int find_study(struct build *b, const char *name, int *n)
{
    int node = name ? find_node(b, name, strlen(name)) : -1;

    *n = 0;
    for (int i = 0; i < graph_size(b->graph) && !name; i++)
        if (graph_node(b->graph, i)->kind == NODE_STUDY && (*n)++ == 0)
            node = i;
    return node >= 0 && *n <= 1 && graph_node(b->graph, node)->kind == NODE_STUDY ? node : -1;
}

static enum status without_study(const struct build *b, struct error *err)
{
    const char *name = b->rehearsed;

    return error_set(err, ERR_INPUT, b->o->recipe, "it has no study%s%s%s", name ? " \"" : "",
                     name ? name : "", name ? "\"" : "");
}

/* The targets of a rehearsal: the study, or each hpo.after that may make it. */
static enum status choose_study(struct build *b, struct error *err)
{
    struct target *chosen = arena_array(b->arena, (size_t)graph_size(b->graph) + 1, sizeof *chosen);
    int studies, node = find_study(b, b->rehearsed, &studies);

    if (!chosen)
        return error_memory(err);
    if (studies > 1)
        return error_set(err, ERR_INPUT, b->o->recipe, "it has %d studies: name one", studies);
    b->targets = chosen;
    if (node >= 0)
        chosen[b->n_targets++] = (struct target){.node = node};
    for (int i = 0; i < graph_size(b->graph) && node < 0; i++)
        if (graph_node(b->graph, i)->kind == NODE_AFTER)
            chosen[b->n_targets++] = (struct target){.node = i};
    for (size_t i = 0; i < b->n_targets; i++)
        chosen[i].name = graph_label(b->graph, chosen[i].node);
    return b->n_targets > 0 ? OK : without_study(b, err);
}

/* STUDY/TRIAL or STUDY/TRIAL/T: true where it has that form and the study is there. */
static bool choose_trial(struct build *b, const char *name)
{
    const char *slash = strchr(name, '/');
    int node = slash ? find_node(b, name, (size_t)(slash - name)) : -1;
    char *trial = slash ? arena_string(b->arena, slash + 1) : NULL, *t;
    struct error ignored;
    int64_t n_trial, n_t = 0;

    if (!trial || node < 0 || graph_node(b->graph, node)->kind != NODE_STUDY)
        return false;
    if ((t = strchr(trial, '/')) != NULL)
        *t++ = '\0';
    if (text_parse_integer(trial, "", 0, INT32_MAX, &n_trial, &ignored) != OK ||
        (t && text_parse_integer(t, "", 1, INT32_MAX, &n_t, &ignored) != OK))
        return false;
    b->rerun_study = node;
    b->rerun_trial = (int)n_trial;
    b->rerun_t = (int)n_t;
    return true;
}

/* --rerun NODE: an action, or a unit of a trial. */
static enum status choose_rerun(struct build *b, struct error *err)
{
    const char *name = b->o->rerun;
    int node;

    if (!name || choose_trial(b, name))
        return OK;
    node = find_node(b, name, strlen(name));
    if (node < 0)
        return error_set(err, ERR_INPUT, "--rerun", "the recipe has no node \"%s\"", name);
    if (graph_node(b->graph, node)->kind != NODE_ACTION)
        return error_set(err, ERR_INPUT, "--rerun",
                         "\"%s\" is not an action: a trial is STUDY/TRIAL or STUDY/TRIAL/T", name);
    if (!work_of(b, node))
        return error_memory(err);
    work_of(b, node)->force = true;
    return OK;
}

static enum status open_signals(struct build *b, struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (b->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return error_system(err, "", "listen for signals");
    return OK;
}

static enum status open_build(struct build *b, struct error *err)
{
    char *lock;
    struct tools_context tools;

    TRY(progress_open(b->o->verbose, &b->progress, err));
    TRY(open_signals(b, err)); /* before the recipe's thread starts: it inherits what is blocked */
    if (!(b->arguments = options_arguments(b->o, b->arena)))
        return error_memory(err);
    TRY(session_recipe(b->o, b->arena, &b->recipe_path, err));
    recall_open(b);
    if (!b->recall.past)
        TRY(open_graph(b->o, b->change, &b->graph, &b->recipe, err));
    progress_text(b->progress,
                  b->recall.past ? b->recall.past->printed : recipe_printed(b->recipe));
    TRY(b->rehearsal ? choose_study(b, err) : choose_targets(b, err));
    if (!b->store)
        TRY(store_open(b->o->cache, STORE_WRITE, NULL, &b->store, err));
    TRY(recall_begin(b, err));
    if (!b->rehearsal)
        TRY(claims_open(store_claims(b->store), &b->claims, err));
    if (!(lock = file_join(b->arena, recipe_folder(b->recipe), "hpo.lock")))
        return error_memory(err);
    TRY(pins_open(lock, &b->pins, err));
    b->capture = (struct capture){&b->keeper, b->signals, CAPTURE_SECONDS};
    tools = (struct tools_context){b->o, b->store, &b->capture, b->arena};
    TRY(tools_open(&tools, &b->tools, err));
    TRY(units_open(b->store, b->arena, &b->units, err));
    if (!b->recall.past) /* else few are looked up */
        TRY(source_preload(b->store, recipe_folder(b->recipe), err));
    return choose_rerun(b, err);
}

static void close_build(struct build *b)
{
    while (b->jobs)
        job_close(b, b->jobs, false);
    runner_end(&b->keeper);
    pins_close(b->pins);
    claims_close(&b->claims);
    store_close(b->store);
    recipe_close(b->recipe);
    graph_close(b->graph);
    if (b->signals >= 0)
        close(b->signals);
    progress_close(b->progress);
}

/* ---- what the next `why`, `table` and gc will want to know ---- */

struct names {
    struct build *b;
    struct node_key *keys;
    size_t n, capacity;
    const char *study;
    struct digest *wants;
    size_t n_wants, want_capacity;
    enum status status;
    struct error *err;
};

static void add_name(struct names *names, const char *name, const struct digest *key)
{
    struct node_key *larger = names->keys;

    if (names->n == names->capacity)
        larger = arena_grow(names->b->arena, names->keys, names->n, names->n + 1, sizeof *larger,
                            &names->capacity);
    if (!larger || !name) {
        names->status = error_memory(names->err);
        return;
    }
    names->keys = larger;
    names->keys[names->n++] = (struct node_key){name, *key, names->b->run};
}

static void add_unit(void *context, int trial, struct unit *u)
{
    struct names *names = context;
    struct arena *arena = names->b->arena;

    add_name(names, arena_printf(arena, "%s/%d/%d", names->study, trial, u->t), &u->key);
    if (u->state == UNIT_FAILED && names->status == OK) {
        char *description = unit_description(u, arena);
        names->status = description ? history_journal_put(names->b->store, &u->key, description,
                                                          names->b->today, names->err)
                                    : error_memory(names->err);
    }
    if (u->template->description && names->status == OK)
        names->status = history_journal_put(names->b->store, &u->template->key,
                                            u->template->description, names->b->today, names->err);
}

static void add_want(void *context, struct unit *u)
{
    struct names *names = context;

    if (names->n_wants == names->want_capacity) {
        struct digest *larger =
            arena_grow(names->b->arena, names->wants, names->n_wants, names->n_wants + 1,
                       sizeof *larger, &names->want_capacity);
        if (!larger) {
            names->status = error_memory(names->err);
            return;
        }
        names->wants = larger;
    }
    names->wants[names->n_wants++] = u->key;
}

/* The table and the wishes of one study. */
static enum status note_study(struct names *names, int node, const char *recipe)
{
    struct build *b = names->b;
    struct study *study = work_of(b, node)->study;
    struct study_table table = {recipe, b->arguments, graph_label(b->graph, node), b->run, NULL};
    struct text t = text_in(b->arena);
    char *owner = arena_printf(b->arena, "%s\n%s\n%s", recipe, b->arguments, table.study);
    char *effort, *ignored;

    names->study = table.study;
    names->n_wants = 0;
    study_units(study, add_unit, names);
    study_keeps(study, add_want, names);
    TRY(names->status);
    TRY(study_table(study, table.study, true, &t, names->err));
    TRY(text_finish(&t, (char **)&table.body, NULL, names->err));
    if (!owner)
        return error_memory(names->err);
    TRY(history_table_put(b->store, &table, names->err));
    if (b->n_ran > 0 && work_of(b, node)->state == WORK_DONE) {
        TRY(recipe_table("effort", table.body, b->arena, &effort, &ignored, names->err));
        progress_text(b->progress, effort);
    }
    return roots_replace(b->store, owner, names->wants, names->n_wants, names->err);
}

/* The keys of all nodes, or only of those that a recalled build has found out anew. */
static enum status note_nodes(struct names *names, bool only_new)
{
    struct build *b = names->b;
    const struct target *targets;
    size_t n = graph_targets(b->graph, &targets);

    for (size_t i = 0; i < b->n_work; i++) {
        struct work *w = b->work[i];
        if (!w || !w->keyed || (only_new && w->recalled))
            continue;
        add_name(names, graph_label(b->graph, (int)i), &w->key);
        if (w->state == WORK_FAILED)
            TRY(history_journal_put(b->store, &w->key, w->description, b->today, names->err));
    }
    for (size_t i = 0; i < n; i++) {
        struct work *w = work_of(b, targets[i].node);
        if (w && w->keyed && !(only_new && w->recalled) &&
            strcmp(graph_label(b->graph, targets[i].node), targets[i].name) != 0)
            add_name(names, targets[i].name, &w->key);
    }
    return names->status;
}

/* What this build used is younger to gc, by a day's measure. */
static enum status touch_results(struct names *names)
{
    struct build *b = names->b;
    struct digest *keys = arena_array(b->arena, names->n + 1, sizeof *keys);

    if (!keys)
        return error_memory(names->err);
    for (size_t i = 0; i < names->n; i++)
        keys[i] = names->keys[i].key;
    return index_results_touch(b->store, keys, names->n, b->today, names->err);
}

static enum status note_build(struct build *b, const char *recipe, struct error *err)
{
    struct names names = {.b = b, .status = OK, .err = err};
    bool covered;

    TRY(recall_covers(b, recipe, &covered, err));
    TRY(note_nodes(&names, covered));
    for (size_t i = 0; i < b->n_studies; i++)
        if (work_of(b, b->studies[i])->study)
            TRY(note_study(&names, b->studies[i], recipe));
    TRY(touch_results(&names));
    return history_nodes_put(b->store, recipe, names.keys, names.n, err);
}

/* ---- the build ---- */

static enum status print_summary(struct build *b, double seconds, struct error *err)
{
    struct text t = text_in(b->arena);
    struct sharing sharing;
    char *line;
    size_t n;
    int64_t actions = b->n_ran + b->n_cached;

    sharing_count(b, &sharing);
    if (!b->o->json) {
        if (sharing.reused > 0)
            progress_line(b->progress, "units: %lld reused (%.1f min), %lld trained",
                          (long long)sharing.reused, sharing.seconds / 60,
                          (long long)sharing.trained);
        progress_line(b->progress, "%lld ran, %lld cached, %lld failed (%.1f s)",
                      (long long)b->n_ran, (long long)b->n_cached, (long long)b->n_failed, seconds);
        return OK;
    }
    text_printf(
        &t, "{\"actions\": %lld, \"ran\": %lld, \"cached\": %lld, \"failed\": %lld, \"seconds\": ",
        (long long)actions, (long long)b->n_ran, (long long)b->n_cached, (long long)b->n_failed);
    json_write_number(&t, seconds);
    text_printf(&t, ", \"units_trained\": %lld, \"units_reused\": %lld, \"seconds_reused\": ",
                (long long)sharing.trained, (long long)sharing.reused);
    json_write_number(&t, sharing.seconds);
    text_printf(&t, ", \"run\": \"%lld\"}\n", (long long)b->run);
    TRY(text_finish(&t, &line, &n, err));
    progress_clear(b->progress);
    return progress_result(line, n, err);
}

/* The loop between the first row and the last of this run. */
static enum status run_build(struct build *b, struct error *err)
{
    struct run run = {
        .recipe = b->recipe_path, .arguments = b->arguments, .started = (int64_t)time(NULL)};
    struct drop_report dropped;
    enum status s, noted;
    struct error second;

    if (b->o->dry_run) {
        TRY(loop_run(b, err));
        return plan_print(b, err);
    }
    TRY(history_run_begin(b->store, &run, &b->run, err));
    s = loop_run(b, err);
    run.id = b->run;
    run.seconds = (double)(runner_now_ns() - b->started_ns) / 1e9;
    run.ran = b->n_ran;
    run.cached = b->n_cached;
    run.failed = b->n_failed;
    run.status = s == ERR_INTERRUPTED ? "interrupted" : s != OK || b->failed ? "failed" : "done";
    noted = note_build(b, run.recipe, &second);
    if (s == OK && noted == OK)
        noted = recall_save(b, &second);
    if (noted == OK)
        noted = history_run_finish(b->store, &run, &second);
    if (noted == OK)
        noted = store_sync(b->store, &second);
    if (s == OK && noted == OK && !b->failed)
        noted = cache_drop_unwanted(b->store, &dropped, &second);
    if (s == OK && noted != OK) {
        *err = second;
        s = noted;
    }
    for (const char *damage; (damage = store_damage(b->store));)
        progress_warning(b->progress, "%s", damage);
    if (s == OK || s == ERR_FAILED || s == ERR_INTERRUPTED)
        if (print_summary(b, run.seconds, &second) != OK && s == OK) {
            *err = second;
            s = ERR_SYSTEM;
        }
    if (s == OK && b->failed)
        return error_set(err, ERR_FAILED, "", "the build failed");
    return s;
}

static enum status run_rehearsal(struct build *b, rehearsal *answer, void *context,
                                 struct error *err)
{
    int node, n;

    TRY(loop_run(b, err));
    progress_clear(b->progress);
    node = find_study(b, b->rehearsed, &n);
    if (node < 0 || (size_t)node >= b->n_work || !b->work[node] || !b->work[node]->study)
        return without_study(b, err);
    return answer(b, node, context, err);
}

/* What a build is before anything is opened; its arena is the caller's to close. */
static enum status begin(struct build *b, const struct options *o, struct error *err)
{
    *b = (struct build){.o = o,
                        .rerun_study = -1,
                        .signals = -1,
                        .claims = {.fd = -1},
                        .started_ns = runner_now_ns(),
                        .today = (int64_t)time(NULL) / 86400};
    return (b->arena = arena_open()) ? OK : error_memory(err);
}

enum status session_build(const struct options *o, struct error *err)
{
    struct build b;
    enum status s;

    TRY(begin(&b, o, err));
    s = open_build(&b, err);
    if (s == OK)
        s = run_build(&b, err);
    close_build(&b);
    arena_close(b.arena);
    return s;
}

/* As in hpo table: without --set, those of the last build of the recipe. */
static enum status take_last_sets(struct build *b, struct options *o, struct error *err)
{
    struct study_table *tables;
    const char *recipe = NULL;
    size_t n;

    if (o->n_sets > 0)
        return OK;
    TRY(session_recipe(o, b->arena, &recipe, err));
    TRY(history_tables(b->store, recipe, NULL, b->rehearsed, b->arena, &tables, &n, err));
    return n > 0 ? options_take_arguments(o, tables[0].arguments, b->arena, err) : OK;
}

enum status session_rehearse(const struct options *o, struct store *store, const char *name,
                             const struct recipe_change *change, rehearsal *answer, void *context,
                             struct error *err)
{
    struct options dry = *o;
    struct build b;
    enum status s;

    dry.dry_run = true;
    dry.rerun = NULL;
    TRY(begin(&b, &dry, err));
    b.rehearsal = true;
    b.rehearsed = name;
    b.change = change;
    b.store = store;
    s = take_last_sets(&b, &dry, err);
    if (s == OK)
        s = open_build(&b, err);
    if (s == OK)
        s = run_rehearsal(&b, answer, context, err);
    b.store = NULL;
    close_build(&b);
    arena_close(b.arena);
    return s;
}
