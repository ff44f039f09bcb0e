/*
 * run: one process that serves the units from+1 … until of a trial (the protocol of a trainer).
 *
 * A unit before the last counts when its line arrives; the last when the process has ended with 0
 * and its checkpoint is a tree. A checkpoint in the middle is insurance: it stays where it is, a
 * link STORE/work/KEY.checkpoint names it, and becomes a tree only when the run breaks off, or when
 * a later build finds it after we were killed. Start at run_start; run_read takes the lines.
 */
#include "engine/execution/run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "cache/history.h"
#include "cache/index.h"
#include "cache/tree.h"
#include "engine/execution/job.h"
#include "engine/execution/retain.h"
#include "engine/execution/run_state.h"
#include "engine/execution/want.h"

/* ---- insurance ---- */

/* Makes a tree of the folder's content, and stores it as the unit's checkpoint. */
static enum status keep_checkpoint(struct build *b, struct unit *u, const char *folder,
                                   struct job *job, struct error *err)
{
    struct result r = {.key = u->key,
                       .kind = "unit",
                       .reports = u->reports,
                       .has_tree = true,
                       .seconds = u->seconds,
                       .run = b->run,
                       .used_day = b->today};
    struct arena *arena = b->arena;
    enum put_outcome outcome;
    struct tree tree;
    char **names;
    size_t n;

    TRY(file_list(folder, arena, &names, &n, err));
    TRY(tree_take(b->store, folder, (const char *const *)names, n, arena, &tree, err));
    r.tree = tree.digest;
    r.bytes = tree.bytes;
    r.name = job ? job->label : NULL;
    r.description = unit_description(u, arena);
    if (!r.description)
        return error_memory(err);
    if (job && job->process.ended) {
        TRY(job_take_log(b, job, &r.log, err));
        r.has_log = true;
    }
    TRY(index_result_put(b->store, &r, &tree, &outcome, err));
    TRY(history_failure_remove(b->store, &u->key, err));
    if (outcome == PUT_DIFFERENT) {
        b->n_marked++;
        progress_warning(b->progress,
                         "%s is not reproducible: t = %d has given two different results",
                         job ? job->label : "a trial", u->t);
    }
    if (outcome == PUT_DIFFERENT && !u->kept) {
        /* The first tree is gone: what was made again stands under its own digest. */
        u->checkpoint = tree.digest;
        u->has_checkpoint = u->kept = true;
        return OK;
    }
    if (outcome != PUT_DIFFERENT) {
        u->has_checkpoint = u->kept = true;
        u->checkpoint = tree.digest;
    }
    return OK;
}

/* A checkpoint that a killed build left of this unit becomes a tree now. */
static enum status adopt(struct build *b, struct unit *u, struct error *err)
{
    char *link = run_insurance_path(b, u, b->arena);
    char target[4096];
    struct stat st;
    ssize_t n;

    if (!link)
        return error_memory(err);
    if ((n = readlink(link, target, sizeof target - 1)) < 0)
        return OK;
    target[n] = '\0';
    (void)unlink(link);
    if (u->state != UNIT_KNOWN || lstat(target, &st) != 0 || !S_ISDIR(st.st_mode))
        return OK;
    return keep_checkpoint(b, u, target, NULL, err);
}

/* The nearest unit from which training can go on. */
static enum status find_start(struct build *b, struct unit *from, struct unit **start,
                              struct error *err)
{
    for (; from && !from->kept; from = from->parent) {
        TRY(adopt(b, from, err));
        if (from->kept)
            break;
    }
    *start = from;
    return OK;
}

/* ---- start ---- */

/* The units behind start up to t == until, of which those up to `from` are known already. */
static enum status list_units(struct build *b, struct train *run, struct unit *from, int until,
                              struct arena *arena, struct error *err)
{
    int first = run->from ? run->from->t + 1 : 1;

    run->n = (size_t)until - (size_t)first + 1;
    if (!(run->units = arena_array(arena, run->n, sizeof(struct unit *))))
        return error_memory(err);
    for (struct unit *u = from; u && u->t >= first; u = u->parent)
        run->units[u->t - first] = u;
    for (size_t i = 0; i < run->n; i++)
        if (!run->units[i])
            TRY(unit_get(b->units, run->template, i > 0 ? run->units[i - 1] : run->from,
                         &run->units[i], err));
    return OK;
}

