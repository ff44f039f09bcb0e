/* loop: settle, start, wait, take. Start at loop_run, the story of a build. */
#include "engine/execution/loop.h"

#include <assert.h>

#include "base/arena.h"
#include "engine/execution/action.h"
#include "engine/execution/demand.h"
#include "engine/execution/fit.h"
#include "engine/execution/job.h"
#include "engine/execution/live.h"
#include "engine/execution/resolve.h"
#include "engine/execution/retain.h"
#include "engine/execution/run.h"
#include "engine/execution/script.h"
#include "engine/execution/waiting.h"
#include "engine/interrupt.h"
#include "engine/process/runner.h"

enum { SYNC_MS = 10, CLAIM_MS = 20, LOOK_MS = 10, STATUS_MS = 500, SILENT_MS = 2000 };

static const int64_t ms_ns = 1000000;

static bool may_start(const struct build *b)
{
    return !b->looks_first && !b->interrupted && (!b->failed || b->o->keep_going);
}

/* ---- sync ---- */

static int64_t waited_ns(const struct build *b)
{
    return runner_now_ns() - b->dirty_ns;
}

/* What is new has waited as long as it may, another build waits, or we are asked to stand still. */
static bool sync_is_due(const struct build *b)
{
    return interrupt_stop_is_asked() ||
           (b->dirty_ns &&
            (waited_ns(b) >= SYNC_MS * ms_ns || results_unsynced(b->results) == UNSYNCED_AWAITED));
}

/* Durable now: claims are let go, and people are told. Nobody waits for us then: here we stand
 * still. */
static enum status sync_results(struct build *b, struct error *err)
{
    TRY(results_sync(b->results, err));
    b->dirty_ns = 0;
    for (size_t i = 0; i < b->n_held; i++)
        results_release(b->results, &b->held[i]);
    b->n_held = 0;
    progress_flush(b->progress);
    if (interrupt_stop_is_asked()) /* the shell's prompt comes below the lines, not the status */
        progress_clear(b->progress);
    interrupt_stop_if_asked();
    return retain_drop(b, err);
}

/* ---- start ---- */

enum { MOST_PASSED = 256 }; /* nodes that found no slot, before the rest is left for later */

/* Offers ready nodes, the most urgent first. One that finds no room lets smaller ones pass. */
static enum status start_actions(struct build *b, struct error *err)
{
    int passed[MOST_PASSED], node;
    size_t n_passed = 0;
    enum status s = OK;

    while (s == OK && may_start(b) && n_passed < MOST_PASSED && executor_has_slot(b->executor) &&
           plan_take_ready(b->plan, &node)) {
        bool waits;
        s = action_start(b, node, plan_ready_nodes(b->plan), &waits, err);
        if (s == OK && waits)
            passed[n_passed++] = node;
        if (s == OK)
            s = resolve_due(b, err);
        if (s == OK && sync_is_due(b))
            s = sync_results(b, err);
    }
    for (size_t i = 0; i < n_passed && s == OK; i++)
        s = plan_put_back(b->plan, passed[i], err);
    return s;
}

/* Everything that can be done without waiting: a study that is decided lets others start, an action
 * that is known its dependants. */
static enum status settle(struct build *b, struct error *err)
{
    int64_t before;

    do {
        before = plan_changes(b->plan) + b->changes;
        b->waits_for = NULL;
        b->later = false;
        TRY(resolve_answers(b, err));
        TRY(resolve_due(b, err));
        TRY(demand_decide(b, err));
        TRY(resolve_due(b, err));
        TRY(start_actions(b, err));
        if (may_start(b))
            TRY(demand_again(b, err));
        TRY(demand_serve(b, may_start(b), err));
    } while (plan_changes(b->plan) + b->changes != before && *interrupt_count() == 0);
    return OK;
}

/* ---- wait ---- */

/* Until when nothing needs to be looked at. */
static int64_t wake_ns(const struct build *b)
{
    int64_t next = executor_now(b->executor) + (b->waits_for ? CLAIM_MS : STATUS_MS) * ms_ns;

    for (const struct job *job = b->jobs; job; job = job->next)
        if (job->deadline_ns && job->deadline_ns < next)
            next = job->deadline_ns;
    return next;
}

/* Waits for an event, and looks at the files of scripts meanwhile: what they say is none. */
static enum status wait_and_look(struct build *b, struct executor_event *event, struct error *err)
{
    const int64_t until = wake_ns(b);
    bool came = false;

