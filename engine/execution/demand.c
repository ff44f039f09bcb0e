/* demand: study by study. Start at demand_decide, then demand_serve. */
#include "engine/execution/demand.h"

#include "base/arena.h"
#include "engine/execution/audit.h"
#include "engine/execution/failure.h"
#include "engine/execution/job.h"
#include "engine/execution/resolve.h"
#include "engine/execution/run.h"
#include "engine/execution/waiting.h"

/* Of a study: undecided; of a best node: it waits for its checkpoint. */
static bool is_open(const struct build *b, int node)
{
    return plan_state(b->plan, node) == PLAN_BUSY;
}

/* ---- decide ---- */

static void count_accepted(void *context, int trial, struct unit *u)
{
    (void)trial;
    *(int *)context += u->state == UNIT_UNKNOWN;
}

/* Trials that failed in an earlier build: nothing else would tell how to try them again. */
static void say_accepted(struct build *b, int node)
{
    int n = 0;

    study_units(work_of(b, node)->study, count_accepted, &n);
    if (n > 0 && !b->replays)
        progress_line(b->progress,
                      "%s: %d trial%s failed in an earlier build and %s not tried again "
                      "(--retry-failed does)",
                      graph_label(b->graph, node), n, n > 1 ? "s" : "", n > 1 ? "are" : "is");
}

/* A parameter that was forgotten on the way to the program makes a search that searches nothing. */
static enum status say_twins(struct build *b, int node, struct error *err)
{
    const char *names;
    int first, second;

    if (b->replays)
        return OK;
    TRY(study_twins(work_of(b, node)->study, b->arena, &first, &second, &names, err));
    if (first >= 0 && names[0])
        progress_line(b->progress,
                      "%s: trials %d and %d are one: they differ in %s, which reaches nothing that "
                      "trial(p) returns",
                      graph_label(b->graph, node), first, second, names);
    return OK;
}

enum status demand_decide(struct build *b, struct error *err)
{
    for (size_t i = 0; i < b->studies.n; i++) {
        const int node = b->studies.nodes[i];
        bool decided = false;
        enum status s;
        if (!is_open(b, node))
            continue;
        s = study_advance(work_of(b, node)->study, &decided, err);
        if (s == ERR_FAILED) { /* it takes what needs it along; the rest of the build may finish */
            progress_line(b->progress, "failed: %s: %s", graph_label(b->graph, node), err->text);
            node_failed(b, node);
            continue;
        }
        TRY(s);
        if (!decided)
            continue;
        say_accepted(b, node);
        TRY(say_twins(b, node, err));
        TRY(node_done(b, node, err));
    }
    return OK;
}

/* ---- serve ---- */

/* All demands of all studies. */
struct demands {
    struct demand *runs;
    int *studies; /* of each */
    size_t n, capacity, study_capacity;
};

static enum status collect(struct build *b, struct arena *arena, struct demands *all,
                           struct error *err)
{
    for (size_t i = 0; i < b->studies.n; i++) {
        const int node = b->studies.nodes[i];
        struct demand *runs;
        size_t n;
        if (!is_open(b, node))
            continue;
        TRY(study_demands(work_of(b, node)->study, arena, &runs, &n, err));
        for (size_t k = 0; k < n; k++) {
            size_t n_studies = all->n;
            int *study = arena_push(arena, all->studies, n_studies, all->study_capacity);
            struct demand *run = arena_push(arena, all->runs, all->n, all->capacity);
            if (!study || !run)
                return error_memory(err);
            *study = node;
            *run = runs[k];
        }
    }
    return OK;
}

