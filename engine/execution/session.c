/*
 * session: opens everything a build needs, in order, and closes it in reverse. What a build may do
 * is decided here, once, by what is opened: a dry run is a build whose executor starts nothing.
 * session_run.c has what is done in between. Start at session_open.
 */
#include "engine/execution/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/execution/accept.h"
#include "engine/execution/audit.h"
#include "engine/execution/exclusions.h"
#include "engine/execution/job.h"
#include "engine/execution/live.h"
#include "engine/execution/recall.h"
#include "engine/execution/session_state.h"
#include "engine/execution/shape.h"
#include "engine/executor/local.h"
#include "engine/graph/pins.h"
#include "engine/graph/snapshot.h"
#include "engine/interrupt.h"
#include "engine/process/devices.h"
#include "engine/results/local.h"
#include "engine/statement/statement.h"

enum {
    CAPTURE_SECONDS = 600,         /* a repository may be large */
    LOG_BYTES = 1024 * 1024 * 1024 /* of a trainer that prints for ever */
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
    machine.sandbox = b->o->sandbox;
    machine.system = b->o->system;
    machine.n_system = b->o->n_system;
    machine.keep_failed = b->o->keep_failed;
    machine.fresh = s->audit;
    machine.varies = s->audit ? s->audit->varies : 0;
    machine.wake = interrupt_descriptor();
    switch (s->mode) {
    case MODE_BUILD:
    case MODE_AUDIT:
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
enum status session_open(struct session *s, const struct recipe_change *change, struct error *err)
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
        TRY(keys_open(b->arena, &s->key, err));
    b->key = s->key.signer ? &s->key : NULL;
    if (b->writes && !b->key)
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
    if (s->audit && !s->audit->from_nothing)
        store_borrow(b->store, s->audit->recorded);
    TRY(recall_begin(b, err));
    if (!(lock = file_join(b->arena, recipe_folder(b->recipe), "hpo.lock")))
        return error_memory(err);
    TRY(pins_open(lock, &b->pins, err));
    for (size_t i = 0; s->audit && i < s->audit->n_pins; i++)
        TRY(pins_set(b->pins, "git", s->audit->pins[i].url, s->audit->pins[i].rev,
                     s->audit->pins[i].commit, err));
    TRY(open_tools(s, err));
    TRY(open_executor(s, err));
    TRY(local_results_open(b->store, s->mode == MODE_BUILD || s->audit, b->arena, &s->results,
                           err));
    b->results = s->results;
    if (s->mode == MODE_ACCEPT)
        TRY(accept_open(b, err));
    if (s->audit)
        TRY(audit_open(b, s->audit, err));
    if (s->room)
        TRY(audit_decide(b, s->room, err));
    TRY(units_open(b->results, b->store, b->arena, &b->units, err));
    TRY(plan_open(needs_of, b->graph, b->arena, &b->plan, err));
    if (!b->recall.past) /* else few are looked up */
        TRY(source_preload(b->store, recipe_folder(b->recipe), err));
    return OK;
}

/* What a build is before anything is opened. */
enum status session_begin(struct session *s, const struct options *o, enum mode mode,
                          struct error *err)
{
    *s = (struct session){
        .mode = mode,
        .b = {.o = o,
              .rerun = {.study = -1},
              .writes = mode == MODE_BUILD || mode == MODE_CACHED,
              .must_fit = mode == MODE_BUILD || mode == MODE_DRY || mode == MODE_AUDIT,
              .replays = mode == MODE_REPLAY,
              .today = (int64_t)time(NULL) / 86400}};
    return (s->b.arena = arena_open()) ? OK : error_memory(err);
}

void session_end(struct session *s, bool close_store)
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
    keys_close(&s->key);
    arena_close(b->arena);
}