/* Takes the claims in order of t; a unit that another build holds ends the run before it. */
static enum status claim_units(struct build *b, struct train *run, struct error *err)
{
    for (run->claimed = 0; run->claimed < run->n; run->claimed++) {
        bool taken;
        TRY(claim_try(&b->claims, &run->units[run->claimed]->key, &taken, err));
        if (!taken)
            break;
    }
    return OK;
}

static void release_units(struct build *b, struct train *run)
{
    for (size_t i = 0; i < run->claimed; i++)
        claim_release(&b->claims, &run->units[i]->key);
    run->claimed = 0;
}

static enum status write_params(struct job *job, const char *params, char **entry,
                                struct error *err)
{
    char *path = file_join(job->arena, job->folder, "params.json");

    if (!path || !(*entry = arena_printf(job->arena, "HPO_PARAMS=%s", path)))
        return error_memory(err);
    return file_write(path, params, strlen(params), err);
}

/* The folders and variables of the protocol. ERR_NOT_FOUND, ERR_CORRUPT: the start's tree is lost.
 */
static enum status prepare_protocol(struct build *b, struct job *job, char **extra,
                                    struct error *err)
{
    struct train *run = job->train;
    const char *params = graph_node(b->graph, job->node)->action.params;
    char *in = file_join(job->arena, job->folder, "in");
    size_t n = 0;

    run->out = file_join(job->arena, job->folder, "out");
    extra[n] = arena_printf(job->arena, "HPO_FROM=%d", run->from ? run->from->t : 0);
    extra[n + 1] = arena_printf(job->arena, "HPO_UNTIL=%d", run->units[run->n - 1]->t);
    if (!in || !run->out || !extra[n] || !extra[n + 1])
        return error_memory(err);
    extra[n + 2] = arena_printf(job->arena, "HPO_CHECKPOINT_OUT=%s", run->out);
    if (!extra[n + 2])
        return error_memory(err);
    n += 3;
    TRY(file_make_folders(run->out, err));
    if (run->from) {
        struct tree tree;
        TRY(tree_read(b->store, &run->from->checkpoint, job->arena, &tree, err));
        TRY(tree_place(b->store, &tree, in, err));
        if (!(extra[n++] = arena_printf(job->arena, "HPO_CHECKPOINT_IN=%s", in)))
            return error_memory(err);
    }
    if (params)
        TRY(write_params(job, params, &extra[n++], err));
    extra[n] = NULL;
    return OK;
}

static void close_unstarted(struct build *b, struct job *job)
{
    release_units(b, job->train);
    job_close(b, job, false);
}

/* Claims, folders, process. *retry: the start's checkpoint was lost, look for an earlier one. */
static enum status launch(struct build *b, struct job *job, bool *retry, struct error *err)
{
    struct train *run = job->train;
    char *extra[8], hex[DIGEST_HEX + 1];
    int lost = -1, node = job->node;
    enum status s;

    *retry = false;
    digest_hex(&run->units[0]->key, hex);
    hex[16] = '\0';
    s = job_prepare(b, job, hex, &lost, err);
    if (s == OK) {
        s = prepare_protocol(b, job, extra, err);
        *retry = (s == ERR_NOT_FOUND || s == ERR_CORRUPT) && run->from;
    }
    if (s == OK)
        s = job_start(b, job, extra, err);
    if (s != OK) {
        struct unit *from = run->from;
        close_unstarted(b, job);
        if (lost >= 0) {
            (void)node;
            return node_lost(b, lost, -1, err);
        }
        if (*retry) {
            progress_warning(b->progress, "a checkpoint at t = %d is lost (%s): it is made again",
                             from->t, err->text);
            from->kept = false;
            return OK;
        }
        return s;
    }
    for (size_t i = 0; i < run->n; i++)
        run->units[i]->running = true;
    run->line_ns = job->process.started_ns;
    job->next = b->jobs;
    b->jobs = job;
    b->n_ran++;
    return OK;
}

/*
 * The last unit that a process may train which begins behind `start`, on the way to `from`: a
 * process has the parameters of one template, and an exploit goes on from units of another.
 */
static struct unit *end_of_stretch(const struct unit *start, struct unit *from)
{
    struct unit *last = from;

    for (struct unit *u = from; u != start; u = u->parent)
        if (!digest_equal(&u->template->key, &last->template->key))
            last = u;
    return last;
}

