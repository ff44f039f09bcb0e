/* waiting: who waits, who goes on, who saves. Start at waiting_begin. */
#include "engine/execution/waiting.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "engine/execution/job.h"
#include "engine/execution/retain.h"
#include "engine/execution/run.h"
#include "engine/execution/run_state.h"
#include "engine/process/runner.h"

enum { SAVE_SECONDS = 60, END_SECONDS = 5 };

static const int64_t second_ns = 1000000000;

static struct unit *last_unit(const struct run *run)
{
    return run->units[run->n - 1];
}

bool waiting_is(const struct job *job)
{
    return job->run && job->run->waiting != WAITS_NOT;
}

static struct job *find_behind(const struct build *b, const struct unit *u)
{
    for (struct job *job = b->jobs; job; job = job->next)
        if (waiting_is(job) && last_unit(job->run) == u)
            return job;
    return NULL;
}

bool waiting_behind(const struct build *b, const struct unit *u)
{
    return find_behind(b, u);
}

static void wait(struct build *b, struct job *job)
{
    job->run->waiting = WAITS;
    job->deadline_ns = 0;
    b->changes++;
}

void waiting_begin(struct build *b, struct job *job, bool keeps)
{
    struct run *run = job->run;

    run->keeps = keeps;
    run->waits_since = executor_now(b->executor);
    for (size_t i = 0; i < run->n; i++)
        run->units[i]->running = false;
    if (run->script)
        executor_pause(b->executor, job->task);
    executor_rest(b->executor, job->task);
    run_say(b, job);
    wait(b, job);
}

/* ---- saving ---- */

/* The folder is the checkpoint of its last unit, which is known; the one that it began with is not
 * needed any more. */
static enum status keep(struct build *b, struct job *job, const char *folder, struct error *err)
{
    struct run *run = job->run;
    struct unit *u = last_unit(run);
    bool has_tree;

    TRY(run_keep(b, job, u->reports, job_measured(job, u->seconds), NULL, folder, &has_tree, err));
    if (!u->kept)
        return OK;
    if (run->begun)
        TRY(retain_replaced(b, run->begun, err));
    run->begun = u;
    run->saved_ns = executor_now(b->executor);
    return OK;
}

/* The checkpoint that its last unit's report has named, or NULL. */
static const char *named(const struct run *run)
{
    return run->held_unit == last_unit(run) ? run->held : NULL;
}

/* The checkpoint that a run keeps while it waits. One that cannot be kept is no failure, but the
 * run is not asked for such a one again: it saves where it ends. */
static enum status keep_and_wait(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;
    const enum status s = keep(b, job, run->held, err);

    run->held = NULL;
    run->held_unit = NULL;
    run->keeps = last_unit(run)->kept;
    wait(b, job);
    if (s != ERR_FAILED && s != ERR_NOT_FOUND)
        return s;
    progress_warning(b->progress, "%s was told to save and to wait on: %s%s%s", job->label,
                     err->where, err->where[0] ? ": " : "", err->text);
    return OK;
}

/* Its checkpoint is wanted. */
static enum status save(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;
    char line[48];

    if (run->waiting != WAITS || last_unit(run)->kept)
        return OK;
    if (!run->keeps)
        return waiting_end(b, job, err);
    if (named(run))
        return keep_and_wait(b, job, err);
    run->waiting = WAITS_KEEPING;
    job_wind(b, job);
    (void)snprintf(line, sizeof line, "{\"save\": \"t%d\"}", last_unit(run)->t);
    return executor_say(b->executor, job->task, line, err);
}

/* Whether it can save and wait on, and has not saved for a minute. */
static bool is_due(const struct build *b, const struct run *run)
{
    return run->keeps && !last_unit(run)->kept &&
           executor_now(b->executor) - run->saved_ns > SAVE_SECONDS * second_ns;
}

enum status waiting_saved(struct build *b, struct job *job, const char *name, struct error *err)
{
    struct run *run = job->run;
    const char *folder;
    enum status s;

    if (run->waiting != WAITS_KEEPING && run->waiting != WAITS_SAVING)
        return OK;
    s = run_name_checkpoint(b, job, name, &folder, err);
    if (s == ERR_FAILED || s == ERR_NOT_FOUND) { /* the whole folder may be one, where it ends */
        run->keeps = false;
        if (run->waiting == WAITS_KEEPING)
            wait(b, job);
        return OK;
    }
    TRY(s);
    if (run->held)
        results_drop(b->results, &run->held_unit->key, run->ended ? NULL : run->held);
    run->held = folder;
    run->held_unit = last_unit(run);
    return run->waiting == WAITS_KEEPING ? keep_and_wait(b, job, err) : OK;
}

/* ---- ending ---- */

