/*
 * session: opens everything a build needs, in order, and closes it in reverse. What a build may do
 * is decided here, once, by what is opened: a dry run is a build whose executor starts nothing.
 * Start at session_build.
 */
#include "engine/execution/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/maintenance/gc.h"
#include "cache/records/history.h"
#include "engine/execution/accept.h"
#include "engine/execution/build.h"
#include "engine/execution/dry_run.h"
#include "engine/execution/exclusions.h"
#include "engine/execution/job.h"
#include "engine/execution/live.h"
#include "engine/execution/loop.h"
#include "engine/execution/output.h"
#include "engine/execution/recall.h"
#include "engine/execution/record.h"
#include "engine/execution/resolve.h"
#include "engine/execution/shape.h"
#include "engine/execution/spoken.h"
#include "engine/execution/summary.h"
#include "engine/execution/targets.h"
#include "engine/executor/idle.h"
#include "engine/executor/local.h"
#include "engine/graph/pins.h"
#include "engine/graph/snapshot.h"
#include "engine/interrupt.h"
#include "engine/process/capture.h"
#include "engine/process/devices.h"
#include "engine/process/runner.h"
#include "engine/results/local.h"
#include "engine/running.h"

enum {
    CAPTURE_SECONDS = 600,         /* a repository may be large */
    LOG_BYTES = 1024 * 1024 * 1024 /* of a trainer that prints for ever */
};

/* What is made of a recipe. */
enum mode {
    MODE_BUILD,  /* everything */
    MODE_CACHED, /* what is not known is refused: --cached-only */
    MODE_DRY,    /* nothing is started, pinned or put into out/: --dry-run */
    MODE_ACCEPT, /* and results are looked for under older keys, too */
    MODE_REPLAY  /* and studies are gone through anew, without their journals */
};

/* A build with what only its opening and closing know. */
struct session {
    struct build b;
    enum mode mode;
    struct reaper reaper;
    struct capture capture;
    struct idle_executor idle;
    struct executor *local;
    struct results *results; /* of this machine; b.results may stand before them */
};

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

/* ---- open ---- */

static enum status open_executor(struct session *s, struct error *err)
{
    struct build *b = &s->b;
    struct local_machine machine;

    TRY(build_machine(b, &s->reaper, &machine, err));
    machine.most_logged = LOG_BYTES;
    machine.hides = b->o->hides;
    machine.system = b->o->system;
    machine.n_system = b->o->n_system;
    machine.keep_failed = b->o->keep_failed;
    machine.wake = interrupt_descriptor();
    switch (s->mode) {
    case MODE_BUILD:
        TRY(local_executor_open(&machine, b->arena, &s->local, err));
        b->executor = s->local;
        return OK;
    case MODE_DRY:
        TRY(local_executor_open(&machine, b->arena, &s->local, err));
        idle_executor(SLOT_BUSY, s->local, &s->idle);
        break;
    case MODE_CACHED:
        idle_executor(SLOT_REFUSED, NULL, &s->idle);
        break;
    case MODE_ACCEPT:
    case MODE_REPLAY:
        idle_executor(SLOT_BUSY, NULL, &s->idle);
        break;
    }
    b->executor = &s->idle.executor;
    return OK;
}

static enum status open_tools(struct session *s, struct error *err)
{
    struct build *b = &s->b;
    const struct devices_context devices = {b->o, &s->capture, store_work(b->store), b->arena};
    struct tools_context tools = {b->o, b->store, &s->capture, NULL, b->arena};
    const struct cards *ignored;

