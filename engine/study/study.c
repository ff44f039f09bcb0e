/*
 * study: trials on virtual workers. `now` only moves when a report is delivered; the next report is
 * that of the running trial with the smallest (due time, number), whether or not it is known yet.
 * Start at study_advance; engine/study/study_table.c draws what happened.
 */
#include "engine/study/study.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/recipe/recipe.h"
#include "engine/study/journal.h"
#include "engine/study/study_state.h"

/*
 * All that decisions depend on besides its own reports: of a warm study its last row, of a history
 * what it says.
 */
static enum status find_identity(const struct study *study, const char **identity,
                                 struct error *err)
{
    const char *history = study->c.history;
    struct digest known;
    char hex[DIGEST_HEX + 1];

    *identity = study->spec->identity;
    if (!study->c.warm && !history)
        return OK;
    if (study->c.warm)
        known = study->c.warm->journal.row;
    else
        TRY(digest_bytes(history, strlen(history), &known, err));
    digest_hex(&known, hex);
    *identity = arena_printf(study->c.arena, "%s warm %s", study->spec->identity, hex);
    return *identity ? OK : error_memory(err);
}

enum status study_journal(const struct study *study, struct store *store, struct journal *out,
                          struct error *err)
{
    const char *identity;

    TRY(find_identity(study, &identity, err));
    return journal_open(out, store, identity, study->spec->source, study->c.today, err);
}

enum status study_open(const struct study_context *context, int node, struct study **out,
                       struct error *err)
{
    struct study *study = arena_alloc(context->arena, sizeof *study);

    if (!study)
        return error_memory(err);
    study->c = *context;
    study->node = node;
    study->spec = graph_node(context->graph, node)->study;
    study->running = arena_array(context->arena, (size_t)study->spec->concurrency, sizeof(int));
    if (!study->running)
        return error_memory(err);
    *out = study;
    return study_journal(study, context->replay ? NULL : context->store, &study->journal, err);
}

/* Moves the trial onto a free worker at the present time. */
static void occupy(struct study *study, struct trial *trial)
{
    trial->status = TRIAL_RUNNING;
    trial->start = study->now;
    trial->start_t = trial->t;
    trial->until = 0;
    study->running[study->n_running++] = trial->number;
}

static void leave(struct study *study, const struct trial *trial)
{
    for (int i = 0; i < study->n_running; i++)
        if (study->running[i] == trial->number) {
            memmove(&study->running[i], &study->running[i + 1],
                    (size_t)(study->n_running - i - 1) * sizeof(int));
            study->n_running--;
            return;
        }
}

/* The template of params: trial(p) is called, and may make any nodes; anew after an exploit. */
enum status study_shape(struct study *study, struct trial *trial, const char *params,
                        struct error *err)
{
    struct template *template = arena_alloc(study->c.arena, sizeof *template);
    const char *part = arena_printf(study->c.arena, "%s/%d",
                                    graph_number(study->c.graph, study->node), trial->number);
    const struct action *action;
    enum status s;

    if (part && trial->n_reports > 0)
        part = arena_printf(study->c.arena, "%s/%zu", part, trial->n_reports);
    if (!template || !part)
        return error_memory(err);
    graph_number_under(study->c.graph, part);
    s = recipe_trial(study->c.recipe, study->spec->callbacks, params, &template->node, err);
    graph_number_under(study->c.graph, NULL);
    TRY(s);
    TRY(graph_refuse_cycle(study->c.graph, template->node, study->node, err));
    TRY(recipe_cost(study->c.recipe, study->spec->callbacks, params, &trial->cost, err));
    action = &graph_node(study->c.graph, template->node)->action;
    template->stateless = action->stateless;
    template->may_end = action->may_end;
    template->script = action->report != NULL;
    template->study = study->node;
    template->trial = trial->number;
    trial->params = params;
    trial->template = template;
    return OK;
}

/* The next trial, or *trial = NULL when the searcher has nothing left. */
static enum status suggest(struct study *study, struct trial **trial, struct error *err)
{
    const char *params;
    struct trial **last;

    *trial = NULL;
    TRY(study_ask_params(study, &params, err));
    if (!params)
        return OK;
    if (!(*trial = arena_alloc(study->c.arena, sizeof **trial)))
        return error_memory(err);
    (*trial)->number = (int)study->n_trials;
    (*trial)->parent_trial = -1;
    TRY(study_shape(study, *trial, params, err));
    if (!(last = arena_push(study->c.arena, study->trials, study->n_trials, study->trial_capacity)))
        return error_memory(err);
    *last = *trial;
    return OK;
}

/* The paused trial that was released first, or NULL. */
static struct trial *released(struct study *study)
{
    struct trial *first = NULL;