/* A job for these units, if its slots and first claim are to be had; else *job is NULL. */
static enum status open_run(struct build *b, const char *label, struct template *template,
                            struct unit *from, int until, struct job **out, struct error *err)
{
    struct job *job = job_open(template->node, label);
    struct train *run = job ? arena_alloc(job->arena, sizeof *run) : NULL;
    enum status s;
    size_t known;

    *out = NULL;
    if (!run) {
        if (job)
            job_close(b, job, true);
        return error_memory(err);
    }
    job->train = run;
    run->template = template;
    run->best_node = -1;
    s = slots_refuse(b, template->node, err);
    if (s == OK)
        s = find_start(b, from, &run->from, err);
    if (s == OK && from && run->from != from) {
        struct unit *last = end_of_stretch(run->from, from);
        if (last != from || !digest_equal(&last->template->key, &template->key)) {
            job_close(b, job, true);
            s = open_run(b, label, (struct template *)last->template, last->parent, last->t, out,
                         err);
            if (*out)
                (*out)->train->stretch = true;
            return s;
        }
    }
    if (s == OK)
        s = list_units(b, run, from, until, job->arena, err);
    if (s == OK && run->units[0]->running) { /* another run makes it again already */
        job_close(b, job, true);
        return OK;
    }
    if (s != OK || !slots_take(b, &graph_node(b->graph, template->node)->action.resources, job)) {
        job_close(b, job, true);
        return s;
    }
    s = claim_units(b, run, err);
    known = (size_t)((from ? from->t : 0) - (run->from ? run->from->t : 0));
    if (s != OK || run->claimed <= known) {
        b->claims_wait |= s == OK;
        release_units(b, run);
        job_close(b, job, true);
        return s;
    }
    run->n = run->claimed;
    *out = job;
    return OK;
}

enum status run_start(struct build *b, const char *label, const struct demand *wanted,
                      struct error *err)
{
    struct unit *first;
    struct job *job;
    bool retry = true;

    TRY(unit_get(b->units, wanted->template, wanted->from, &first, err));
    if (first->running || first->state != UNIT_UNKNOWN)
        return OK;
    TRY(unit_refresh(b->units, first, err));
    while (retry) {
        if (first->state != UNIT_UNKNOWN) {
            b->n_changes++; /* another build has trained it meanwhile */
            return OK;
        }
        TRY(open_run(b, label, wanted->template, wanted->from, wanted->until, &job, err));
        if (!job)
            return OK;
        TRY(unit_refresh(b->units, first, err));
        if (first->state != UNIT_UNKNOWN) {
            close_unstarted(b, job);
            continue;
        }
        TRY(launch(b, job, &retry, err));
    }
    return OK;
}

enum status run_remake(struct build *b, int best_node, struct error *err)
{
    struct unit *u = work_of(b, best_node)->best;
    struct job *job;
    bool retry = true;

    if (u->running)
        return OK;
    u->kept = false;
    while (retry) {
        TRY(adopt(b, u, err));
        if (u->kept)
            break;
        TRY(open_run(b, graph_label(b->graph, best_node), (struct template *)u->template, u->parent,
                     u->t, &job, err));
        if (!job)
            return OK;
        if (job->train->stretch)
            return launch(b, job, &retry, err);
        if (job->train->n < (size_t)(u->t - (job->train->from ? job->train->from->t : 0))) {
            close_unstarted(b, job);
            return OK;
        }
        job->train->best_node = best_node;
        TRY(launch(b, job, &retry, err));
        if (!retry)
            return OK;
    }
    work_of(b, best_node)->content =
        (struct content){.origin = FROM_STORE, .digest = u->checkpoint};
    return node_done(b, best_node, err);
}

enum status run_again(struct build *b, const char *label, struct unit *u, bool *started,
                      struct error *err)
{
    struct job *job;
    bool retry;

    *started = false;
    TRY(open_run(b, label, (struct template *)u->template, u->parent, u->t, &job, err));
    if (!job)
        return OK;
    job->train->again = true;
    TRY(launch(b, job, &retry, err));
    *started = !retry;
    return OK;
}

bool run_is_remake(const struct job *job)
{
    return job->train->best_node >= 0 || job->train->again || job->train->stretch;
}

bool run_serves(const struct job *job, const struct demand *wanted)
{
    const struct train *run = job->train;
    int t = wanted->from ? wanted->from->t + 1 : 1;

    for (size_t i = 0; i < run->n; i++)
        if (run->units[i]->t == t && run->units[i]->parent == wanted->from &&
            run->units[i]->template == wanted->template)
            return true;
    return false;
}

