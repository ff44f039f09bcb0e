/* run_outcome: a unit that a run has trained becomes a result. Start at run_result. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "engine/execution/job.h"
#include "engine/execution/run.h"
#include "engine/execution/run_state.h"

struct chain run_chain(const struct run *run, size_t i, size_t n)
{
    const struct unit *u = run->units[i];

    return (struct chain){.root = u->root->key, .first = u->t, .n = (int)n};
}

struct measured run_measured(const struct unit *u)
{
    return (struct measured){.seconds = u->seconds, .gpu_seconds = u->gpu_seconds};
}

enum status run_result(const struct build *b, const struct unit *u, const char *label,
                       const char *reports, struct measured took, struct arena *arena,
                       struct result *r, struct error *err)
{
    *r = (struct result){.key = u->key,
                         .kind = "unit",
                         .name = label,
                         .description = unit_description(u, arena),
                         .reports = reports,
                         .run = b->run,
                         .used_day = b->today};
    return r->description ? measured_put(&took, arena, r, err) : error_memory(err);
}

enum status run_published(struct build *b, const char *label, struct unit *u,
                          const struct result *r, const struct numbers *numbers,
                          enum put_outcome outcome, struct error *err)
{
    const bool differs = outcome == PUT_DIFFERENT, was_accepted = unit_is_accepted(u);

    u->result = u->key;
    u->by_hand = u->parent && u->parent->by_hand;
    b->counts.marked += differs;
    if (differs && u->reports && strcmp(u->reports, r->reports) != 0)
        progress_warning(b->progress, "%s is not reproducible: t = %d was %s, and now is %s", label,
                         u->t, u->reports, r->reports);
    else if (differs)
        progress_warning(b->progress,
                         "%s is not reproducible: t = %d has given two different results", label,
                         u->t);
    if (u->state != UNIT_KNOWN) {
        struct measured took;
        TRY(measured_get(r, b->arena, &took, err));
        if (b->audit) { /* what is on record may have been handed on instead */
            u->ended = strcmp(r->reports, UNIT_ENDED) == 0;
            TRY(unit_read_report(b->units, u, u->ended ? "{}" : r->reports, err));
            u->reports = r->reports;
        } else {
            TRY(unit_report(b->units, u, r->reports, numbers, err));
        }
        u->state = UNIT_KNOWN;
        u->seconds = took.seconds;
        u->gpu_seconds = took.gpu_seconds;
        u->run = b->run;
    }
    u->bare |= r->has_log && !r->has_tree;
    /* The first tree stays, where it is there; where it is gone, or was another key's, what was
     * made again stands for it, under its own digest. */
    if (r->has_tree && !(differs && u->kept && !was_accepted)) {
        u->checkpoint = r->tree;
        u->has_checkpoint = u->kept = true;
    }
    return OK;
}

static enum status try_to_adopt(struct build *b, struct unit *u, const char *label, const char *log,
                                struct arena *scratch, struct error *err)
{
    enum put_outcome outcome;
    struct result r;
    bool adopted;

    TRY(run_result(b, u, label, u->reports, run_measured(u), scratch, &r, err));
    TRY(results_adopt(b->results, &r, log, &adopted, &outcome, err));
    return adopted ? run_published(b, label ? label : "a trial", u, &r, NULL, outcome, err) : OK;
}

enum status run_adopt(struct build *b, struct unit *u, const char *label, const char *log,
                      struct error *err)
{
    struct arena *scratch;
    enum status s;

    if (u->state != UNIT_KNOWN || u->kept)
        return OK;
    if (!(scratch = arena_open()))
        return error_memory(err);
    s = try_to_adopt(b, u, label, log, scratch, err); /* over and over, while another run lives */
    arena_close(scratch);
    return s;
}

enum status run_keep(struct build *b, const struct job *job, const char *reports,
                     struct measured took, const struct numbers *numbers, const char *folder,
                     bool *has_tree, struct error *err)
{
    struct unit *u = job->run->units[job->run->n - 1];
    const struct files files = {.folder = folder,
                                .log = job->run->ended ? job->task->log : NULL,
                                .empty_is_none =
                                    !graph_node(b->graph, job->node)->action.stateless};
    enum put_outcome outcome;
    struct result r;

    TRY(job_check_sources(b, job, err));
    TRY(run_result(b, u, job->label, reports, took, b->arena, &r, err));
    TRY(results_publish(b->results, &r, &files, &outcome, err));
    *has_tree = r.has_tree;
    return run_published(b, job->label, u, &r, numbers, outcome, err);
}

void run_say(struct build *b, const struct job *job)
{
    const struct run *run = job->run;
    const struct unit *u = run->units[run->n - 1];
    struct error ignored; /* a report without the metric: the study says so */
    double value;

    if (run->metric && unit_value(u, run->metric, &value, &ignored) == OK && isfinite(value))
        progress_done(b->progress, "%s t = %d %s %.4g (%.1f s)", job->label, u->t, run->metric,
                      value, job_seconds(job));
    else
        progress_done(b->progress, "%s t = %d (%.1f s)", job->label, u->t, job_seconds(job));
}
