/* session_run: what is done in a session: a build, a dry run, a replay, a look. Start at
 * session_build. */
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "cache/maintenance/gc.h"
#include "cache/records/history.h"
#include "engine/execution/accept.h"
#include "engine/execution/audit.h"
#include "engine/execution/dry_run.h"
#include "engine/execution/live.h"
#include "engine/execution/loop.h"
#include "engine/execution/output.h"
#include "engine/execution/recall.h"
#include "engine/execution/record.h"
#include "engine/execution/resolve.h"
#include "engine/execution/session.h"
#include "engine/execution/session_state.h"
#include "engine/execution/spoken.h"
#include "engine/execution/summary.h"
#include "engine/execution/targets.h"
#include "engine/running.h"

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
enum status session_begin_targets(struct build *b, struct error *err)
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

    TRY(session_begin_targets(b, err));
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

    TRY(session_begin_targets(b, err));
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

    TRY(session_begin(&s, o, mode, err));
    status = session_open(&s, NULL, err);
    if (status == OK)
        status = targets_choose(&s.b, err);
    if (status == OK)
        status = targets_choose_rerun(&s.b, err);
    if (status == OK)
        status = mode == MODE_DRY ? run_dry(&s.b, err) : run_build(&s.b, err);
    session_end(&s, true);
    return status;
}

/* ---- accept ---- */

static enum status run_accept(struct build *b, answering *answer, void *context, struct error *err)
{
    TRY(targets_choose_all(b, err));
    TRY(session_begin_targets(b, err));
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

    TRY(session_begin(&s, o, MODE_ACCEPT, err));
    status = session_open(&s, NULL, err);
    if (status == OK)
        status = run_accept(&s.b, answer, context, err);
    session_end(&s, true);
    return status;
}

/* ---- what is known ---- */

static enum status run_known(struct build *b, answering *answer, void *context, struct error *err)
{
    TRY(targets_choose_all(b, err));
    TRY(session_begin_targets(b, err));
    TRY(loop_run(b, err));
    progress_clear(b->progress);
    return answer(b, context, err);
}

enum status session_known(const struct options *o, answering *answer, void *context,
                          struct error *err)
{
    struct session s;
    enum status status;

    TRY(session_begin(&s, o, MODE_DRY, err));
    status = session_open(&s, NULL, err);
    if (status == OK)
        status = run_known(&s.b, answer, context, err);
    session_end(&s, true);
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
    TRY(session_begin_targets(b, err));
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

    TRY(session_begin(&s, &last, MODE_REPLAY, err));
    s.b.store = store;
    status = take_last_sets(&s.b, name, !change, &last, err);
    if (status == OK)
        status = session_open(&s, change, err);
    if (status == OK)
        status = run_replay(&s.b, name, answer, context, err);
    session_end(&s, false);
    return status;
}

/* ---- look ---- */

static enum status run_look(struct build *b, const char *name, look *answer, void *context,
                            struct error *err)
{
    struct named_node of = {.name = name};

    TRY(targets_choose_node(b, &of, err));
    TRY(session_begin_targets(b, err));
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

    TRY(session_begin(&s, &last, MODE_REPLAY, err));
    s.b.store = store;
    study = slash ? arena_copy(s.b.arena, name, (size_t)(slash - name)) : NULL;
    status = slash && !study ? error_memory(err) : OK;
    if (status == OK && study)
        status = take_last_sets(&s.b, study, say, &last, err);
    if (status == OK)
        status = session_open(&s, NULL, err);
    if (status == OK)
        status = run_look(&s.b, name, answer, context, err);
    session_end(&s, false);
    return status;
}

/* ---- audit ---- */

static enum status run_recorded(struct build *b, bool all, answering *answer, void *context,
                                struct error *err)
{
    TRY(all ? targets_choose_all(b, err) : targets_choose(b, err));
    TRY(session_begin_targets(b, err));
    TRY(loop_run(b, err));
    progress_clear(b->progress);
    return answer(b, context, err);
}

enum status session_recorded(const struct options *o, struct store *store, struct store *room,
                             bool all, answering *answer, void *context, struct error *err)
{
    struct session s;
    enum status status;

    TRY(session_begin(&s, o, MODE_REPLAY, err));
    s.b.store = store;
    s.room = room;
    status = session_open(&s, NULL, err);
    if (status == OK)
        status = run_recorded(&s.b, all, answer, context, err);
    session_end(&s, false);
    return status;
}

static enum status run_audit(struct build *b, const struct audit_plan *plan, answering *answer,
                             void *context, struct error *err)
{
    struct run run = {
        .recipe = b->recipe_path, .arguments = b->arguments, .started = (int64_t)time(NULL)};

    if (plan->quiet)
        progress_be_quiet(b->progress);
    TRY(targets_choose(b, err));
    TRY(history_run_begin(b->store, &run, &b->run, err));
    TRY(store_sync(b->store, err));
    TRY(live_begin(b, run.started, err));
    TRY(session_begin_targets(b, err));
    TRY(loop_run(b, err));
    live_end(b);
    progress_clear(b->progress);
    return answer(b, context, err);
}

enum status session_audit(const struct options *o, const struct audit_plan *plan, answering *answer,
                          void *context, struct error *err)
{
    struct session s;
    enum status status;

    TRY(session_begin(&s, o, MODE_AUDIT, err));
    s.audit = plan;
    status = session_open(&s, NULL, err);
    if (status == OK)
        status = run_audit(&s.b, plan, answer, context, err);
    session_end(&s, true);
    return status;
}
