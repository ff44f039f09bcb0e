/* ended: what a task leaves that ends by itself. Start at ended_script. */
#include "engine/execution/ended.h"

#include "base/arena.h"
#include "engine/execution/job.h"
#include "engine/execution/retain.h"
#include "engine/execution/run_state.h"
#include "engine/execution/script.h"
#include "engine/execution/verdict.h"
#include "engine/execution/waiting.h"
#include "engine/process/runner.h"

static const struct action *action_of(const struct build *b, const struct job *job)
{
    return &graph_node(b->graph, job->node)->action;
}

/* ---- the end as a result ---- */

/* The unit that was not reported. */
static enum status find_end(struct build *b, const struct run *run, struct unit **end,
                            struct error *err)
{
    if (run->reported < run->n) {
        *end = run->units[run->reported];
        return OK;
    }
    return unit_get(b->units, run->template, run->units[run->n - 1], end, err);
}

/* files NULL: there are none. ERR_FAILED: it has reported that unit before. */
static enum status publish(struct build *b, const struct job *job, struct unit *end,
                           const struct files *files, struct error *err)
{
    const double seconds = (double)(runner_now_ns() - job->run->line_ns) / 1e9;
    const struct numbers none = {0};
    enum put_outcome outcome;
    struct result r;

    if (end->state == UNIT_KNOWN && !end->ended)
        return error_set(err, ERR_FAILED, "",
                         "it ended with status 0 without the report of t = %d, which is known from "
                         "before: it is not reproducible",
                         end->t);
    TRY(run_result(b, end, job->label, UNIT_ENDED, job_measured(job, seconds), b->arena, &r, err));
    TRY(results_publish(b->results, &r, files, &outcome, err));
    TRY(run_published(b, job->label, end, &r, &none, outcome, err));
    end->ended = true;
    if (job->run->script && job->run->reported >= job->run->claimed) /* nothing more was wanted */
        progress_done(b->progress, "%s ended (%.1f s)", job->label, job_seconds(job));
    else
        progress_done(b->progress, "%s ended by itself behind t = %d (%.1f s)", job->label,
                      end->t - 1, job_seconds(job));
    return OK;
}

/* ---- trainers ---- */

bool ended_may(const struct build *b, const struct job *job)
{
    const struct run *run = job->run;

    return action_of(b, job)->may_end && run->reported < run->n && (run->reported > 0 || run->from);
}

/* The checkpoint of the last unit that it has reported: as of a run that ends there. */
static enum status keep_checkpoint(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;
    struct unit *u = run->units[run->reported - 1];
    bool has_tree;

    if (run->held && run->held_unit != u) /* an older one: insurance as ever */
        return OK;
    run->n = run->reported;
    TRY(run_keep(b, job, u->reports, job_measured(job, u->seconds), NULL,
                 run->held ? run->held : job->task->out, &has_tree, err));
    return run->begun && u->kept ? retain_replaced(b, run->begun, err) : OK;
}

enum status ended_keep(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;
    struct unit *end = run->units[run->reported];

    if (run->reported > 0)
        TRY(keep_checkpoint(b, job, err));
    return publish(b, job, end, NULL, err);
}

/* ---- scripts ---- */

/* The log is kept with the last unit that its trial hears of: what comes behind has no name. */
static enum status keep_log(struct build *b, const struct job *job, struct error *err)
{
    const struct run *run = job->run;
    const size_t n = run->reported < run->claimed ? run->reported : run->claimed;
    struct unit *u = n > 0 ? run->units[n - 1] : run->from;
    const struct files files = {.log = job->task->log};
    enum put_outcome outcome;
    struct result r;
    enum status s;

    if (!u)
        return OK;
    TRY(run_result(b, u, job->label, u->reports, run_measured(u), b->arena, &r, err));
    s = results_publish(b->results, &r, &files, &outcome, err);
    return s == ERR_FAILED || s == ERR_NOT_FOUND ? OK : s; /* a log is no result */
}

static enum status leave(struct build *b, struct job *job, struct error *err)
{
    TRY(keep_log(b, job, err));
    b->changes++;
    if (!waiting_is(job))
        return run_let_go(b, job, false, err);
    job_close(b, job, false);
    return OK;
}

bool ended_counts(const struct job *job)
{
    const struct run *run = job->run;

    return !run || !run->script || run->purpose != FOR_STUDY || run->reported < run->n;
}

/* What comes behind the units that were wanted fails nobody; neither does what happens while it
 * should stand still: it is begun anew where more is wanted, and fails there. */
static enum status fail(struct build *b, struct job *job, const char *sentence, struct error *err)
{
    if (ended_counts(job))
        return run_fail(b, job, sentence, err);
    if (sentence && !waiting_is(job))
        progress_warning(b->progress, "%s: behind its last t, which counts: %s", job->label,
                         sentence);
    return leave(b, job, err);
}

static const char *said(struct build *b, const struct error *err)
{
    return arena_printf(b->arena, "%s%s%s", err->where, err->where[0] ? ": " : "", err->text);
}

static enum status keep_whole(struct build *b, struct job *job, struct unit **end,
                              struct error *err)
{
    const struct action *a = action_of(b, job);
    const struct files files = {.folder = a->n_outputs ? job->task->dir : job->task->out,
                                .names = a->n_outputs ? a->outputs : NULL,
                                .n_names = a->n_outputs,
                                .empty_is_none = true};

    TRY(job_check_sources(b, job, err));
    TRY(find_end(b, job->run, end, err));
    return publish(b, job, *end, &files, err);
}

/* It has ended with 0. */
static enum status finish_whole(struct build *b, struct job *job, struct error *err)
{
    const struct run *run = job->run;
    const int best_node = run->purpose == FOR_BEST ? run->best_node : -1;
    struct unit *end;
    enum status s;

    if (run->reported == 0 && !run->from)
        return run_fail(b, job, script_missing(b, job), err);
    if (run->reported < run->n && !ended_may(b, job))
        return run_fail(b, job, run_missing_report(b, run), err);
    s = keep_whole(b, job, &end, err);
    if (s == ERR_FAILED || s == ERR_NOT_FOUND)
        return fail(b, job, said(b, err), err);
    TRY(s);
    TRY(leave(b, job, err));
    if (best_node < 0)
        return OK;
    work_of(b, best_node)->best = end;
    return run_best_done(b, best_node, err);
}

enum status ended_script(struct build *b, struct job *job, const struct executor_event *end,
                         struct error *err)
{
    const struct run *run = job->run;
    const bool by_itself = !job->ending && !end->lost && !b->interrupted;
    const bool ended = by_itself && end->exit_code == 0;
    const char *sentence;
    bool again;

    if (by_itself)
        TRY(script_finish(b, job, ended, err));
    for (size_t i = 0; i < run->claimed && !waiting_is(job); i++)
        run->units[i]->running = false;
    if (job->unwanted || b->interrupted || end->lost || run->waiting >= WAITS_SAVING)
        return leave(b, job, err);
    if (run->wrong)
        return fail(b, job, run->wrong, err);
    if (!ended) {
        TRY(verdict_find(b, job, end, &again, &sentence, err));
        return again ? leave(b, job, err) : fail(b, job, sentence, err);
    }
    return finish_whole(b, job, err);
}