    s->capture = (struct capture){&s->reaper, interrupt_descriptor(), CAPTURE_SECONDS};
    TRY(devices_open(&devices, &b->devices, err));
    tools.devices = b->devices;
    if (b->o->gpus.typed) /* what is wrong is refused, whether a card is needed or not */
        TRY(devices_cards(b->devices, &ignored, err));
    b->fetch = (struct fetch_context){.fetchers = fetchers_all,
                                      .options = b->o,
                                      .recipe = recipe_folder(b->recipe),
                                      .work = store_work(b->store),
                                      .capture = &s->capture,
                                      .pins = b->pins,
                                      .patience = &b->patience,
                                      .may_ask = s->mode != MODE_CACHED,
                                      .may_pin = b->writes,
                                      .arena = b->arena};
    return tools_open(&tools, &b->tools, err);
}

static enum status open_graph(const struct options *o, const struct recipe_change *change,
                              struct graph **graph, struct recipe **recipe, struct error *err)
{
    struct recipe_options options = {.path = o->recipe,
                                     .sets = o->sets,
                                     .n_sets = o->n_sets,
                                     .share = o->share,
                                     .change = change,
                                     .interrupted = interrupt_count()};
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

static enum status arguments_of(const struct options *o, const struct recipe *recipe,
                                struct arena *arena, const char **arguments, struct error *err)
{
    struct options given = *o;
    struct pair *sets;

    TRY(recipe_sets(recipe, arena, &sets, &given.n_sets, err));
    given.sets = sets;
    return (*arguments = options_arguments(&given, arena)) ? OK : error_memory(err);
}

/* Calls trial(p) of each study once: it may read a --set, too. A mistake is said by who builds. */
static void shape_studies(struct graph *graph, struct recipe *recipe, struct arena *arena)
{
    const int n = graph_size(graph);
    struct error ignored;
    int template;

    for (int i = 0; i < n; i++)
        if (graph_node(graph, i)->kind == NODE_STUDY)
            (void)!shape_first(graph, recipe, i, arena, &template, &ignored);
}

enum status session_arguments(const struct options *o, struct arena *arena, const char **arguments,
                              struct error *err)
{
    struct graph *graph = NULL;
    struct recipe *recipe = NULL;
    enum status s = open_graph(o, NULL, &graph, &recipe, err);

    if (s == OK && recipe_has_unread(recipe))
        shape_studies(graph, recipe, arena);
    if (s == OK)
        s = arguments_of(o, recipe, arena, arguments, err);
    recipe_close(recipe);
    graph_close(graph);
    return s;
}

/* The arguments as one text, without what the recipe takes as if it had not been typed. What only
 * trials read is found out in a graph of its own. */
static enum status canonical_arguments(const struct options *o, const struct recipe *recipe,
                                       struct arena *arena, const char **arguments,
                                       struct error *err)
{
    if (recipe_has_unread(recipe))
        return session_arguments(o, arena, arguments, err);
    return arguments_of(o, recipe, arena, arguments, err);
}

enum status session_graph(const struct options *o, struct graph **graph, struct recipe **recipe,
                          struct error *err)
{
    return open_graph(o, NULL, graph, recipe, err);
}

static void needs_of(const void *graph, int node, void (*need)(void *to, int n), void *to)
{
    graph_needs(graph, node, need, to);
}

static void say_locked(void *progress, const char *path)
{
    progress_line(progress, "waiting for another build, which holds %s", path);
    progress_flush(progress);
}

/* From the recipe to what plan and loop need. */
static enum status open_build(struct session *s, const struct recipe_change *change,
                              struct error *err)
{
    struct build *b = &s->b;
    char *lock;

