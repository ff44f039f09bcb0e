/* action: claim, look again, start; then outputs, result. Start at action_start. */
#include "engine/execution/action.h"

#include "base/arena.h"
#include "cache/results/index.h"
#include "engine/execution/audit.h"
#include "engine/execution/failure.h"
#include "engine/execution/job.h"
#include "engine/execution/resolve.h"
#include "engine/execution/verdict.h"
#include "engine/execution/waiting.h"

static const struct action *action_of(struct build *b, int node)
{
    return &graph_node(b->graph, node)->action;
}

static void release(struct build *b, int node)
{
    const struct chain chain = chain_of_action(&work_of(b, node)->key);

    results_release(b->results, &chain);
}

/* Another node of this build is the same action, and runs: its result is this one's. */
static bool is_running(const struct build *b, const struct digest *key)
{
    for (const struct job *job = b->jobs; job; job = job->next)
        if (!job->run && digest_equal(&b->work[job->node]->key, key))
            return true;
    return false;
}

static enum status launch(struct build *b, struct job *job, const struct request *r,
                          struct error *err)
{
    const int node = job->node;
    enum start_outcome outcome;
    int lost;
    enum status s = job_start(b, job, r, &outcome, &lost, err);

    if (s == OK && outcome == START_STARTED)
        return OK;
    release(b, node);
    job_close(b, job, false);
    return s == OK ? node_lost(b, lost, node, err) : s;
}

/* There is room for it: the first to claim it makes it. */
static enum status claim_and_start(struct build *b, struct job *job, const struct request *r,
                                   bool *waits, struct error *err)
{
    const int node = job->node;
    const struct chain chain = chain_of_action(r->key);
    bool known;
    int taken;
    enum status s = claim_chain(b, &chain, &taken, err);

    if (s != OK || taken == 0) {
        *waits = s == OK;
        if (*waits)
            b->waits_for = job->label;
        job_close(b, job, true);
        return s;
    }
    s = resolve_again(b, node, &known, err); /* another build may have made it since we looked */
    if (s == OK && !known)
        return launch(b, job, r, err);
    if (s == OK)
        s = hold_claim(b, &chain, err); /* what this build made may not be durable yet */
    job_close(b, job, true);
    return s;
}

static enum status refuse(struct build *b, int node, struct job *job, const char *sentence)
{
    failure_refuse(b, job->label, node, sentence);
    job_close(b, job, true);
    return OK;
}

enum status action_start(struct build *b, int node, int others, bool *waits, struct error *err)
{
    struct job *job;
    struct request r;
    enum slot slot;
    enum status s;

    *waits = is_running(b, &work_of(b, node)->key);
    if (*waits)
        return OK;
    if (!(job = job_open(node, graph_label(b->graph, node))))
        return error_memory(err);
    s = job_request(b, job, others, &r, err);
    if (s == OK)
        s = executor_slot(b->executor, &r, &slot, err);
    if (s == OK && slot == SLOT_FREE)
        return claim_and_start(b, job, &r, waits, err);
    if (s == OK && slot == SLOT_REFUSED)
        return refuse(b, node, job, err->text);
    *waits = s == OK;
    if (*waits)
        waiting_for_slot(b, &r, slot);
    job_close(b, job, true);
    return s;
}

/* The result of a key that has two is the first, where its files are still there. */
static enum status take_first(struct build *b, struct work *w, struct error *err)
{
    struct result first;
    const enum status s = index_result_get(b->store, &w->key, b->arena, &first, err);

    if (s == OK && first.has_tree && first.kept)
        w->content.digest = first.tree;
    return s == ERR_NOT_FOUND ? OK : s;
}

static enum status keep_result(struct build *b, struct job *job, struct error *err)
{
    struct work *w = work_of(b, job->node);
    const struct action *a = action_of(b, job->node);
    struct files files = {.folder = job->task->dir,
                          .names = a->fetch ? NULL : a->outputs,
                          .n_names = a->n_outputs,
                          .log = job->task->log};
    struct result r = {.key = w->key,
                       .kind = a->kind,
                       .name = job->label,
                       .description = w->description,
                       .run = b->run,
                       .used_day = b->today};
    const struct measured took = job_measured(job, job_seconds(job));
    enum put_outcome outcome;

    TRY(measured_put(&took, b->arena, &r, err));
    TRY(results_publish(b->results, &r, &files, &outcome, err));
    w->seconds = r.seconds;
    if (outcome == PUT_DIFFERENT) {
        b->counts.marked++;
        progress_warning(b->progress,
                         "%s is not reproducible: the same key has given two different results",
                         job->label);
    }
    w->content = (struct content){.origin = FROM_STORE, .digest = r.tree};
    return outcome == PUT_DIFFERENT && !b->audit ? take_first(b, w, err) : OK;
}

/* It is made again; that it ended was not its fault, or may not be so again. */
static enum status try_again(struct build *b, struct job *job, struct error *err)
{
    const int node = job->node;

    release(b, node);
    job_close(b, job, b->o->keep_failed);
    return plan_ready(b->plan, node, err);
}

/* Says what went wrong, and keeps it with the log. */
static enum status fail(struct build *b, struct job *job, const char *sentence, struct error *err)
{
    struct work *w = work_of(b, job->node);
    const struct chain chain = chain_of_action(&w->key);
    bool taken;

    if (!sentence)
        return error_memory(err);
    if (w->failures++ < action_of(b, job->node)->retries) {
        progress_line(b->progress, "again: %s: %s", job->label, sentence);
        return try_again(b, job, err);
    }
    failure_tell(b, job, sentence, NULL);
    TRY(failure_keep(b, job, &w->key, sentence, err));
    TRY(hold_claim(b, &chain, err));
    b->counts.failed++;
    TRY(audit_failed(b, &w->key, &taken, err));
    if (taken)
        TRY(resolve_again(b, job->node, &taken, err));
    if (!taken)
        node_failed(b, job->node);
    job_close(b, job, true);
    return OK;
}

static enum status succeed(struct build *b, struct job *job, struct error *err)
{
    const int node = job->node;
    const struct chain chain = chain_of_action(&work_of(b, node)->key);

    TRY(job_check_sources(b, job, err));
    TRY(keep_result(b, job, err));
    progress_done(b->progress, "%s (%.1f s)", job->label, work_of(b, node)->seconds);
    TRY(hold_claim(b, &chain, err));
    job_close(b, job, false);
    return node_done(b, node, err);
}

enum status action_finish(struct build *b, struct job *job, const struct executor_event *end,
                          struct error *err)
{
    const char *sentence;
    enum status s;
    bool again;

    if (b->interrupted) {
        release(b, job->node);
        job_close(b, job, false);
        return OK;
    }
    if (end->lost)
        return try_again(b, job, err);
    if (end->exit_code != 0 || job->timed_out) {
        TRY(verdict_find(b, job, end, &again, &sentence, err));
        return again ? try_again(b, job, err) : fail(b, job, sentence, err);
    }
    s = succeed(b, job, err);
    if (s == ERR_NOT_FOUND)
        return fail(b, job, arena_printf(b->arena, "it did not make its output \"%s\"", err->where),
                    err);
    if (s == ERR_FAILED)
        return fail(
            b, job,
            arena_printf(b->arena, "%s%s%s", err->where, err->where[0] ? ": " : "", err->text),
            err);
    return s;
}
