/* action: an ordinary action, from its claim to its result. Start at action_start. */
#include "engine/execution/action.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/history.h"
#include "cache/index.h"
#include "cache/tree.h"
#include "engine/execution/job.h"
#include "engine/execution/want.h"

/* Prepares and starts the job; on failure it is closed. */
static enum status launch(struct build *b, struct job *job, struct error *err)
{
    struct work *w = work_of(b, job->node);
    char hex[DIGEST_HEX + 1];
    int lost, node = job->node;
    enum status s;

    digest_hex(&w->key, hex);
    hex[16] = '\0';
    s = job_prepare(b, job, hex, &lost, err);
    if (s == OK)
        s = job_start(b, job, NULL, err);
    if (s == OK) {
        job->next = b->jobs;
        b->jobs = job;
        w->state = WORK_STARTED;
        b->n_ran++;
        return OK;
    }
    claim_release(&b->claims, &w->key);
    job_close(b, job, false);
    if (lost >= 0)
        return node_lost(b, lost, node, err);
    return s;
}

/* Another node of this build is the same action, and runs: its result is this one's. */
static bool is_running(const struct build *b, const struct digest *key)
{
    for (const struct job *job = b->jobs; job; job = job->next)
        if (!job->train && digest_equal(&b->work[job->node]->key, key))
            return true;
    return false;
}

/* Another node of this build was the same action, and its claim waits for the next sync. */
static bool is_held(const struct build *b, const struct digest *key)
{
    for (size_t i = 0; i < b->n_held; i++)
        if (digest_equal(&b->held[i], key))
            return true;
    return false;
}

enum status action_start(struct build *b, int node, bool *started, struct error *err)
{
    struct work *w = work_of(b, node);
    struct job *job;
    bool held = is_held(b, &w->key), taken = true, known;
    enum status s = OK;

    *started = false;
    if (is_running(b, &w->key))
        return OK;
    if (!(job = job_open(node, graph_label(b->graph, node))))
        return error_memory(err);
    if ((s = slots_refuse(b, node, err)) != OK ||
        !slots_take(b, &graph_node(b->graph, node)->action.resources, job)) {
        job_close(b, job, true);
        return s;
    }
    if (!held)
        s = claim_try(&b->claims, &w->key, &taken, err);
    if (s != OK || !taken) {
        b->claims_wait |= s == OK;
        job_close(b, job, true);
        return s;
    }
    s = node_look_up(b, node, &known, err); /* another build may have made it since we looked */
    if (s != OK || known) {
        if (!held)
            claim_release(&b->claims, &w->key);
        job_close(b, job, true);
        *started = known;
        return s == OK ? node_done(b, node, err) : s;
    }
    *started = true;
    return launch(b, job, err);
}

/* The names whose tree is the result: the declared outputs; where files were fetched, all of them. */
static enum status output_names(struct build *b, struct job *job, const char *const **names,
                                size_t *n, struct error *err)
{
    const struct action *a = &graph_node(b->graph, job->node)->action;

    *names = a->outputs;
    *n = a->n_outputs;
    if (!a->fetch)
        return OK;
    return file_list(job->dir, job->arena, (char ***)names, n, err);
}

static enum status store_result(struct build *b, struct job *job, const struct tree *tree,
                                struct error *err)
{
    struct work *w = work_of(b, job->node);
    const struct node *node = graph_node(b->graph, job->node);
    struct result r = {.key = w->key,
                       .kind = node->action.kind,
                       .name = job->label,
                       .description = w->description,
                       .has_tree = true,
                       .tree = tree->digest,
                       .bytes = tree->bytes,
                       .run = b->run,
                       .used_day = b->today};
    enum put_outcome outcome;

    r.seconds = w->seconds = (double)(runner_now_ns() - job->process.started_ns) / 1e9;
    TRY(job_take_log(b, job, &r.log, err));
    r.has_log = true;
    TRY(index_result_put(b->store, &r, tree, &outcome, err));
    if (outcome == PUT_DIFFERENT) {
        b->n_marked++;
        progress_warning(b->progress,
                         "%s is not reproducible: the same key has given two different results",
                         job->label);
    }
    TRY(history_failure_remove(b->store, &w->key, err));
    w->content = (struct content){.origin = FROM_STORE, .digest = tree->digest, .loaded = true};
    return tree_read(b->store, &tree->digest, b->arena, &w->content.tree, err);
}

/* Says what went wrong, and remembers it with the log. */
static enum status fail(struct build *b, struct job *job, const char *sentence, struct error *err)
{
    struct work *w = work_of(b, job->node);
    const struct node *node = graph_node(b->graph, job->node);
    int node_id = job->node;

    if (w->failures++ < node->action.retries && !b->interrupted) {
        progress_line(b->progress, "again: %s: %s", job->label, sentence);
        claim_release(&b->claims, &w->key);
        job_close(b, job, false);
        return node_retry(b, node_id, err);
    }
    job_tell_failure(b, job, sentence);
    TRY(job_note_failure(b, job, &w->key, sentence, err));
    TRY(hold_claim(b, &w->key, err));
    b->n_failed++;
    node_failed(b, job->node);
    job_close(b, job, true);
    return OK;
}

/* An output may be a link to another output, or into one: not to what was thrown away. */
static enum status check_links(const struct job *job, const char *const *names, size_t n,
                               const struct tree *tree, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        const struct tree_entry *e = listing_find(tree, names[i]);
        struct pick pick;
        enum status s = OK;
        if (e && e->kind == TREE_LINK)
            s = tree_pick(tree, names[i], job->arena, &pick, err);
        if (s == ERR_NOT_FOUND)
            return error_set(err, ERR_FAILED, "",
                             "its output \"%s\" is a symbolic link to \"%s\", which is no output",
                             names[i], e->target);
        TRY(s);
    }
    return OK;
}

enum status action_finish(struct build *b, struct job *job, struct error *err)
{
    struct work *w = work_of(b, job->node);
    const char *const *names;
    struct tree tree;
    size_t n;
    int node = job->node;
    enum status s;

    if (job->process.exit_code != 0 || job->timed_out)
        return fail(b, job, job_verdict(b, job), err);
    if ((s = output_names(b, job, &names, &n, err)) == OK)
        s = tree_take(b->store, job->dir, names, n, job->arena, &tree, err);
    if (s == ERR_NOT_FOUND)
        s = error_set(err, ERR_FAILED, "", "it did not make its output \"%s\"", err->where);
    if (s == OK && !graph_node(b->graph, node)->action.fetch)
        s = check_links(job, names, n, &tree, err);
    if (s == OK)
        s = job_check_sources(b, job, err);
    if (s == OK)
        s = store_result(b, job, &tree, err);
    if (s == ERR_FAILED) {
        const char *sentence =
            arena_printf(b->arena, "%s%s%s", err->where, err->where[0] ? ": " : "", err->text);
        return sentence ? fail(b, job, sentence, err) : error_memory(err);
    }
    TRY(s);
    progress_done(b->progress, "%s (%.1f s)", job->label, w->seconds);
    TRY(hold_claim(b, &w->key, err));
    job_close(b, job, b->o->keep_failed);
    return node_done(b, node, err);
}