    TRY(progress_open(b->o->verbose, &b->progress, err));
    TRY(interrupt_listen(err));
    b->patience = (struct patience){interrupt_count(), say_locked, b->progress};
    if (!(b->arguments = options_arguments(b->o, b->arena)))
        return error_memory(err);
    TRY(session_recipe(b->o, b->arena, &b->recipe_path, err));
    if (b->writes)
        recall_open(b);
    if (!b->recall.past) {
        TRY(open_graph(b->o, change, &b->graph, &b->recipe, err));
        TRY(canonical_arguments(b->o, b->recipe, b->arena, &b->arguments, err));
    }
    progress_text(b->progress,
                  b->recall.past ? b->recall.past->printed : recipe_printed(b->recipe));
    interrupt_defer_stops();
    interrupt_on_resize();
    if (!b->store)
        TRY(build_open_store(b, err));
    TRY(recall_begin(b, err));
    if (!(lock = file_join(b->arena, recipe_folder(b->recipe), "hpo.lock")))
        return error_memory(err);
    TRY(pins_open(lock, &b->pins, err));
    TRY(open_tools(s, err));
    TRY(open_executor(s, err));
    TRY(local_results_open(b->store, s->mode == MODE_BUILD, b->arena, &s->results, err));
    b->results = s->results;
    if (s->mode == MODE_ACCEPT)
        TRY(accept_open(b, err));
    TRY(units_open(b->results, b->store, b->arena, &b->units, err));
    TRY(plan_open(needs_of, b->graph, b->arena, &b->plan, err));
    if (!b->recall.past) /* else few are looked up */
        TRY(source_preload(b->store, recipe_folder(b->recipe), err));
    return OK;
}

/* What a build is before anything is opened. */
static enum status begin(struct session *s, const struct options *o, enum mode mode,
                         struct error *err)
{
    *s = (struct session){.mode = mode,
                          .b = {.o = o,
                                .rerun = {.study = -1},
                                .writes = mode == MODE_BUILD || mode == MODE_CACHED,
                                .must_fit = mode == MODE_BUILD || mode == MODE_DRY,
                                .replays = mode == MODE_REPLAY,
                                .today = (int64_t)time(NULL) / 86400}};
    return (s->b.arena = arena_open()) ? OK : error_memory(err);
}

static void end(struct session *s, bool close_store)
{
    struct build *b = &s->b;

    while (b->jobs)
        job_close(b, b->jobs, false);
    live_end(b);
    local_executor_close(s->local);
    runner_end(&s->reaper);
    pins_close(b->pins);
    local_results_close(s->results);
    exclusions_close(b);
    if (close_store)
        store_close(b->store);
    recipe_close(b->recipe);
    graph_close(b->graph);
    progress_close(b->progress);
    arena_close(b->arena);
}

/* ---- build ---- */

/* Nothing is left to do: then every target is known, or something failed. */
static enum status check_end(const struct build *b, struct error *err)
{
    for (size_t i = 0; i < b->n_targets && !b->failed; i++)
        if (plan_state(b->plan, b->targets[i].node) != PLAN_DONE)
            return error_set(err, ERR_SYSTEM, b->targets[i].name,
                             "the build ended before this target was known: a defect of hpo");
    return OK;
}

/* All that is known before the first process is wanted: an out/ that cannot be is refused here. */
static enum status begin_targets(struct build *b, struct error *err)
{
    for (size_t i = 0; i < b->n_targets; i++)
        TRY(plan_want(b->plan, b->targets[i].node, err));
    TRY(resolve_expect(b, err));
    return resolve_due(b, err);
}

/* The loop, until all targets lie in out/: what the store has lost is only found there. */
static enum status make_targets(struct build *b, struct error *err)
{
    bool again = true;

    TRY(begin_targets(b, err));
    TRY(output_refuse(b, err));
    while (again) {
        TRY(loop_run(b, err));
        TRY(output_targets(b, &again, err));
    }
    return check_end(b, err);
}

/* Refused before anything ran, or because of a --set that nothing reads: it is not the last build,
 * whose parameters other commands take. */
static bool is_refused(const struct build *b, enum status s)
{
    struct error ignored;

    return s == ERR_INPUT && (b->counts.ran + b->counts.failed == 0 ||
                              (!b->recall.past && recipe_finish(b->recipe, &ignored) != OK));
}

/* All that later builds and commands will want to know, and what goes by that. */
static enum status keep(struct build *b, enum status s, struct run *run, struct error *err)
{
    struct drop_report dropped;