    if (study->n_released == 0)
        return NULL;
    for (size_t i = 0; i < study->n_trials; i++)
        if (study->trials[i]->status == TRIAL_RELEASED &&
            (!first || study->trials[i]->order < first->order))
            first = study->trials[i];
    study->n_released--;
    return first;
}

/* A trial that the scheduler lets go on comes first, else the next suggestion. */
static enum status fill_workers(struct study *study, struct error *err)
{
    while (study->n_running < study->spec->concurrency) {
        struct trial *trial = released(study);
        if (!trial && !study->exhausted && (int)study->n_trials < study->spec->samples) {
            TRY(suggest(study, &trial, err));
            study->exhausted = !trial;
        }
        if (!trial)
            break;
        occupy(study, trial);
    }
    return OK;
}

static double due(const struct trial *trial)
{
    return study_due(trial, 1);
}

static bool comes_before(const struct trial *a, const struct trial *b)
{
    return due(a) < due(b) || (due(a) == due(b) && a->number < b->number);
}

/* The running trial whose report comes next. */
static struct trial *next_due(const struct study *study)
{
    struct trial *next = NULL;

    for (int i = 0; i < study->n_running; i++) {
        struct trial *trial = study->trials[study->running[i]];
        if (!next || comes_before(trial, next))
            next = trial;
    }
    return next;
}

bool study_next(const struct study *study, int *trial, int *t)
{
    const struct trial *next = next_due(study);

    if (next) {
        *trial = next->number;
        *t = next->t + 1;
    }
    return next;
}

static enum status add_row(struct study *study, int trial, int t, enum decision_kind kind,
                           int donor, struct error *err)
{
    struct decision_row *row =
        arena_push(study->c.arena, study->rows, study->n_rows, study->row_capacity);

    if (!row)
        return error_memory(err);
    *row = (struct decision_row){trial, t, kind, donor};
    return OK;
}

static void end_trial(struct study *study, struct trial *trial, enum trial_status status)
{
    if (trial->status == TRIAL_RUNNING)
        leave(study, trial);
    else if (trial->status == TRIAL_RELEASED)
        study->n_released--;
    trial->status = status;
}

static enum status exploit(struct study *study, struct trial *trial, const struct decision *d,
                           struct error *err)
{
    const struct trial *donor = study->trials[d->parent];
    struct unit *from = donor->last;

    while (from && d->t > 0 && from->t > d->t)
        from = from->parent;
    if (!from || (d->t > 0 && from->t != d->t))
        return error_set(err, ERR_INPUT, graph_node(study->c.graph, study->node)->where,
                         "the scheduler's exploit of trial %d: it has not reported t = %d yet",
                         d->parent, d->t > 0 ? d->t : 1);
    if (from->t >= study->spec->max_t)
        return error_set(err, ERR_INPUT, graph_node(study->c.graph, study->node)->where,
                         "the scheduler's exploit of trial %d at t = %d: nothing is left to train "
                         "there, as max_t is %d",
                         d->parent, from->t, study->spec->max_t);
    TRY(study_shape(study, trial, d->params ? d->params : donor->params, err));
    if (trial->template->script)
        return error_set(err, ERR_INPUT, graph_node(study->c.graph, study->node)->where,
                         "the scheduler's exploit of trial %d: its trials are scripts, which have "
                         "no checkpoint to go on from",
                         d->parent);
    trial->last = from;
    trial->t = from->t;
    trial->parent_trial = donor->number;
    trial->start = study->now;
    trial->start_t = trial->t;
    trial->until = 0;
    return OK;
}

/* What a decision means for its trial. The reporter's own "continue" needs nothing. */
static enum status apply(struct study *study, const struct decision *d,
                         const struct trial *reporter, struct error *err)
{
    struct trial *trial = study->trials[d->trial];
    bool ended = trial->status >= TRIAL_COMPLETED, own = trial == reporter;

    if (ended)
        return OK;
    if (d->kind == DECISION_COMPLETE) {
        end_trial(study, trial, TRIAL_COMPLETED);
    } else if (d->kind == DECISION_STOP) {
        end_trial(study, trial, trial->t >= study->spec->max_t ? TRIAL_COMPLETED : TRIAL_STOPPED);
    } else if (d->kind == DECISION_DROP) {
        end_trial(study, trial, TRIAL_STOPPED);
        TRY(add_row(study, trial->number, trial->t, DECISION_DROP, -1, err));
    } else if (d->kind == DECISION_PAUSE && own) {
        leave(study, trial);
        trial->status = TRIAL_PAUSED;
    } else if (d->kind == DECISION_EXPLOIT) {
        TRY(exploit(study, trial, d, err));
    } else if (d->kind == DECISION_CONTINUE && trial->status == TRIAL_PAUSED) {
        trial->status = TRIAL_RELEASED;
        trial->order = study->n_releases++;
        study->n_released++;
    }
    return OK;
}

