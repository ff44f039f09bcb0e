/* waiting: who waits, who goes on, who saves. Start at waiting_begin. */
#include "engine/execution/waiting.h"

#include <stdio.h>

#include "base/arena.h"
#include "engine/execution/job.h"
#include "engine/execution/retain.h"
#include "engine/execution/run.h"
#include "engine/execution/run_state.h"
#include "engine/process/runner.h"

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

void waiting_begin(struct build *b, struct job *job)
{
    struct run *run = job->run;

    run->waiting = WAITS;
    run->waits_since = executor_now(b->executor);
    for (size_t i = 0; i < run->n; i++)
        run->units[i]->running = false;
    job->deadline_ns = 0;
    executor_rest(b->executor, job->task);
    run_say(b, job);
    b->changes++;
}

enum status waiting_end(struct build *b, struct job *job, struct error *err)
{
    if (job->run->waiting != WAITS)
        return OK;
    job->run->waiting = WAITS_SAVING;
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
static enum status go_on(struct build *b, struct job *job, struct unit **units, size_t n,
                         struct error *err)
{
    struct run *run = job->run;
    char line[32];

    run->from = last_unit(run);
    run->units = units;
    run->n = n;
    run->reported = 0;
    run->waiting = WAITS_NOT;
    run->went_on = true;
    for (size_t i = 0; i < n; i++)
        units[i]->running = true;
    run->line_ns = job->started_ns = runner_now_ns();
    job_wind(b, job);
    (void)snprintf(line, sizeof line, "{\"until\": %d}", units[n - 1]->t);
    return executor_say(b->executor, job->task, line, err);
}

/* Claims and the word, where there is room; *goes false: it waits on. */
static enum status try_units(struct build *b, struct job *job, int until, bool *goes,
                             struct error *err)
{
    struct unit **units;
    struct chain chain;
    size_t n;
    int taken;

    *goes = false;
    TRY(list_units(b, job, until, &units, &n, err));
    if (units[0]->running || units[0]->state != UNIT_UNKNOWN)
        return OK;
    chain = (struct chain){.root = units[0]->root->key, .first = units[0]->t, .n = (int)n};
    TRY(results_claim(b->results, &chain, &taken, err));
    if (taken == 0) {
        b->waits_for = job->label;
        return OK;
    }
    TRY(unit_refresh(b->units, units[0], err));
    *goes = units[0]->state == UNIT_UNKNOWN;
    if (*goes)
        return go_on(b, job, units, (size_t)taken, err);
    b->changes++; /* another build has trained it meanwhile */
    chain.n = taken;
    results_release(b->results, &chain);
    return OK;
}

static enum status try_to_go_on(struct build *b, struct job *job, int until, struct error *err)
{
    enum status s;
    bool goes;

    if (!executor_wake(b->executor, job->task))
        return OK;
    s = try_units(b, job, until, &goes, err);
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
    if (!*taken || job->run->waiting != WAITS)
        return OK;
    if (same && !job->run->saves)
        return try_to_go_on(b, job, demand->until, err);
    return waiting_end(b, job, err); /* its checkpoint is wanted */
}

/* ---- ending ---- */

static bool may_be_asked(const struct build *b, const struct unit *u)
{
    for (size_t i = 0; i < b->studies.n; i++) {
        const int node = b->studies.nodes[i];
        if (plan_state(b->plan, node) == PLAN_BUSY && study_may_go_on(b->work[node]->study, u))
            return true;
    }
    return false;
}

/* The one that waits longest, and how many do. */
static struct job *longest(const struct build *b, int *n)
{
    struct job *first = NULL;

    *n = 0;
    for (struct job *job = b->jobs; job; job = job->next) {
        if (!waiting_is(job) || job->run->waiting != WAITS)
            continue;
        (*n)++;
        if (!first || job->run->waits_since <= first->run->waits_since)
            first = job;
    }
    return first;
}

enum status waiting_sort(struct build *b, bool goes_on, struct error *err)
{
    const int most = b->o->waiting > 0 ? b->o->waiting : 2 * b->o->jobs;
    struct job *job;
    int n;

    for (job = b->jobs; job; job = job->next)
        if (waiting_is(job) &&
            (!goes_on || job->run->saves || !may_be_asked(b, last_unit(job->run))))
            TRY(waiting_end(b, job, err));
    while ((job = longest(b, &n)) && n > most)
        TRY(waiting_end(b, job, err));
    return OK;
}

/* The checkpoint of its last unit, which is known. */
static enum status keep_saved(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;
    struct unit *u = last_unit(run);
    const bool named = run->held && run->held_unit == u;
    const char *folder = named ? run->held : job->task->out;
    bool has_tree;

    TRY(run_keep(b, job, u->reports, u->seconds, NULL, folder, &has_tree, err));
    return run->begun && u->kept ? retain_replaced(b, run->begun, err) : OK;
}

enum status waiting_finish(struct build *b, struct job *job, const struct executor_event *end,
                           bool *saved, struct error *err)
{
    enum status s = OK;

    *saved =
        job->run->waiting == WAITS_SAVING && end->exit_code == 0 && !end->lost && !job->timed_out;
    if (*saved)
        s = keep_saved(b, job, err);
    *saved = *saved && s == OK;
    if (s == ERR_FAILED || s == ERR_NOT_FOUND) /* it is made again where it is wanted */
        s = OK;
    b->changes++;
    return s;
}
