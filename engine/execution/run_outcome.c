/* run_outcome: a unit that a run has trained becomes a result. Start at run_result. */
#include <string.h>

#include "base/arena.h"
#include "engine/execution/job.h"
#include "engine/execution/run_state.h"

struct chain run_chain(const struct run *run, size_t i, size_t n)
{
    const struct unit *u = run->units[i];

    return (struct chain){.root = u->root->key, .first = u->t, .n = (int)n};
}

enum status run_result(const struct build *b, const struct unit *u, const char *label,
                       const char *reports, double seconds, struct result *r, struct error *err)
{
    *r = (struct result){.key = u->key,
                         .kind = "unit",
                         .name = label,
                         .description = unit_description(u, b->arena),
                         .reports = reports,
                         .seconds = seconds,
                         .run = b->run,
                         .used_day = b->today};
    return r->description ? OK : error_memory(err);
}

enum status run_published(struct build *b, const char *label, struct unit *u,
                          const struct result *r, const struct numbers *numbers,
                          enum put_outcome outcome, struct error *err)
{
    const bool differs = outcome == PUT_DIFFERENT;

    b->counts.marked += differs;
    if (differs && u->reports && strcmp(u->reports, r->reports) != 0)
        progress_warning(b->progress, "%s is not reproducible: t = %d was %s, and now is %s", label,
                         u->t, u->reports, r->reports);
    else if (differs)
        progress_warning(b->progress,
                         "%s is not reproducible: t = %d has given two different results", label,
                         u->t);
    if (u->state != UNIT_KNOWN) {
        TRY(unit_report(b->units, u, r->reports, numbers, err));
        u->state = UNIT_KNOWN;
        u->seconds = r->seconds;
        u->run = b->run;
    }
    u->bare |= r->has_log && !r->has_tree;
    /* The first tree stays, where it is there; where it is gone, what was made again stands for it
     * under its own digest. */
    if (r->has_tree && !(differs && u->kept)) {
        u->checkpoint = r->tree;
        u->has_checkpoint = u->kept = true;
    }
    return OK;
}

enum status run_keep(struct build *b, const struct job *job, const char *reports, double seconds,
                     const struct numbers *numbers, const char *folder, bool *has_tree,
                     struct error *err)
{
    struct unit *u = job->run->units[job->run->n - 1];
    const struct files files = {.folder = folder,
                                .log = job->run->ended ? job->task->log : NULL,
                                .empty_is_none =
                                    !graph_node(b->graph, job->node)->action.stateless};
    enum put_outcome outcome;
    struct result r;

    TRY(job_check_sources(b, job, err));
    TRY(run_result(b, u, job->label, reports, seconds, &r, err));
    TRY(results_publish(b->results, &r, &files, &outcome, err));
    *has_tree = r.has_tree;
    return run_published(b, job->label, u, &r, numbers, outcome, err);
}
