/* run: from a demand to a task, and from its end to known units. Start at run_start. */
#include "engine/execution/run.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "engine/execution/audit.h"
#include "engine/execution/ended.h"
#include "engine/execution/failure.h"
#include "engine/execution/job.h"
#include "engine/execution/resolve.h"
#include "engine/execution/retain.h"
#include "engine/execution/run_state.h"
#include "engine/execution/script.h"
#include "engine/execution/suggestion.h"
#include "engine/execution/verdict.h"
#include "engine/execution/waiting.h"
#include "engine/process/runner.h"

/* ---- start ---- */

/* The nearest unit from which training can go on. */
static enum status find_start(struct build *b, struct unit *from, struct unit **start,
                              struct error *err)
{
    if (from && from->template->script) /* from the beginning, always */
        from = NULL;
    for (; from && !from->kept; from = from->parent) {
        TRY(run_adopt(b, from, NULL, NULL, err));
        if (from->kept)
            break;
    }
    *start = from;
    return OK;
}

/* The units behind the start up to t == until, of which those up to `from` are known already. */
static enum status list_units(struct build *b, struct run *run, struct unit *from, int until,
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

static void release(struct build *b, const struct run *run)
{
    const struct chain chain = run_chain(run, 0, run->claimed);

    results_release(b->results, &chain);
}

/* A run that was not started after all. */
static void give_up(struct build *b, struct job *job)
{
    release(b, job->run);
    job_close(b, job, false);
}

/* Takes the claims; a unit that another build holds ends the run before it. */
static enum status claim(struct build *b, struct job *job, size_t known, bool *enough,
                         struct error *err)
{
    struct run *run = job->run;
    const struct chain chain = run_chain(run, 0, run->n);
    int taken;

    TRY(claim_chain(b, &chain, &taken, err));
    run->pauses |= run->purpose == FOR_STUDY && (size_t)taken < run->n;
    run->n = run->claimed = (size_t)taken;
    *enough = run->n > known;
    if (*enough)
        return OK;
    b->waits_for = job->label;
    if (taken > 0)
        release(b, run);
    return OK;
}

/*
 * The last unit that a task may train which begins behind `start`, on the way to `from`: a task has
 * the parameters of one template, and an exploit goes on from units of another.
 */
static struct unit *end_of_stretch(const struct unit *start, struct unit *from)
{
    struct unit *last = from;

    for (struct unit *u = from; u != start; u = u->parent)
        if (!digest_equal(&u->template->key, &last->template->key))
            last = u;
    return last;
}

/* What is to be run. */
struct stretch {
    enum purpose purpose;
    int best_node;
    const char *label, *metric, *params;
    struct template *template;
    struct unit *from;
    int until, others;
    bool saves, ends, over;
};

/* What a task must train first, so that another can go on with other parameters; false: nothing. */
static bool find_stretch(const struct unit *start, struct stretch *s)
{
    struct unit *last;

    if (!s->from || start == s->from)
        return false;
    last = end_of_stretch(start, s->from);
    if (last == s->from && digest_equal(&last->template->key, &s->template->key))
        return false;
    s->purpose = FOR_STRETCH;
    s->template = (struct template *)last->template;
    s->from = last->parent;
    s->until = last->t;
    return true;
}

/* Room and claims for the run; *ready false: they are not to be had now. */
static enum status reserve(struct build *b, struct job *job, const struct stretch *s,
                           struct request *r, bool *ready, bool *refused, struct error *err)
{
    struct run *run = job->run;
    const size_t known = (size_t)((s->from ? s->from->t : 0) - (run->from ? run->from->t : 0));
    enum slot slot;

    *ready = false;
    TRY(list_units(b, run, s->from, s->until, job->arena, err));
    if (run->units[0]->running) /* another run makes it again already */
        return OK;
    TRY(job_request(b, job, s->others, r, err));
    TRY(executor_slot(b->executor, r, &slot, err));
    *refused = slot == SLOT_REFUSED;
    waiting_for_slot(b, r, slot);
    return slot == SLOT_FREE ? claim(b, job, known, ready, err) : OK;
}

static void fill_request(struct job *job, struct request *r)
{
    const struct run *run = job->run;

    job->key = run->units[0]->root->key;
    r->key = &run->units[0]->key;
    r->trains = true;
    r->speaks = run->speaks;
    r->from = run->from ? run->from->t : 0;
    r->until = run->units[run->n - 1]->t + run->over;
    r->checkpoint = run->from ? &run->from->checkpoint : NULL;
}

/* What reads the reports of a program that knows no protocol, where it is one. */
static enum status open_script(struct build *b, struct job *job, struct error *err)
{
    const struct action *action = &graph_node(b->graph, job->node)->action;

    if (!action->report)
        return OK;
    job->run->speaks = false;
    return script_open(action, job->arena, &job->run->script, err);
}

/* A job for it, with room and claims; NULL: they are not to be had now. */
static enum status open_run(struct build *b, struct stretch s, struct job **out,
                            struct request *request, bool *refused, struct error *err)
{
    struct unit *start;
    struct job *job;
    bool ready;
    enum status status;

    *out = NULL;
    *refused = false;
    TRY(find_start(b, s.from, &start, err));
    (void)find_stretch(start, &s);
    job = job_open(s.template->node, s.label);
    if (!job || !(job->run = arena_alloc(job->arena, sizeof *job->run))) {
        if (job)
            job_close(b, job, true);
        return error_memory(err);
    }
    *job->run = (struct run){.purpose = s.purpose,
                             .best_node = s.best_node,
                             .saves = s.saves,
                             .over = s.over && s.purpose == FOR_STUDY,
                             .pauses = s.purpose == FOR_STUDY && !s.ends,
                             .metric = s.metric,
                             .params = s.params,
                             .template = s.template,
                             .begun = start,
                             .from = start,
                             .saved_ns = executor_now(b->executor),
                             .speaks = s.purpose == FOR_STUDY && !b->audit &&
                                       !graph_node(b->graph, s.template->node)->action.alone,
                             .lines = lines_in(job->arena)};
    status = open_script(b, job, err);
    if (status == OK)
        status = reserve(b, job, &s, request, &ready, refused, err);
    if (status != OK || !ready) {
        job_close(b, job, true);
        return status;
    }
    fill_request(job, request);
    *out = job;
    return OK;
}

/* *again: the checkpoint that it begins with was lost, look for an earlier one. */
static enum status launch(struct build *b, struct job *job, const struct request *r, bool *again,
                          struct error *err)
{
    struct run *run = job->run;
    struct unit *from = run->from;
    enum start_outcome outcome;
    int lost;
    enum status s = job_start(b, job, r, &outcome, &lost, err);

    *again = s == OK && outcome == START_LOST_CHECKPOINT;
    if (s == OK && outcome == START_STARTED) {
        for (size_t i = 0; i < run->n; i++)
            run->units[i]->running = true;
        run->line_ns = job->started_ns;
        return OK;
    }
    give_up(b, job);
    if (*again) {
        progress_warning(b->progress, "a checkpoint at t = %d is lost (%s): it is made again",
                         from->t, err->text);
        from->kept = false;
        return OK;
    }
    return s == OK ? node_lost(b, lost, -1, err) : s;
}

/* A trainer that keeps no checkpoint costs what it trained before, again and again: said once. */
static void say_what_is_trained_again(struct build *b, const struct job *job,
                                      const struct unit *from)
{
    const struct unit *start = job->run->from;

    if (b->said_again || !from || from == start || !from->bare || job->run->script)
        return;
    b->said_again = true;
    progress_warning(b->progress,
                     "%s left no checkpoint of t = %d in HPO_CHECKPOINT_OUT: training begins again "
                     "behind t = %d, and so wherever a trial goes on (a trainer that needs no "
                     "checkpoint says stateless = true)",
                     job->label, from->t, start ? start->t : 0);
}

enum status run_start(struct build *b, const char *label, const struct demand *demand, int others,
                      bool *refused, struct error *err)
{
    struct stretch s = {.purpose = FOR_STUDY,
                        .best_node = -1,
                        .label = label,
                        .metric = demand->metric,
                        .params = demand->params,
                        .template = demand->template,
                        .from = demand->from,
                        .others = others,
                        .saves = demand->saves && !demand->template->script,
                        .ends = demand->ends};
    struct demand cut = *demand;
    struct unit *first;
    struct request r;
    struct job *job;
    bool again = true;

    *refused = false;
    TRY(unit_get(b->units, demand->template, demand->from, &first, err));
    if (first->running || first->state != UNIT_UNKNOWN)
        return OK;
    TRY(audit_cut(b, &cut, &s.over, err));
    s.until = cut.until;
    TRY(suggestion_of_template(b, demand->template, err));
    while (again) {
        TRY(open_run(b, s, &job, &r, refused, err));
        if (!job)
            return OK;
        TRY(unit_refresh(b->units, first, err));
        if (first->state != UNIT_UNKNOWN) {
            b->changes++; /* another build has trained it meanwhile */
            give_up(b, job);
            return OK;
        }
        say_what_is_trained_again(b, job, demand->from);
        TRY(launch(b, job, &r, &again, err));
    }
    return OK;
}

enum status run_best_done(struct build *b, int best_node, struct error *err)
{
    struct content *content = &work_of(b, best_node)->content;

    *content = (struct content){.origin = FROM_STORE};
    TRY(audit_checkpoint(b, work_of(b, best_node)->best, &content->digest, err));
    return node_done(b, best_node, err);
}

/* Whether a task will leave what the whole script does. */
static bool will_end(const struct build *b, const struct template *template)
{
    for (const struct job *job = b->jobs; job; job = job->next)
        if (job->run && job->run->script && job->run->waiting == WAITS_NOT && !job->ending &&
            !job->run->pauses && digest_equal(&job->run->template->key, &template->key))
            return true;
    return false;
}

/* Of a script the end stands for every unit's checkpoint: as soon as it is known it is the best. */
static enum status find_best(struct build *b, int best_node, struct unit **u, struct error *err)
{
    struct work *w = work_of(b, best_node);
    struct unit *end = NULL;

    if (w->best->template->script)
        TRY(unit_end(b->units, w->best, &end, err));
    if (end)
        w->best = end;
    *u = w->best;
    return OK;
}

static bool is_wanted(const struct work *w, const struct unit *u)
{
    return (u->template->script && !u->ended) || w->force || !u->kept || !u->has_checkpoint;
}

enum status run_remake(struct build *b, int best_node, bool *refused, struct error *err)
{
    struct stretch s = {
        .purpose = FOR_BEST, .best_node = best_node, .label = graph_label(b->graph, best_node)};
    struct unit *u;
    struct request r;
    struct job *job;
    bool again = true;

    *refused = false;
    TRY(find_best(b, best_node, &u, err));
    if (u->running || waiting_behind(b, u) || (u->template->script && will_end(b, u->template)))
        return OK;
    if (!is_wanted(work_of(b, best_node), u))
        return run_best_done(b, best_node, err); /* a run that waited has saved it meanwhile */
    u->kept = false;
    s.template = (struct template *)u->template;
    s.from = u->ended ? u->parent->parent : u->parent;
    s.until = u->ended ? u->t - 1 : u->t;
    while (again) {
        if (!u->template->script)
            TRY(run_adopt(b, u, NULL, NULL, err));
        if (u->kept)
            return run_best_done(b, best_node, err);
        TRY(open_run(b, s, &job, &r, refused, err));
        if (!job)
            return OK;
        if (job->run->purpose == FOR_BEST && job->run->units[job->run->n - 1]->t != s.until) {
            give_up(b, job); /* another build has the claim of its last units */
            b->waits_for = s.label;
            return OK;
        }
        TRY(launch(b, job, &r, &again, err));
    }
    return OK;
}

enum status run_again(struct build *b, const char *label, struct unit *u, bool *started,
                      struct error *err)
{
    const struct stretch s = {.purpose = FOR_RERUN,
                              .best_node = -1,
                              .label = label,
                              .template = (struct template *)u->template,
                              .from = u->parent,
                              .until = u->t};
    struct request r;
    struct job *job;
    bool again, refused;

    *started = false;
    TRY(open_run(b, s, &job, &r, &refused, err));
    if (!job)
        return OK;
    TRY(launch(b, job, &r, &again, err));
    *started = !again;
    return OK;
}

bool run_is_remake(const struct job *job)
{
    return job->run->purpose != FOR_STUDY;
}

bool run_ends_itself(const struct job *job)
{
    const struct run *run = job->run;

    return run->script && !run->pauses && run->reported >= run->claimed;
}

double run_since(const struct job *job)
{
    return job->run && job->run->purpose == FOR_STUDY && !waiting_is(job)
               ? (double)(runner_now_ns() - job->run->line_ns) / 1e9
               : -1;
}

bool run_serves(const struct job *job, const struct demand *demand)
{
    const struct run *run = job->run;
    const int t = demand->from ? demand->from->t + 1 : 1;

    for (size_t i = 0; i < run->n; i++) {
        const struct unit *u = run->units[i];
        if (u->t == t && u->parent == demand->from && /* the unit may be another study's, too */
            digest_equal(&u->template->key, &demand->template->key))
            return true;
    }
    return false;
}

/* ---- end ---- */

/* The run broke off: the last checkpoint that it named is worth keeping, and the log where nobody
 * has it. */
static enum status break_off(struct build *b, struct job *job, bool with_log, struct error *err)
{
    struct run *run = job->run;

    return run->held
               ? run_adopt(b, run->held_unit, job->label, with_log ? job->task->log : NULL, err)
               : OK;
}

enum status run_let_go(struct build *b, struct job *job, bool keep_folder, struct error *err)
{
    const struct chain chain = run_chain(job->run, 0, job->run->claimed);

    TRY(hold_claim(b, &chain, err));
    job_close(b, job, keep_folder);
    return OK;
}

/* It is begun anew where it is wanted. */
static enum status begin_again(struct build *b, struct job *job, struct error *err)
{
    TRY(break_off(b, job, true, err));
    return run_let_go(b, job, b->o->keep_failed, err);
}

/* The unit that a failure belongs to: the first that is not known, or NULL. */
static struct unit *failed_unit(const struct run *run)
{
    for (size_t i = 0; i < run->n; i++)
        if (run->units[i]->state != UNIT_KNOWN)
            return run->units[i];
    return NULL;
}

enum status run_fail(struct build *b, struct job *job, const char *sentence, struct error *err)
{
    struct run *run = job->run;
    struct unit *u = failed_unit(run);
    struct work *w = work_of(b, job->node);

    if (!sentence || !w)
        return error_memory(err);
    if (run->went_on && !job->task->caught) { /* whether the trainer fails, a new task will show */
        progress_line(b->progress, "again: %s, which had gone on: %s", job->label, sentence);
        return begin_again(b, job, err);
    }
    if (w->failures++ < graph_node(b->graph, job->node)->action.retries) {
        progress_line(b->progress, "again: %s: %s", job->label, sentence);
        return begin_again(b, job, err);
    }
    failure_tell(b, job, sentence, run->params);
    b->counts.failed++;
    if (u) {
        u->state = UNIT_FAILED;
        u->failure = sentence;
        TRY(failure_keep(b, job, &u->key, sentence, err));
        TRY(audit_failed_units(b, run->units, run->n, err));
    }
    TRY(break_off(b, job, !u, err));
    if (run->purpose == FOR_BEST)
        node_failed(b, run->best_node);
    b->failed |= !u;
    return run_let_go(b, job, true, err);
}

/* The trainer left nothing to go on from: who came for that gets nothing. */
static enum status miss_checkpoint(const struct run *run, const struct unit *u, struct error *err)
{
    if (run->purpose != FOR_BEST && run->purpose != FOR_STRETCH)
        return OK;
    return error_set(err, ERR_FAILED, "",
                     "it left no checkpoint of t = %d in HPO_CHECKPOINT_OUT, and %s needs it", u->t,
                     run->purpose == FOR_BEST ? "study.best.checkpoint" : "an exploit");
}

/* The last unit and its checkpoint. */
static enum status keep_last(struct build *b, struct job *job, struct error *err)
{
    const struct run *run = job->run;
    const struct unit *u = run->units[run->n - 1];
    const char *folder = run->held ? run->held : job->task->out;
    bool has_tree;

    TRY(run_keep(b, job, run->last.text, job_measured(job, run->seconds), &run->last.numbers,
                 folder, &has_tree, err));
    return has_tree ? OK : miss_checkpoint(run, u, err);
}

static enum status succeed(struct build *b, struct job *job, struct error *err)
{
    struct run *run = job->run;
    const struct unit *u = run->units[run->n - 1];
    const int best_node = run->purpose == FOR_BEST ? run->best_node : -1;

    if (run->begun && run->purpose == FOR_STUDY && u->kept)
        TRY(retain_replaced(b, run->begun, err));
    run_say(b, job);
    TRY(run_let_go(b, job, false, err));
    return best_node >= 0 ? run_best_done(b, best_node, err) : OK;
}

enum status run_finish(struct build *b, struct job *job, const struct executor_event *end,
                       struct error *err)
{
    struct run *run = job->run;
    const char *sentence;
    bool saved, again;
    enum status s;

    run->ended = true;
    TRY(run_take_rest(b, job, err));
    b->effort.spent += fmax(run_since(job), 0);
    if (run->script)
        return ended_script(b, job, end, err);
    if (waiting_is(job)) {
        TRY(waiting_finish(b, job, end, &saved, err));
        if (!saved)
            TRY(break_off(b, job, false, err));
        job_close(b, job, false);
        return OK;
    }
    for (size_t i = 0; i < run->n; i++)
        run->units[i]->running = false;
    if (job->unwanted || b->interrupted || end->lost)
        return begin_again(b, job, err);
    if (run->wrong)
        return run_fail(b, job, run->wrong, err);
    if (job->timed_out || end->exit_code != 0) {
        TRY(verdict_find(b, job, end, &again, &sentence, err));
        return again ? begin_again(b, job, err) : run_fail(b, job, sentence, err);
    }
    if (ended_may(b, job)) {
        if ((s = ended_keep(b, job, err)) == OK)
            return run_let_go(b, job, false, err);
    } else if (run->reported < run->n) {
        return run_fail(b, job, run_missing_report(b, run), err);
    } else {
        s = keep_last(b, job, err);
    }
    if (s == ERR_FAILED || s == ERR_NOT_FOUND)
        return run_fail(
            b, job,
            arena_printf(b->arena, "%s%s%s", err->where, err->where[0] ? ": " : "", err->text),
            err);
    TRY(s);
    return succeed(b, job, err);
}