    *event = (struct executor_event){.kind = EVENT_NONE};
    while (event->kind == EVENT_NONE && !came && script_watches(b)) {
        const int64_t now = executor_now(b->executor);
        if (now >= until)
            return OK;
        TRY(executor_next(b->executor,
                          now + LOOK_MS * ms_ns < until ? now + LOOK_MS * ms_ns : until, event,
                          err));
        TRY(script_look(b, &came, err));
    }
    return event->kind == EVENT_NONE && !came ? executor_next(b->executor, until, event, err) : OK;
}

/* The next event. What comes soon is taken before a sync, so that one serves many. */
static enum status next_event(struct build *b, struct executor_event *event, struct error *err)
{
    if (results_unsynced(b->results) != UNSYNCED_NOTHING && !b->dirty_ns)
        b->dirty_ns = runner_now_ns();
    if (b->dirty_ns && !sync_is_due(b)) {
        const int64_t left_ns = SYNC_MS * ms_ns - waited_ns(b);
        const int64_t until = b->jobs ? executor_now(b->executor) + left_ns : 0;
        TRY(executor_next(b->executor, until, event, err));
        if (event->kind != EVENT_NONE)
            return OK;
    }
    TRY(sync_results(b, err));
    return wait_and_look(b, event, err);
}

/* ---- take ---- */

static enum status take_interrupt(struct build *b, struct error *err)
{
    const int asked = interrupt_take();

    if (asked == 0)
        return OK;
    for (struct job *job = b->jobs; job; job = job->next) {
        if (asked > 1)
            executor_kill(b->executor, job->task);
        if (waiting_is(job) && asked == 1)
            TRY(waiting_end(b, job, err));
        else
            job_end(b, job);
    }
    if (!b->interrupted)
        progress_line(b->progress, "interrupted: what is finished is kept");
    b->interrupted = true;
    b->waits_for = NULL;
    b->later = false;
    return OK;
}

/* Nothing came for as long as was said: only now, when all that has come is read. */
static void keep_time(struct build *b)
{
    const int64_t now = executor_now(b->executor);

    for (struct job *job = b->jobs; job; job = job->next)
        if (job->deadline_ns && now > job->deadline_ns) {
            job->timed_out = true;
            job_end(b, job);
        }
}

static enum status take_event(struct build *b, const struct executor_event *event,
                              struct error *err)
{
    struct job *job = event->task ? event->task->owner : NULL;

    switch (event->kind) {
    case EVENT_NONE:
        keep_time(b);
        return OK;
    case EVENT_WAKE:
        return take_interrupt(b, err);
    case EVENT_OUTPUT:
        return run_take(b, job, event->bytes, event->n, err);
    case EVENT_EXIT:
        assert(job);
        return job->run ? run_finish(b, job, event, err) : action_finish(b, job, event, err);
    }
    return OK;
}

/* ---- show ---- */

/* Who waits long for another build says so, once. */
static void say_waiting(struct build *b)
{
    const int64_t now = runner_now_ns();

    if (!b->waits_for || !b->waiting_ns)
        b->waiting_ns = b->waits_for ? now : 0;
    if (b->said_waiting || !b->waits_for || now - b->waiting_ns < SILENT_MS * ms_ns)
        return;
    b->said_waiting = true;
    progress_line(b->progress, "waiting for another build, which makes %s", b->waits_for);
}

/* ---- the story ---- */

/* Work that an interrupt broke off is not begun again: what runs is waited for. */
static enum status go_on(struct build *b, struct error *err)
{
    enum status s = b->interrupted ? OK : settle(b, err);

    if (*interrupt_count() > 0)
        TRY(take_interrupt(b, err));
    return b->interrupted && s == ERR_INTERRUPTED ? OK : s;
}

static bool is_idle(const struct build *b)
{
    return !b->jobs && !b->waits_for && !b->later && b->n_asked + units_asked(b->units) == 0;
}

/* What is left to do is seen before any of it starts. */
static enum status look_first(struct build *b, struct error *err)
{
    b->looks_first = true;
    TRY(go_on(b, err));
    b->looks_first = false;
    return b->interrupted || !b->must_fit ? OK : fit_check(b, err);
}

enum status loop_run(struct build *b, struct error *err)
{
    struct executor_event event;

    TRY(look_first(b, err));
    for (;;) {
        TRY(go_on(b, err));
        if (is_idle(b))
            break;
        say_waiting(b);
        live_look(b);
        TRY(next_event(b, &event, err));
        TRY(take_event(b, &event, err));
    }
    TRY(sync_results(b, err));
    return b->interrupted ? error_set(err, ERR_INTERRUPTED, "", "interrupted") : OK;
}