static enum status stop(struct build *b, struct job *job, struct error *err)
{
    job->run->waiting = WAITS_ENDING;
    if (job->run->script) { /* it cannot be told to */
        job_end(b, job);
        return OK;
    }
    job->deadline_ns = executor_now(b->executor) + END_SECONDS * second_ns;
    return executor_say(b->executor, job->task, "{\"end\": \"stop\"}", err);
}

enum status waiting_end(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;

    if (run->waiting == WAITS_KEEPING) { /* it reads that once it has saved */
        run->waiting = WAITS_SAVING;
        return executor_say(b->executor, job->task, "{\"end\": \"stop\"}", err);
    }
    if (run->waiting != WAITS)
        return OK;
    if (last_unit(run)->kept || run->script)
        return stop(b, job, err);
    run->waiting = WAITS_SAVING;
    job_wind(b, job);
    return executor_say(b->executor, job->task, "{\"end\": \"save\"}", err);
}

/* ---- going on ---- */

/* The units behind the last one, up to t == until. */
static enum status list_units(struct build *b, const struct job *job, int until,
                              struct unit ***units, size_t *n, struct error *err)
{
    struct run *run = job->run;
    struct unit *from = last_unit(run);

    *n = (size_t)(until - from->t);
    if (!(*units = arena_array(job->arena, *n, sizeof(struct unit *))))
        return error_memory(err);
    for (size_t i = 0; i < *n; i++) {
        TRY(unit_get(b->units, run->template, from, &from, err));
        (*units)[i] = from;
    }
    return OK;
}

/* It trains the units whose claims are ours. */
static enum status go_on(struct build *b, struct job *job, struct unit **units, size_t n, bool ends,
                         struct error *err)
{
    struct run *run = job->run;
    char line[32];

    run->from = last_unit(run);
    run->units = units;
    run->n = run->claimed = n;
    run->capacity = 0;
    run->reported = 0;
    run->pauses = run->script && !ends;
    run->waiting = WAITS_NOT;
    run->went_on = true;
    for (size_t i = 0; i < n; i++)
        units[i]->running = true;
    run->line_ns = job->started_ns = runner_now_ns();
    job_wind(b, job);
    if (run->script) {
        executor_go_on(b->executor, job->task);
        return OK;
    }
    (void)snprintf(line, sizeof line, "{\"until\": %d}", units[n - 1]->t);
    return executor_say(b->executor, job->task, line, err);
}

/* Claims and the word, where there is slot; *goes false: it waits on. */
static enum status try_units(struct build *b, struct job *job, const struct demand *demand,
                             bool *goes, struct error *err)
{
    struct unit **units;
    struct chain chain;
    size_t n;
    int taken;

    *goes = false;
    TRY(list_units(b, job, demand->until, &units, &n, err));
    if (units[0]->running || units[0]->state != UNIT_UNKNOWN)
        return OK;
    chain = (struct chain){.root = units[0]->root->key, .first = units[0]->t, .n = (int)n};
    TRY(claim_chain(b, &chain, &taken, err));
    if (taken == 0) {
        b->waits_for = job->label;
        return OK;
    }
    TRY(unit_refresh(b->units, units[0], err));
    *goes = units[0]->state == UNIT_UNKNOWN;
    if (*goes)
        return go_on(b, job, units, (size_t)taken, demand->ends && (size_t)taken == n, err);
    b->changes++; /* another build has trained it meanwhile */
    chain.n = taken;
    results_release(b->results, &chain);
    return OK;
}

static enum status try_to_go_on(struct build *b, struct job *job, const struct demand *demand,
                                struct error *err)
{
    enum status s;
    bool goes;

    if (!executor_wake(b->executor, job->task))
        return OK;
    s = try_units(b, job, demand, &goes, err);
    if (!goes)
        executor_rest(b->executor, job->task);
    return s;
}

/* The run that waits nearest before a demand, where no checkpoint that is kept is nearer. */
static struct job *find_before(const struct build *b, const struct unit *from)
{
    for (const struct unit *u = from; u; u = u->parent) {
        struct job *job = find_behind(b, u);
        if (job || u->kept)
            return job;
    }
    return NULL;
}

enum status waiting_serve(struct build *b, const struct demand *demand, bool *taken,
                          struct error *err)
{
    struct job *job = find_before(b, demand->from);
    const bool same = job && last_unit(job->run) == demand->from &&
                      digest_equal(&job->run->template->key, &demand->template->key);

    *taken = job && (same || !last_unit(job->run)->kept);
    if (!*taken || job->run->waiting != WAITS || job->ending)
        return OK;
    if (!same || (job->run->saves && !last_unit(job->run)->kept) || is_due(b, job->run))
        return save(b, job, err);
    return try_to_go_on(b, job, demand, err);
}