/* The first of the decisions that is about the reporter: the one that its row shows. */
static enum status find_own(const struct study *study, const struct trial *reporter,
                            struct decision *decisions, size_t n, struct decision **own,
                            struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (decisions[i].trial == reporter->number) {
            *own = &decisions[i];
            return OK;
        }
    return error_set(err, ERR_INPUT, graph_node(study->c.graph, study->node)->where,
                     "the scheduler's report(%d, %d) decides nothing about trial %d",
                     reporter->number, reporter->t, reporter->number);
}

static enum status apply_all(struct study *study, const struct event *e, struct trial *reporter,
                             const struct decision *decisions, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        TRY(study_note(study, &decisions[i], e, err));
        TRY(apply(study, &decisions[i], reporter, err));
    }
    return OK;
}

static enum status add_report(struct study *study, struct trial *trial, struct unit *u,
                              double value, struct error *err)
{
    struct report *last =
        arena_push(study->c.arena, trial->reports, trial->n_reports, trial->report_capacity);

    if (!last)
        return error_memory(err);
    *last = (struct report){u, value, trial->parent_trial, trial->params};
    trial->parent_trial = -1;
    return OK;
}

/* The metric that the study's FIELD names, of a unit that a trial has reported. */
static enum status read_metric(const struct study *study, const struct trial *trial,
                               const struct unit *u, const char *field, const char *metric,
                               double *value, struct error *err)
{
    enum status s = unit_value(u, metric, value, err);

    if (s == ERR_INPUT)
        error_place(err, "%s: study.%s: trial %d", graph_node(study->c.graph, study->node)->where,
                    field, trial->number);
    return s;
}

/* Whether the trial's unit meets the goal that the study's FIELD is. */
static enum status meets(const struct study *study, const struct trial *trial, const struct unit *u,
                         const char *field, const struct goal *goal, bool *out, struct error *err)
{
    double value;

    *out = false;
    if (!goal->metric)
        return OK;
    TRY(read_metric(study, trial, u, field, goal->metric, &value, err));
    *out = !isnan(value) && (goal->at_least ? value >= goal->limit : value <= goal->limit);
    return OK;
}

enum status study_fails_at(struct study *study, struct unit *u, bool *fails, struct error *err)
{
    *fails = u->state == UNIT_FAILED || (u->ended && !u->template->may_end);
    if (u->state == UNIT_KNOWN && *fails)
        u->failure = "it ended by itself, with status 0, and did not report it (may_end = false)";
    if (u->state != UNIT_UNKNOWN || !study->spec->prune || study->c.retry_failed)
        return OK;
    return unit_accepted(study->c.units, u, fails, err);
}

/* Its trial ends there; later builds of this study do not try it again. */
static enum status meet_failure(struct study *study, struct trial *trial, struct unit *u,
                                struct error *err)
{
    trial->failed = u;
    if (!study->spec->prune)
        return error_set(err, ERR_FAILED, "", "trial %d failed at t = %d: %s", trial->number, u->t,
                         u->failure);
    return study->c.replay || u->state == UNIT_KNOWN
               ? OK
               : unit_accept(study->c.units, u, study->c.today, err);
}

/* What has not ended by now ends: nobody hears of it any more. */
static enum status end_study(struct study *study, const struct event *e, const char *why,
                             struct error *err)
{
    if (!why)
        return error_memory(err);
    for (size_t i = 0; i < study->n_trials; i++) {
        struct trial *trial = study->trials[i];
        const bool runs = trial->status == TRIAL_RUNNING;
        const struct decision d = {.trial = trial->number,
                                   .kind = runs ? DECISION_STOP : DECISION_DROP,
                                   .parent = -1,
                                   .why = why};
        if (trial->status >= TRIAL_COMPLETED)
            continue;
        TRY(study_note(study, &d, e, err));
        end_trial(study, trial, TRIAL_STOPPED);
        TRY(add_row(study, trial->number, trial->t, d.kind, -1, err));
    }
    study->decided = true;
    return OK;
}

/* The report may be the study's last: it meets stop_study, or nothing of the budget is left. */
static enum status meet_end(struct study *study, const struct trial *trial, const struct event *e,
                            bool meets_stop_study, struct error *err)
{
    const struct study_spec *spec = study->spec;

    if (meets_stop_study)
        return end_study(study, e,
                         arena_printf(study->c.arena, "trial %d meets the study's stop_study: %s",
                                      trial->number, spec->stop_study.metric),
                         err);
    if (spec->budget > 0 && study->n_delivered >= spec->budget)
        return end_study(
            study, e,
            arena_printf(study->c.arena, "the study's budget of %d units is spent", spec->budget),
            err);
    return OK;
}