/* ---- end ---- */

/* The run broke off: a checkpoint in the middle is worth keeping, and the log where nobody has it.
 */
static enum status break_off(struct build *b, struct job *job, bool with_log, struct error *err)
{
    struct train *run = job->train;
    char *link;

    if (!run->named || run->named_unit->state != UNIT_KNOWN || run->named_unit->kept)
        return OK;
    if ((link = run_insurance_path(b, run->named_unit, b->arena)) != NULL)
        (void)unlink(link);
    return keep_checkpoint(b, run->named_unit, run->named, with_log ? job : NULL, err);
}

/* The unit that a failure belongs to: the first that is not known, or NULL. */
static struct unit *failed_unit(const struct train *run)
{
    for (size_t i = 0; i < run->n; i++)
        if (run->units[i]->state != UNIT_KNOWN)
            return run->units[i];
    return NULL;
}

static enum status fail(struct build *b, struct job *job, const char *sentence, struct error *err)
{
    struct train *run = job->train;
    struct unit *u = failed_unit(run);
    struct work *w = work_of(b, job->node);
    bool again = w && w->failures++ < graph_node(b->graph, job->node)->action.retries;

    if (again) {
        progress_line(b->progress, "again: %s: %s", job->label, sentence);
    } else {
        job_tell_failure(b, job, sentence);
        b->n_failed++;
        if (u) {
            u->state = UNIT_FAILED;
            u->failure = sentence;
            TRY(job_note_failure(b, job, &u->key, sentence, err));
        }
        if (run->best_node >= 0)
            node_failed(b, run->best_node);
        b->failed |= !u;
    }
    TRY(break_off(b, job, again || !u, err));
    for (size_t i = 0; i < run->claimed; i++)
        TRY(hold_claim(b, &run->units[i]->key, err));
    job_close(b, job, !again);
    return OK;
}

/* The last unit and its checkpoint. */
static enum status succeed(struct build *b, struct job *job, struct error *err)
{
    struct train *run = job->train;
    struct unit *u = run->units[run->n - 1];
    const char *folder = run->named ? run->named : run->out;
    int best_node = run->best_node;

    TRY(job_check_sources(b, job, err));
    if (u->state != UNIT_KNOWN) {
        TRY(unit_report(b->units, u, run->last_reports, err));
        u->seconds = run->seconds;
        u->run = b->run;
    } else if (strcmp(u->reports, run->last_reports) != 0) {
        TRY(run_store_unit(b, job, u, run->last_reports, err));
    }
    TRY(keep_checkpoint(b, u, folder, job, err));
    u->state = UNIT_KNOWN;
    if (run->from && !run_is_remake(job))
        TRY(retain_replaced(b, run->from, err));
    for (size_t i = 0; i < run->claimed; i++)
        TRY(hold_claim(b, &run->units[i]->key, err));
    progress_done(b->progress, "%s t = %d (%.1f s)", job->label, u->t,
                  (double)(runner_now_ns() - job->process.started_ns) / 1e9);
    job_close(b, job, b->o->keep_failed);
    if (best_node < 0)
        return OK;
    work_of(b, best_node)->content =
        (struct content){.origin = FROM_STORE, .digest = u->checkpoint};
    return node_done(b, best_node, err);
}

enum status run_finish(struct build *b, struct job *job, struct error *err)
{
    struct train *run = job->train;
    enum status s;

    TRY(run_end_line(b, job, err));
    for (size_t i = 0; i < run->n; i++)
        run->units[i]->running = false;
    if (job->unwanted || b->interrupted) {
        TRY(break_off(b, job, true, err));
        release_units(b, run);
        job_close(b, job, false);
        return OK;
    }
    if (run->wrong)
        return fail(b, job, run->wrong, err);
    if (job->timed_out || job->process.exit_code != 0)
        return fail(b, job, job_verdict(b, job), err);
    if (run->reported < run->n)
        return fail(b, job,
                    arena_printf(b->arena, "it ended with status 0 without the report of t = %d",
                                 run->units[run->reported]->t),
                    err);
    s = succeed(b, job, err);
    if (s == ERR_FAILED)
        return fail(b, job, arena_printf(b->arena, "%s: %s", err->where, err->text), err);
    return s;
}
