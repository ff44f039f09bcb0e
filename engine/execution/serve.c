/*
 * serve: the reports of a run. A report comes one way: bytes → line → report → unit; the loop then
 * lets studies advance. Start at run_take.
 */
#include <string.h>

#include "base/arena.h"
#include "engine/execution/job.h"
#include "engine/execution/report.h"
#include "engine/execution/run.h"
#include "engine/execution/run_state.h"
#include "engine/execution/script.h"
#include "engine/execution/waiting.h"
#include "engine/process/runner.h"

enum { SHOWN = 200 }; /* bytes of a line in a message */

enum status run_wrong(struct build *b, struct job *job, const char *sentence)
{
    job->run->wrong = sentence ? sentence : "out of memory";
    job_end(b, job);
    return OK;
}

static int last_claimed(const struct run *run)
{
    return run->units[0]->t + (int)run->claimed - 1;
}

/* A unit before the last is known now. What was known before must be the same. */
static enum status keep_report(struct build *b, struct job *job, struct unit *u, const char *text,
                               const struct numbers *numbers, struct error *err)
{
    struct chain chain = {.root = u->root->key, .first = u->t, .n = 1};
    enum put_outcome outcome;
    struct result r;

    TRY(run_result(b, u, job->label, text, job_measured(job, job->run->seconds), b->arena, &r,
                   err));
    TRY(results_publish(b->results, &r, NULL, &outcome, err));
    TRY(run_published(b, job->label, u, &r, numbers, outcome, err));
    return u->t <= last_claimed(job->run) ? hold_claim(b, &chain, err) : OK;
}

static bool was_named(const struct run *run, const char *folder)
{
    for (size_t i = 0; i < run->n_names; i++)
        if (strcmp(run->names[i], folder) == 0)
            return true;
    return false;
}

enum status run_name_checkpoint(struct build *b, struct job *job, const char *name,
                                const char **out, struct error *err)
{
    struct run *run = job->run;
    const char *folder, **names;

    TRY(results_locate(b->results, job->task->out, name, job->arena, &folder, err));
    if (was_named(run, folder))
        return error_set(err, ERR_FAILED, "",
                         "it named the checkpoint \"%s\" before: each needs a folder of its own",
                         name);
    if (!(names = arena_push(job->arena, run->names, run->n_names, run->name_capacity)))
        return error_memory(err);
    *names = *out = folder;
    return OK;
}

/* The folder that a line named, which is kept where its unit is not the last. */
static enum status hold_checkpoint(struct build *b, struct job *job, const struct unit *u,
                                   const char *name, bool last, const char **out, struct error *err)
{
    TRY(run_name_checkpoint(b, job, name, out, err));
    return last ? OK : results_hold(b->results, &u->key, *out, err);
}

/* The newest checkpoint that a line named: the one before is not needed any more. */
static enum status take_checkpoint(struct build *b, struct job *job, struct unit *u,
                                   const char *name, bool last, struct error *err)
{
    struct run *run = job->run;
    const char *folder = NULL;
    const enum status s = hold_checkpoint(b, job, u, name, last, &folder, err);

    if (s == ERR_NOT_FOUND && !last) /* its trainer had a newer one by the time we read of it */
        return OK;
    TRY(s == ERR_NOT_FOUND ? ERR_FAILED : s);
    if (run->held)
        results_drop(b->results, &run->held_unit->key, run->ended ? NULL : run->held);
    run->held = folder;
    run->held_unit = u;
    return OK;
}

static void count_effort(struct build *b, const struct run *run, const struct unit *u)
{
    b->effort.spent += run->seconds;
    if (u->state == UNIT_KNOWN)
        return;
    b->effort.trained += run->seconds;
    b->effort.units++;
}

/* What the line says is right: the unit it is about comes next. */
static enum status take_unit(struct build *b, struct job *job, const struct report_line *line,
                             struct error *err)
{
    struct run *run = job->run;
    struct unit *u = run->units[run->reported];
    const bool final = run->reported + 1 == run->n;
    const bool waits = final && run->waiting == WAITS_NOT &&
                       (run->script ? run->pauses : run->speaks && line->more);
    /* it counts with status 0 */
    const bool last = final && !waits && !run->script && !run->over;
    const int64_t now = runner_now_ns();
    const char *text = arena_string(b->arena, line->text);

    if (!text)
        return error_memory(err);
    if (line->more == MORE_UNREADABLE && !run->script)
        return error_set(err, ERR_FAILED, "", "\"more\" of t = %d: expected true or \"save\"",
                         u->t);
    if (line->checkpoint)
        TRY(take_checkpoint(b, job, u, line->checkpoint, last, err));
    else if (last && run->held)
        return error_set(err, ERR_FAILED, "",
                         "it named a checkpoint before, and names none for its last t");
    TRY(job_check_sources(b, job, err));
    run->seconds = (double)(now - run->line_ns) / 1e9;
    run->line_ns = now;
    count_effort(b, run, u);
    if (run->waiting == WAITS_NOT)
        job_wind(b, job);
    run->reported++;
    work_of(b, job->node)->crowded = 0; /* its card had room */
    progress_verbose(b->progress, "%s %s", job->label, text);
    if (!last)
        TRY(keep_report(b, job, u, text, &line->numbers, err));
    if (waits)
        waiting_begin(b, job, line->more == MORE_AND_SAVES);
    if (final && run->over) {
        job->unwanted = true;
        job_end(b, job);
    }
    if (!last)
        return OK;
    TRY(report_copy(line, job->arena, &run->last, err));
    run->last.text = text; /* the unit's, which outlives the job */
    return OK;
}

