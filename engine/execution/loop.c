/*
 * loop: decide, start, wait, finish. Start at loop_run, the story of a build.
 */
#include "engine/execution/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "engine/execution/action.h"
#include "engine/execution/job.h"
#include "engine/execution/output.h"
#include "engine/execution/retain.h"
#include "engine/execution/run.h"
#include "engine/execution/want.h"

enum { SYNC_MS = 40, CLAIM_MS = 20, STATUS_MS = 500, TERM_SECONDS = 5 };

/* ---- decide ---- */

/* A study that cannot go on takes what needs it along; the rest of the build may finish. */
static enum status study_failed(struct build *b, int node, enum status s, struct error *err)
{
    if (s != ERR_FAILED)
        return s;
    progress_line(b->progress, "failed: %s: %s", graph_label(b->graph, node), err->text);
    node_failed(b, node);
    return OK;
}

static enum status decide(struct build *b, struct error *err)
{
    for (size_t i = 0; i < b->n_studies; i++) {
        int node = b->studies[i];
        struct work *w = work_of(b, node);
        bool decided = false;
        enum status s;
        if (w->state != WORK_STARTED)
            continue;
        s = study_advance(w->study, &decided, err);
        if (s != OK)
            TRY(study_failed(b, node, s, err));
        else if (decided)
            TRY(node_done(b, node, err));
    }
    return OK;
}

/* ---- start ---- */

static bool may_start(const struct build *b)
{
    return !b->interrupted && (!b->failed || b->o->keep_going);
}

/* The ready node of the highest rank; it is taken from the list. */
static int pop_ready(struct build *b)
{
    struct ready_entry entry;

    do
        entry = ready_take(&b->ready);
    while (b->work[entry.node]->state != WORK_READY || b->work[entry.node]->rank != entry.rank);
    b->n_ready--;
    return entry.node;
}

static enum status refuse(struct build *b, const char *label, int node)
{
    progress_line(b->progress, "failed: %s: its result is not in the store (--cached-only)", label);
    b->n_failed++;
    node_failed(b, node);
    return OK;
}

static enum status start_actions(struct build *b, struct error *err)
{
    int waiting[256];
    size_t n_waiting = 0;
    enum status s = OK;

    while (s == OK && b->n_ready > 0 && b->cpus_used < b->o->jobs && may_start(b) &&
           n_waiting < sizeof waiting / sizeof *waiting) {
        int node = pop_ready(b);
        bool started = true;
        b->cpus_asked = (int)b->n_ready + 1;
        if (b->o->cached_only)
            s = refuse(b, graph_label(b->graph, node), node);
        else
            s = action_start(b, node, &started, err);
        if (s == OK && !started)
            waiting[n_waiting++] = node;
        if (store_is_dirty(b->store) && b->dirty_ns &&
            runner_now_ns() - b->dirty_ns > SYNC_MS * (int64_t)1000000)
            break;
    }
    for (size_t i = 0; i < n_waiting && s == OK; i++)
        s = node_retry(b, waiting[i], err);
    return s;
}

static const char *trial_label(struct build *b, int study, int trial)
{
    const char *label = arena_printf(b->arena, "%s/%d", graph_label(b->graph, study), trial);

    return label ? label : "trial";
}

/* One wish of a study: its template's inputs first, then a process. */
static enum status start_wanted(struct build *b, int study, const struct wanted_run *wanted,
                                struct error *err)
{
    bool ready, failed, keyed = wanted->template->keyed;

    TRY(want_template(b, wanted->template, &ready, &failed, err));
    if (failed) {
        node_failed(b, study);
        return OK;
    }
    b->n_changes += wanted->template->keyed != keyed; /* how far it may run is asked only now */
    if (b->o->dry_run || !keyed || !ready || b->cpus_used >= b->o->jobs || !may_start(b))
        return OK;
    if (b->o->cached_only)
        return refuse(b, trial_label(b, study, wanted->trial), study);
    return run_start(b, trial_label(b, study, wanted->trial), wanted, err);
}

/* Runs that no study wants any more are told to end. */
static void end_unwanted(struct build *b, const struct wanted_run *wanted, size_t n)
{
    for (struct job *job = b->jobs; job; job = job->next) {
        bool serves = !job->train || run_is_remake(job);
        for (size_t i = 0; i < n && !serves; i++)
            serves = run_serves(job, &wanted[i]);
        if (!serves && !job->unwanted) {
            job->unwanted = true;
            job_terminate(job);
        }
    }
}

/* All wishes of all studies, in one list. */
struct wishes {
    struct wanted_run *runs;
    int *studies;
    size_t n, capacity, study_capacity;
};