/* ---- making room ---- */

static bool may_be_asked(const struct build *b, const struct unit *u)
{
    for (size_t i = 0; i < b->studies.n; i++) {
        const int node = b->studies.nodes[i];
        if (plan_state(b->plan, node) == PLAN_BUSY && study_may_go_on(b->work[node]->study, u))
            return true;
    }
    return false;
}

/* Nothing more is asked of it, and no study keeps its checkpoint. */
static bool is_useless(const struct build *b, const struct unit *u)
{
    for (size_t i = 0; i < b->studies.n; i++)
        if (study_may_keep(b->work[b->studies.nodes[i]]->study, u))
            return false;
    return true;
}

void waiting_for_slot(struct build *b, const struct request *r, enum slot slot)
{
    b->later |= slot == SLOT_LATER;
    if (slot != SLOT_HELD)
        return;
    b->held_wanted = true;
    b->lacking = r->action->resources;
}

/* Whether what it holds while it waits may be what is wanted: a card of a class that suits. */
static bool holds(const struct build *b, const struct job *job)
{
    const struct resources *r = &graph_node(b->graph, job->node)->action.resources;
    const struct resources *wanted = &b->lacking;
    const bool suits = !r->gpu || !wanted->gpu || strcmp(r->gpu, wanted->gpu) == 0;

    return (wanted->gpus > 0 && r->gpus > 0 && suits) || (wanted->memory > 0 && r->memory > 0);
}

/* Of those that wait (and hold something), how many do and which one waits longest. *leaving: one
 * is told to end already. */
static struct job *longest(const struct build *b, bool that_hold, int *n, bool *leaving)
{
    struct job *first = NULL;

    *n = 0;
    *leaving = false;
    for (struct job *job = b->jobs; job; job = job->next) {
        if (!waiting_is(job) || (that_hold && !holds(b, job)))
            continue;
        *leaving |= job->run->waiting >= WAITS_SAVING;
        if (job->run->waiting != WAITS)
            continue;
        (*n)++;
        if (!first || job->run->waits_since <= first->run->waits_since)
            first = job;
    }
    return first;
}

/* Those that wait longest make room for others. */
static enum status make_room(struct build *b, struct error *err)
{
    const int most = b->o->waiting > 0 ? b->o->waiting : 2 * b->o->jobs;
    struct job *job;
    bool leaving;
    int n;

    while ((job = longest(b, false, &n, &leaving)) && n > most)
        TRY(waiting_end(b, job, err));
    if (job && !leaving && executor_is_short(b->executor))
        TRY(waiting_end(b, job, err));
    if (b->held_wanted && (job = longest(b, true, &n, &leaving)) && !leaving)
        TRY(waiting_end(b, job, err));
    b->held_wanted = false;
    return OK;
}

enum status waiting_sort(struct build *b, bool goes_on, struct error *err)
{
    for (struct job *job = b->jobs; job; job = job->next) {
        const struct unit *u;
        if (!waiting_is(job) || job->run->waiting != WAITS)
            continue;
        u = last_unit(job->run);
        if (!goes_on)
            TRY(waiting_end(b, job, err));
        else if (!may_be_asked(b, u))
            TRY(is_useless(b, u) ? stop(b, job, err) : waiting_end(b, job, err));
        else if (job->run->saves)
            TRY(save(b, job, err));
    }
    return make_room(b, err);
}

/* Of a run that was told to end, when its last unit's checkpoint is kept or is not wanted. */
static enum status keep_log(struct build *b, const struct job *job, struct error *err)
{
    const struct files files = {.log = job->task->log};
    const struct unit *u = last_unit(job->run);
    enum put_outcome outcome;
    struct result r;

    TRY(run_result(b, u, job->label, u->reports, run_measured(u), b->arena, &r, err));
    return results_publish(b->results, &r, &files, &outcome, err);
}

enum status waiting_finish(struct build *b, struct job *job, const struct executor_event *end,
                           bool *saved, struct error *err)
{
    struct run *run = job->run;
    enum status s = OK;

    *saved = false;
    b->changes++;
    if (job->timed_out)
        progress_warning(b->progress, "%s waited, and did not do what it was told within its time",
                         job->label);
    if (run->waiting == WAITS_ENDING && !end->lost)
        s = keep_log(b, job, err);
    else if (run->waiting == WAITS_SAVING && !end->lost && !job->timed_out && end->exit_code == 0)
        s = keep(b, job, named(run) ? named(run) : job->task->out, err);
    else
        return OK;
    *saved = s == OK;
    if (s == ERR_FAILED || s == ERR_NOT_FOUND) /* it is made again where it is wanted */
        s = OK;
    return s;
}