const char *run_with_almost(struct build *b, const struct run *run, const char *sentence)
{
    if (!sentence || !run->almost)
        return sentence;
    return arena_printf(b->arena, "%s; of the line `%s`: %s", sentence, run->almost,
                        run->almost_why);
}

const char *run_missing_report(struct build *b, const struct run *run)
{
    const char *missing =
        arena_printf(b->arena, "it ended with status 0 without the report of t = %d",
                     run->units[run->reported]->t);

    if (missing && run->maybe && !run->almost && run->reported == 0)
        return arena_printf(b->arena, "%s; of the line `%s`: %s", missing, run->maybe,
                            run->maybe_why);
    return run_with_almost(b, run, missing);
}

/* A script does not know how far it should go: the unit behind the last. */
static enum status add_unit(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;

    if (run->n >= run->capacity) {
        struct unit **units = arena_array(job->arena, 2 * run->n, sizeof(struct unit *));
        if (!units)
            return error_memory(err);
        memcpy(units, run->units, run->n * sizeof(struct unit *));
        run->units = units;
        run->capacity = 2 * run->n;
    }
    TRY(unit_get(b->units, run->template, run->units[run->n - 1], &run->units[run->n], err));
    run->n++;
    return OK;
}

static enum status take_report(struct build *b, struct job *job, const struct report_line *line,
                               struct error *err)
{
    const struct run *run = job->run;
    enum status s;

    if (run->over && run->reported == run->n)
        return OK;
    if (run->script && run->reported == run->n)
        TRY(add_unit(b, job, err));
    if (run->reported == run->n)
        return run_wrong(b, job,
                         arena_printf(b->arena, "it reported t = %d after its last t = %d", line->t,
                                      run->units[run->n - 1]->t));
    if (line->t != run->units[run->reported]->t)
        return run_wrong(
            b, job,
            run_with_almost(b, run,
                            arena_printf(b->arena, "expected the report of t = %d, found t = %d",
                                         run->units[run->reported]->t, line->t)));
    s = take_unit(b, job, line, err);
    if (s == ERR_FAILED)
        return run_wrong(
            b, job,
            arena_printf(b->arena, "%s%s%s", err->where, err->where[0] ? ": " : "", err->text));
    return s;
}

/* The first line that looks like a report and is none is what its author will want to see. */
static enum status note_first(struct build *b, const char **first, const char **first_why,
                              const char *line, const char *why, struct error *err)
{
    if (*first)
        return OK;
    *first = arena_printf(b->arena, "%.*s%s", (int)SHOWN, line, strlen(line) > SHOWN ? "..." : "");
    *first_why = arena_string(b->arena, why);
    return *first && *first_why ? OK : error_memory(err);
}

enum status run_take_line(struct build *b, struct job *job, const char *line, size_t n,
                          struct error *err)
{
    struct arena *arena = arena_open();
    struct run *run = job->run;
    struct report_line report;
    enum line_kind kind;
    const char *why;
    enum status s;

    if (!arena)
        return error_memory(err);
    s = report_read(line, n, arena, &kind, &report, &why, err);
    if (s == OK && kind == LINE_REPORT && !run->wrong)
        s = take_report(b, job, &report, err);
    if (s == OK && kind == LINE_SAVED)
        s = waiting_saved(b, job, report.checkpoint, err);
    if (s == OK && kind == LINE_ALMOST)
        s = note_first(b, &run->almost, &run->almost_why, line, why, err);
    if (s == OK && kind == LINE_MAYBE)
        s = note_first(b, &run->maybe, &run->maybe_why, line, why, err);
    arena_close(arena);
    return s;
}

static enum status take_line(struct build *b, struct job *job, const char *line, size_t n,
                             struct error *err)
{
    if (job->run->script)
        return script_take_line(b, job, line, n, err);
    return run_take_line(b, job, line, n, err);
}

enum status run_take(struct build *b, struct job *job, const char *bytes, size_t n,
                     struct error *err)
{
    struct lines *lines = &job->run->lines;
    const bool said = lines->too_long;
    const char *line;
    size_t n_line;

    if (job->run->script && job->ending) /* what it says of a signal is no report */
        return OK;
    while (n > 0) {
        TRY(lines_take(lines, &bytes, &n, &line, &n_line, err));
        if (line)
            TRY(take_line(b, job, line, n_line, err));
    }
    if (lines->too_long && !said)
        progress_warning(b->progress, "%s: a line of more than %d bytes is log, never a report",
                         job->label, (int)LINES_MAX);
    return OK;
}

enum status run_take_rest(struct build *b, struct job *job, struct error *err)
{
    size_t n;
    const char *line = lines_rest(&job->run->lines, &n);

    return line && !(job->run->script && job->ending) ? take_line(b, job, line, n, err) : OK;
}