static enum status collect_wishes(struct build *b, struct arena *arena, struct wishes *all,
                                  struct error *err)
{
    for (size_t i = 0; i < b->n_studies; i++) {
        struct work *w = work_of(b, b->studies[i]);
        struct wanted_run *runs;
        size_t n;
        if (w->state != WORK_STARTED)
            continue;
        TRY(study_wants(w->study, arena, &runs, &n, err));
        for (size_t k = 0; k < n; k++) {
            if (all->n == all->capacity) {
                all->runs = arena_grow(arena, all->runs, all->n, all->n + 1, sizeof *all->runs,
                                       &all->capacity);
                all->studies = arena_grow(arena, all->studies, all->n, all->n + 1,
                                          sizeof *all->studies, &all->study_capacity);
            }
            if (!all->runs || !all->studies)
                return error_memory(err);
            all->studies[all->n] = b->studies[i];
            all->runs[all->n++] = runs[k];
        }
    }
    return OK;
}

static enum status start_runs(struct build *b, struct error *err)
{
    struct arena *arena = arena_open();
    struct wishes wishes = {0};
    enum status s;

    if (!arena)
        return error_memory(err);
    s = collect_wishes(b, arena, &wishes, err);
    for (size_t i = 0; i < wishes.n && s == OK; i++) {
        b->cpus_asked = (int)(wishes.n - i);
        s = start_wanted(b, wishes.studies[i], &wishes.runs[i], err);
    }
    if (s == OK && may_start(b))
        end_unwanted(b, wishes.runs, wishes.n);
    arena_close(arena);
    return s;
}

static enum status start_remakes(struct build *b, struct error *err)
{
    size_t left = 0;

    for (size_t i = 0; i < b->n_remakes; i++) {
        int node = b->remakes[i];
        if (work_of(b, node)->state != WORK_READY)
            continue;
        b->remakes[left++] = node;
        if (b->o->cached_only)
            TRY(refuse(b, graph_label(b->graph, node), node));
        else if (b->cpus_used < b->o->jobs && may_start(b))
            TRY(run_remake(b, node, err));
    }
    b->n_remakes = left;
    return OK;
}

/* --rerun STUDY/TRIAL[/T], once the study is decided. */
static enum status start_rerun(struct build *b, struct error *err)
{
    struct unit *u;
    bool started;

    if (b->rerun_study < 0 || work_of(b, b->rerun_study)->state != WORK_DONE)
        return OK;
    u = study_unit(work_of(b, b->rerun_study)->study, b->rerun_trial, b->rerun_t);
    if (!u)
        return error_set(err, ERR_INPUT, "--rerun", "the study has no unit \"%s\"", b->o->rerun);
    if (b->cpus_used < b->o->jobs && may_start(b)) {
        TRY(run_again(b, b->o->rerun, u, &started, err));
        if (started)
            b->rerun_study = -1;
    }
    return OK;
}

/* ---- wait ---- */

/* Durable now: claims are let go, and people are told. */
static enum status sync_store(struct build *b, struct error *err)
{
    TRY(store_sync(b->store, err));
    b->dirty_ns = 0;
    for (size_t i = 0; i < b->n_held; i++)
        claim_release(&b->claims, &b->held[i]);
    b->n_held = 0;
    progress_flush(b->progress);
    return retain_drop(b, err);
}

static void take_signals(struct build *b)
{
    struct signalfd_siginfo info;

    while (read(b->signals, &info, sizeof info) == sizeof info) {
        for (struct job *job = b->jobs; job; job = job->next) {
            if (b->interrupted)
                runner_signal(&job->process, SIGKILL);
            job_terminate(job);
        }
        if (!b->interrupted)
            progress_line(b->progress, "interrupted: what is finished is kept");
        b->interrupted = true;
    }
}