/* The process has ended by itself: what the trial has reported is all that there will be. */
static enum status deliver_end(struct study *study, struct trial *trial, struct unit *u,
                               struct error *err)
{
    struct event e = {.kind = EVENT_REPORT, .report = {trial->number, u->t, NAN, END_ENDED}};
    struct decision *decisions;
    size_t n;

    study->now = due(trial);
    study->busy += trial->cost;
    trial->end = u;
    TRY(study_ask(study, &e, &decisions, &n, err));
    TRY(apply_all(study, &e, trial, decisions, n, err));
    end_trial(study, trial, TRIAL_COMPLETED);
    return OK;
}

/* Delivers the report of u, or its failure, and applies what is decided. */
static enum status deliver(struct study *study, struct trial *trial, struct unit *u, bool failed,
                           struct error *err)
{
    struct event e = {.kind = EVENT_REPORT, .report = {trial->number, u->t, NAN, END_NONE}};
    struct decision *decisions, *own = NULL;
    bool stops, ends = false;
    size_t n;

    study->now = due(trial);
    study->busy += trial->cost;
    study->n_delivered++;
    if (failed) {
        e.report.end = END_FAILED;
    } else {
        TRY(read_metric(study, trial, u, "metric", study->spec->metric, &e.report.value, err));
        trial->t = u->t;
        trial->last = u;
        TRY(add_report(study, trial, u, e.report.value, err));
        TRY(meets(study, trial, u, "stop", &study->spec->stop, &stops, err));
        TRY(meets(study, trial, u, "stop_study", &study->spec->stop_study, &ends, err));
        e.report.end = stops || ends ? END_COMPLETED : END_NONE;
        e.met = stops ? &study->spec->stop : ends ? &study->spec->stop_study : NULL;
    }
    TRY(study_ask(study, &e, &decisions, &n, err));
    TRY(find_own(study, trial, decisions, n, &own, err));
    assert(own);
    if (trial->t >= study->spec->max_t && own->kind != DECISION_EXPLOIT)
        own->kind = DECISION_STOP;
    TRY(add_row(study, trial->number, u->t,
                own->kind == DECISION_COMPLETE ? DECISION_STOP : own->kind,
                own->kind == DECISION_EXPLOIT ? own->parent : -1, err));
    TRY(apply_all(study, &e, trial, decisions, n, err));
    if (failed)
        end_trial(study, trial, TRIAL_FAILED);
    return meet_end(study, trial, &e, ends, err);
}

/* No worker is busy and nothing is left to suggest: paused trials will not go on. */
static enum status give_up_paused(struct study *study, struct error *err)
{
    for (size_t i = 0; i < study->n_trials; i++)
        if (study->trials[i]->status == TRIAL_PAUSED) {
            struct event end = {.report = {.trial = (int)i, .t = study->trials[i]->t}};
            struct decision d = {.trial = (int)i,
                                 .kind = DECISION_DROP,
                                 .parent = -1,
                                 .why = "nothing runs that could let it go on"};
            TRY(study_note(study, &d, &end, err));
            study->trials[i]->status = TRIAL_STOPPED;
            TRY(add_row(study, (int)i, study->trials[i]->t, DECISION_DROP, -1, err));
        }
    return OK;
}

/* The scheduler may let paused trials go on where no worker is busy and nothing can begin. */
static enum status idle(struct study *study, bool *released, struct error *err)
{
    struct event e = {.kind = EVENT_IDLE, .report = {.trial = -1}};
    struct decision *decisions;
    bool waiting = false;
    size_t n;

    for (size_t i = 0; i < study->n_trials && !waiting; i++)
        waiting = study->trials[i]->status == TRIAL_PAUSED;
    *released = false;
    if (!waiting)
        return OK;
    TRY(study_ask(study, &e, &decisions, &n, err));
    TRY(apply_all(study, &e, NULL, decisions, n, err));
    *released = study->n_released > 0;
    return OK;
}

enum status study_advance(struct study *study, bool *decided, struct error *err)
{
    *decided = study->decided;
    while (!study->decided) {
        struct trial *trial;
        struct unit *u;
        bool released, fails;
        TRY(fill_workers(study, err));
        if (!(trial = next_due(study))) {
            TRY(idle(study, &released, err));
            if (released)
                continue;
            TRY(give_up_paused(study, err));
            *decided = study->decided = true;
            break;
        }
        if (!trial->template->keyed)
            break;
        TRY(unit_get(study->c.units, trial->template, trial->last, &u, err));
        TRY(study_fails_at(study, u, &fails, err));
        if (u->state != UNIT_KNOWN && !fails)
            break;
        if (fails)
            TRY(meet_failure(study, trial, u, err));
        TRY(u->ended && !fails ? deliver_end(study, trial, u, err)
                               : deliver(study, trial, u, fails, err));
        *decided = study->decided;
    }
    return OK;
}