    run->id = b->run;
    run->ran = b->counts.ran;
    run->cached = b->counts.cached;
    run->failed = b->counts.failed;
    run->status = s == ERR_INTERRUPTED ? "interrupted" : s != OK || b->failed ? "failed" : "done";
    if (!is_refused(b, s))
        TRY(record_build(b, err));
    if (s == OK)
        TRY(recall_save(b, err));
    TRY(history_run_finish(b->store, run, err));
    TRY(store_sync(b->store, err));
    return s == OK && !b->failed ? cache_drop_unwanted(b->store, &dropped, err) : OK;
}

/* Whether counts say something beside an error: not that nothing was done before it. */
static bool says_counts(const struct build *b)
{
    return b->o->json || b->counts.ran + b->counts.cached + b->counts.failed > 0;
}

/* The loop between the first row and the last of this run. */
static enum status run_build(struct build *b, struct error *err)
{
    struct run run = {
        .recipe = b->recipe_path, .arguments = b->arguments, .started = (int64_t)time(NULL)};
    const int64_t started_ns = runner_now_ns();
    enum status s, kept;
    struct error second;

    TRY(history_run_begin(b->store, &run, &b->run, err));
    TRY(store_sync(b->store, err)); /* before others can know of it, and before files are read */
    TRY(live_begin(b, run.started, err));
    s = make_targets(b, err);
    if (s == OK && !b->failed && !b->recall.past)
        s = recipe_finish(b->recipe, err);
    run.seconds = (double)(runner_now_ns() - started_ns) / 1e9;
    /* whom nobody reads any more goes as one that is interrupted */
    kept = keep(b, s != OK && progress_unread(err) ? ERR_INTERRUPTED : s, &run, &second);
    live_end(b);
    if (s == OK || s == ERR_INTERRUPTED || (s == ERR_FAILED && says_counts(b))) {
        const enum status said = summary_print(b, run.seconds, kept == OK ? &second : err);
        kept = kept == OK ? said : kept;
    }
    if (s == OK && kept != OK) {
        *err = second;
        s = kept;
    }
    for (const char *damage; (damage = store_damage(b->store));)
        progress_warning(b->progress, "%s", damage);
    if (s == OK && b->failed)
        return error_set(err, ERR_FAILED, "", "the build failed");
    return s;
}

static enum status run_dry(struct build *b, struct error *err)
{
    bool again = true;

    TRY(begin_targets(b, err));
    while (again) {
        TRY(loop_run(b, err));
        TRY(output_look(b, &again, err));
    }
    return dry_run_print(b, err);
}

enum status session_build(const struct options *o, struct error *err)
{
    const enum mode mode = o->dry_run ? MODE_DRY : o->cached_only ? MODE_CACHED : MODE_BUILD;
    struct session s;
    enum status status;

    TRY(begin(&s, o, mode, err));
    status = open_build(&s, NULL, err);
    if (status == OK)
        status = targets_choose(&s.b, err);
    if (status == OK)
        status = targets_choose_rerun(&s.b, err);
    if (status == OK)
        status = mode == MODE_DRY ? run_dry(&s.b, err) : run_build(&s.b, err);
    end(&s, true);
    return status;
}

/* ---- accept ---- */

static enum status run_accept(struct build *b, answering *answer, void *context, struct error *err)
{
    TRY(targets_choose_all(b, err));
    TRY(begin_targets(b, err));
    TRY(loop_run(b, err));
    TRY(accept_finish(b, err));
    TRY(store_sync(b->store, err)); /* others need not wait while somebody is asked */
    progress_clear(b->progress);
    return answer(b, context, err);
}

enum status session_accept(const struct options *o, answering *answer, void *context,
                           struct error *err)
{
    struct session s;
    enum status status;