/* How long nothing needs to be looked at, in milliseconds. */
static int sleep_ms(const struct build *b)
{
    int64_t now = runner_now_ns(), next = now + STATUS_MS * (int64_t)1000000;

    if (b->claims_wait)
        next = now + CLAIM_MS * (int64_t)1000000;
    for (const struct job *job = b->jobs; job; job = job->next) {
        int64_t kill_ns = job->term_ns + TERM_SECONDS * (int64_t)1000000000;
        if (job->deadline_ns && !job->term_ns && job->deadline_ns < next)
            next = job->deadline_ns;
        if (job->term_ns && kill_ns < next)
            next = kill_ns;
    }
    return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

static enum status poll_once(struct build *b, int ms, bool *event, struct error *err)
{
    struct arena *arena = arena_open();
    struct pollfd *fds;
    nfds_t n = 1;

    if (!arena)
        return error_memory(err);
    for (struct job *job = b->jobs; job; job = job->next)
        n += 2;
    if (!(fds = arena_array(arena, n, sizeof *fds))) {
        arena_close(arena);
        return error_memory(err);
    }
    fds[0] = (struct pollfd){.fd = b->signals, .events = POLLIN};
    n = 1;
    for (struct job *job = b->jobs; job; job = job->next) {
        fds[n++] = (struct pollfd){.fd = job->process.pidfd, .events = POLLIN};
        fds[n++] = (struct pollfd){.fd = job->process.output, .events = POLLIN};
    }
    *event = poll(fds, n, ms) > 0;
    arena_close(arena);
    take_signals(b);
    return OK;
}

static enum status wait_for_event(struct build *b, struct error *err)
{
    bool event = false;
    int64_t now = runner_now_ns();

    if (store_is_dirty(b->store) && !b->dirty_ns)
        b->dirty_ns = now;
    if (b->dirty_ns && now - b->dirty_ns < SYNC_MS * (int64_t)1000000) {
        TRY(poll_once(b, 0, &event, err)); /* more may have ended: one sync for all */
        if (event)
            return OK;
    }
    TRY(sync_store(b, err));
    return poll_once(b, b->jobs || b->claims_wait ? sleep_ms(b) : 0, &event, err);
}

/* ---- finish ---- */

static void keep_time(struct job *job)
{
    int64_t now = runner_now_ns();

    if (job->deadline_ns && now > job->deadline_ns && !job->term_ns) {
        job->timed_out = true;
        job_terminate(job);
    }
    if (job->term_ns && now > job->term_ns + TERM_SECONDS * (int64_t)1000000000)
        runner_signal(&job->process, SIGKILL);
}

/* An interrupted action leaves nothing. */
static void drop(struct build *b, struct job *job)
{
    claim_release(&b->claims, &work_of(b, job->node)->key);
    job_close(b, job, false);
}

static enum status finish_ended(struct build *b, struct error *err)
{
    struct job *next;

    for (struct job *job = b->jobs; job; job = next) {
        bool ended;
        next = job->next;
        keep_time(job);
        runner_poll(&b->keeper, &job->process);
        ended = job->process.ended; /* what it wrote before that is in the pipe by now */
        if (job->train)
            TRY(run_read(b, job, err));
        if (!ended)
            continue;
        if (job->train)
            TRY(run_finish(b, job, err));
        else if (b->interrupted)
            drop(b, job);
        else
            TRY(action_finish(b, job, err));
    }
    return OK;
}

static void show(struct build *b)
{
    struct progress_status s = {0};
    struct study_counts counts;
    char best[128];

    if (!progress_wants_status(b->progress))
        return;
    for (size_t i = 0; i < b->n_work; i++)
        if (b->work[i] && graph_node(b->graph, (int)i)->kind == NODE_ACTION) {
            s.total += b->work[i]->state != WORK_IDLE;
            s.done += b->work[i]->state == WORK_DONE;
        }
    for (struct job *job = b->jobs; job; job = job->next)
        s.running++;
    s.fraction = s.total ? (double)s.done / (double)s.total : 0;
    for (size_t i = 0; i < b->n_studies; i++) {
        const struct work *w = work_of(b, b->studies[i]);
        if (w->state != WORK_STARTED)
            continue;
        study_count(w->study, &counts);
        s.study = graph_label(b->graph, b->studies[i]);
        s.trials = counts.trials;
        s.samples = counts.samples;
        s.active = counts.running;
        s.stopped = counts.stopped;
        s.failed = counts.failed;
        s.fraction = (counts.completed + counts.stopped + counts.failed + counts.running * 0.5) /
                     (counts.samples ? counts.samples : 1);
        if (counts.best >= 0) {
            (void)snprintf(best, sizeof best, "%s %.4g (trial %d)", study_spec(w->study)->metric,
                           counts.best_value, counts.best);
            s.best = best;
        }
    }
    progress_show(b->progress, &s);
}

static bool is_idle(const struct build *b)
{
    return !b->jobs && !b->claims_wait;
}

/* Everything that can be done without waiting; *idle when nothing runs or will. */
static enum status round_of(struct build *b, bool *idle, struct error *err)
{
    int64_t ran = b->n_ran, changes;

    /* A study that is decided lets others start; a template that is keyed lets its trial start. */
    do {
        changes = b->n_changes;
        b->claims_wait = false;
        TRY(decide(b, err));
        if (!b->o->dry_run) {
            TRY(start_actions(b, err));
            TRY(start_remakes(b, err));
            TRY(start_rerun(b, err));
        }
        TRY(start_runs(b, err)); /* a dry run only finds their keys */
    } while (b->n_changes != changes && !b->interrupted);
    *idle = is_idle(b) && b->n_ran == ran;
    return OK;
}

/* Nothing is left to do: then every target is known, or something failed. */
static enum status check_end(const struct build *b, struct error *err)
{
    for (size_t i = 0; i < b->n_targets && !b->failed && !b->o->dry_run; i++)
        if (b->work[b->targets[i].node]->state != WORK_DONE)
            return error_set(err, ERR_SYSTEM, b->targets[i].name,
                             "the build ended before this target was known: a defect of hpo");
    return OK;
}

enum status loop_run(struct build *b, struct error *err)
{
    bool idle, again;

    for (size_t i = 0; i < b->n_targets; i++)
        TRY(want_node(b, b->targets[i].node, err));
    if (!b->o->dry_run)
        TRY(output_refuse(b, err));
    for (;;) {
        TRY(round_of(b, &idle, err));
        if (idle) {
            TRY(sync_store(b, err));
            if (b->interrupted)
                return error_set(err, ERR_INTERRUPTED, "", "interrupted");
            again = false;
            if (!b->o->dry_run)
                TRY(output_targets(b, &again, err));
            if (!again)
                return check_end(b, err);
            continue;
        }
        show(b);
        TRY(wait_for_event(b, err));
        TRY(finish_ended(b, err));
    }
}
