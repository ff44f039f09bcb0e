/* job: between what the build knows of a node and what the executor is told. */
#include "engine/execution/job.h"

#include <string.h>

#include "base/arena.h"
#include "engine/process/runner.h"

struct job *job_open(int node, const char *label)
{
    struct arena *arena = arena_open();
    struct job *job = arena ? arena_alloc(arena, sizeof *job) : NULL;

    if (!job) {
        arena_close(arena);
        return NULL;
    }
    job->arena = arena;
    job->node = node;
    job->label = label;
    return job;
}

void job_close(struct build *b, struct job *job, bool keep_folder)
{
    for (struct job **j = &b->jobs; *j; j = &(*j)->next)
        if (*j == job) {
            *j = job->next;
            break;
        }
    if (job->task)
        executor_close(b->executor, job->task, keep_folder);
    arena_close(job->arena);
}

enum status job_request(struct build *b, struct job *job, int others, struct request *out,
                        struct error *err)
{
    const struct node *node = graph_node(b->graph, job->node);
    const struct action *a = &node->action;
    const struct work *w = work_of(b, job->node);

    *out = (struct request){.label = job->label,
                            .where = node->where,
                            .action = a,
                            .inputs = arena_array(job->arena, a->n_inputs + 1, sizeof *out->inputs),
                            .others = others};
    if (!out->inputs || !w)
        return error_memory(err);
    out->key = &w->key;
    job->key = w->key;
    out->identity = w->identity;
    for (size_t i = 0; i < a->n_inputs; i++)
        out->inputs[i] = &work_of(b, a->inputs[i].node)->content;
    return OK;
}

enum status job_start(struct build *b, struct job *job, const struct request *r,
                      enum start_outcome *outcome, int *lost, struct error *err)
{
    const struct work *w = work_of(b, job->node);
    struct request watched = *r;
    size_t input;

    *lost = -1;
    watched.watched = w->watched && digest_equal(&job->key, &w->watched_key);
    TRY(executor_start(b->executor, &watched, &job->task, outcome, &input, err));
    if (*outcome == START_LOST_INPUT)
        *lost = r->action->inputs[input].node;
    if (*outcome != START_STARTED)
        return OK;
    job->task->owner = job;
    job->started_ns = runner_now_ns();
    job->next = b->jobs;
    b->jobs = job;
    b->counts.ran++;
    job_wind(b, job);
    progress_verbose(b->progress, "start %s", job->label);
    return OK;
}

void job_end(struct build *b, struct job *job)
{
    job->deadline_ns = 0;
    job->ending = true;
    executor_end(b->executor, job->task);
}

void job_wind(struct build *b, struct job *job)
{
    /* an audit asks for longer runs than the build did, and is no measure of time */
    const double seconds = graph_node(b->graph, job->node)->action.timeout * (b->audit ? 4 : 1);
    const double most = 1e9; /* thirty years: longer is never */

    job->deadline_ns = 0;
    if (seconds > 0 && seconds < most)
        job->deadline_ns = executor_now(b->executor) + (int64_t)(seconds * 1e9);
}

double job_seconds(const struct job *job)
{
    return (double)(runner_now_ns() - job->started_ns) / 1e9;
}

struct measured job_measured(const struct job *job, double seconds)
{
    const struct task *task = job->task;

    return (struct measured){.seconds = seconds,
                             .gpu_seconds = task->gpus * seconds,
                             .isolation = task->isolation,
                             .seen = task->bound,
                             .n_seen = task->n_bound};
}

bool job_is_of(const struct job *job, const char *study, int *trial)
{
    const size_t n = strlen(study);
    struct error ignored;
    int64_t number = 0;

    *trial = 0;
    if (!job->run || strncmp(job->label, study, n) != 0 || job->label[n] != '/' ||
        text_parse_integer(job->label + n + 1, "", 0, INT32_MAX, &number, &ignored) != OK)
        return false;
    *trial = (int)number;
    return true;
}

enum status job_check_sources(struct build *b, const struct job *job, struct error *err)
{
    const struct node *node = graph_node(b->graph, job->node);

    for (size_t i = 0; i < node->action.n_inputs; i++) {
        const struct content *c = &work_of(b, node->action.inputs[i].node)->content;
        bool unchanged;
        if (c->origin != FROM_SOURCE)
            continue;
        TRY(source_unchanged(b->store, c->path, &c->source, &unchanged, err));
        if (!unchanged)
            return error_set(err, ERR_FAILED, c->path,
                             "it changed while %s read it: nothing was stored", job->label);
    }
    return OK;
}

enum status hold_claim(struct build *b, const struct chain *chain, struct error *err)
{
    struct chain *last = arena_push(b->arena, b->held, b->n_held, b->held_capacity);

    if (!last)
        return error_memory(err);
    *last = *chain;
    return OK;
}

/* What is claimed again is not let go any more: the rest of what was to be. */
static enum status keep_claimed(struct build *b, const struct chain *claimed, struct error *err)
{
    const int end = claimed->first + claimed->n;
    const size_t n = b->n_held;

    for (size_t i = 0; i < n; i++) {
        struct chain *held = &b->held[i], behind = *held;
        if (!digest_equal(&held->root, &claimed->root) || held->first >= end ||
            held->first + held->n <= claimed->first)
            continue;
        behind.first = end;
        behind.n = held->first + held->n - end;
        held->n = claimed->first > held->first ? claimed->first - held->first : 0;
        if (behind.n > 0)
            TRY(hold_claim(b, &behind, err));
    }
    return OK;
}

enum status claim_chain(struct build *b, const struct chain *chain, int *taken, struct error *err)
{
    struct chain claimed = *chain;

    TRY(results_claim(b->results, chain, taken, err));
    claimed.n = *taken;
    return *taken > 0 ? keep_claimed(b, &claimed, err) : OK;
}

struct chain chain_of_action(const struct digest *key)
{
    return (struct chain){.root = *key, .first = 0, .n = 1};
}