/* One demand: its template's inputs first, then a run. */
static enum status serve(struct build *b, int study, const struct demand *demand, bool starts,
                         int others, struct error *err)
{
    const bool keyed = demand->template->keyed;
    struct work *trial = work_of(b, demand->template->node);
    bool failed, refused;

    TRY(resolve_template(b, demand->template, &failed, err));
    if (failed) {
        node_failed(b, study);
        return OK;
    }
    if (!starts || !keyed || !demand->template->keyed) /* of a new key it is not known how far */
        return OK;
    if (trial && !trial->label) /* once: who waits comes here over and over */
        trial->label = arena_printf(b->arena, "%s/%d", graph_label(b->graph, study), demand->trial);
    if (!trial || !trial->label)
        return error_memory(err);
    TRY(run_start(b, trial->label, demand, others, &refused, err));
    if (refused)
        failure_refuse(b, trial->label, study, err->text);
    return OK;
}

static void end_unwanted(struct build *b, const struct demands *demands)
{
    for (struct job *job = b->jobs; job; job = job->next) {
        bool serves = !job->run || run_is_remake(job) || waiting_is(job) || run_ends_itself(job);
        for (size_t i = 0; i < demands->n && !serves; i++)
            serves = run_serves(job, &demands->runs[i]);
        if (!serves && !job->unwanted) {
            job->unwanted = true;
            job_end(b, job);
        }
    }
}

/* Runs that wait go on before others start. */
static enum status serve_waiting(struct build *b, struct demands *demands, struct error *err)
{
    size_t left = 0;

    for (size_t i = 0; i < demands->n; i++) {
        bool taken = false;
        if (demands->runs[i].template->keyed && is_open(b, demands->studies[i]))
            TRY(waiting_serve(b, &demands->runs[i], &taken, err));
        if (taken)
            continue;
        demands->runs[left] = demands->runs[i];
        demands->studies[left++] = demands->studies[i];
    }
    demands->n = left;
    return OK;
}

enum status demand_serve(struct build *b, bool may_start, struct error *err)
{
    struct arena *arena = arena_open();
    struct demands demands = {0};
    enum status s;

    if (!arena)
        return error_memory(err);
    s = collect(b, arena, &demands, err);
    if (s == OK && may_start && !audit_cuts(b))
        end_unwanted(b, &demands);
    if (s == OK && may_start)
        s = serve_waiting(b, &demands, err);
    for (size_t i = 0; i < demands.n && s == OK; i++)
        if (is_open(b, demands.studies[i]))
            s = serve(b, demands.studies[i], &demands.runs[i],
                      may_start && executor_has_slot(b->executor), (int)(demands.n - i) - 1, err);
    if (s == OK)
        s = waiting_sort(b, may_start, err);
    arena_close(arena);
    return s;
}

/* ---- again ---- */

enum status demand_find_rerun(struct build *b, struct unit **u, struct error *err)
{
    const struct rerun *r = &b->rerun;

    *u = study_unit(work_of(b, r->study)->study, r->trial, r->t);
    return *u ? OK
              : error_set(err, ERR_INPUT, "--rerun", "the study has no unit \"%s\"", b->o->rerun);
}

static enum status rerun_unit(struct build *b, struct error *err)
{
    const struct rerun *r = &b->rerun;
    struct unit *u;
    bool started;

    if (r->study < 0 || plan_state(b->plan, r->study) != PLAN_DONE)
        return OK;
    TRY(demand_find_rerun(b, &u, err));
    TRY(run_again(b, b->o->rerun, u, &started, err));
    if (started)
        b->rerun.study = -1;
    return OK;
}

enum status demand_again(struct build *b, struct error *err)
{
    size_t left = 0;

    if (!executor_has_slot(b->executor))
        return OK;
    for (size_t i = 0; i < b->remakes.n; i++) {
        const int node = b->remakes.nodes[i];
        bool refused;
        if (!is_open(b, node))
            continue;
        b->remakes.nodes[left++] = node;
        TRY(run_remake(b, node, &refused, err));
        if (refused)
            failure_refuse(b, graph_label(b->graph, node), node, err->text);
    }
    b->remakes.n = left;
    return rerun_unit(b, err);
}