    TRY(begin(&s, o, MODE_ACCEPT, err));
    status = open_build(&s, NULL, err);
    if (status == OK)
        status = run_accept(&s.b, answer, context, err);
    end(&s, true);
    return status;
}

/* ---- what is known ---- */

static enum status run_known(struct build *b, answering *answer, void *context, struct error *err)
{
    TRY(targets_choose_all(b, err));
    TRY(begin_targets(b, err));
    TRY(loop_run(b, err));
    progress_clear(b->progress);
    return answer(b, context, err);
}

enum status session_known(const struct options *o, answering *answer, void *context,
                          struct error *err)
{
    struct session s;
    enum status status;

    TRY(begin(&s, o, MODE_DRY, err));
    status = open_build(&s, NULL, err);
    if (status == OK)
        status = run_known(&s.b, answer, context, err);
    end(&s, true);
    return status;
}

/* ---- replay ---- */

/* As in hpo table: without --set, those of the last build of the recipe. */
static enum status take_last_sets(const struct build *b, const char *study, bool say,
                                  struct options *o, struct error *err)
{
    struct running_build live;
    struct study_table *tables = NULL;
    const char *recipe = NULL;
    size_t n;

    if (o->n_sets > 0 || o->run > 0)
        return OK;
    TRY(session_recipe(o, b->arena, &recipe, err));
    TRY(running_find(b->store, recipe, NULL, 0, b->arena, &live, err));
    TRY(history_tables(b->store, recipe, live.run ? live.arguments : NULL, study, b->arena, &tables,
                       &n, err));
    TRY(running_tables(&live, study, b->arena, &tables, &n, err));
    if (n == 0)
        return OK;
    if (say)
        TRY(spoken_build(o, history_tables_run(tables, n), tables[0].arguments, b->arena, err));
    return options_take_arguments(o, tables[0].arguments, b->arena, err);
}

static enum status run_replay(struct build *b, const char *name, replay *answer, void *context,
                              struct error *err)
{
    int node;

    TRY(targets_choose_study(b, name, err));
    TRY(begin_targets(b, err));
    TRY(loop_run(b, err));
    progress_clear(b->progress);
    TRY(targets_find_study(b, name, &node, err));
    return answer(b, node, context, err);
}

enum status session_replay(const struct options *o, struct store *store, const char *name,
                           const struct recipe_change *change, replay *answer, void *context,
                           struct error *err)
{
    struct options last = *o;
    struct session s;
    enum status status;

    TRY(begin(&s, &last, MODE_REPLAY, err));
    s.b.store = store;
    status = take_last_sets(&s.b, name, !change, &last, err);
    if (status == OK)
        status = open_build(&s, change, err);
    if (status == OK)
        status = run_replay(&s.b, name, answer, context, err);
    end(&s, false);
    return status;
}

/* ---- look ---- */

static enum status run_look(struct build *b, const char *name, look *answer, void *context,
                            struct error *err)
{
    struct named_node of = {.name = name};

    TRY(targets_choose_node(b, &of, err));
    TRY(begin_targets(b, err));
    TRY(loop_run(b, err));
    progress_clear(b->progress);
    TRY(targets_find_node(b, &of, err));
    return answer(b, &of, context, err);
}

enum status session_look(const struct options *o, struct store *store, const char *name, bool say,
                         look *answer, void *context, struct error *err)
{
    const char *slash = strchr(name, '/');
    struct options last = *o;
    struct session s;
    enum status status;
    char *study;

    TRY(begin(&s, &last, MODE_REPLAY, err));
    s.b.store = store;
    study = slash ? arena_copy(s.b.arena, name, (size_t)(slash - name)) : NULL;
    status = slash && !study ? error_memory(err) : OK;
    if (status == OK && study)
        status = take_last_sets(&s.b, study, say, &last, err);
    if (status == OK)
        status = open_build(&s, NULL, err);
    if (status == OK)
        status = run_look(&s.b, name, answer, context, err);
    end(&s, false);
    return status;
}
