/* study_explain: why a study decided as it did, in words. Start at study_explain. */
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "engine/study/study_state.h"

enum status study_note(struct study *study, const struct decision *d, const struct event *e,
                       struct error *err)
{
    const struct trial *trial = study->trials[d->trial];
    struct reason *last;

    if (!study->c.replay)
        return OK;
    last = arena_push(study->c.arena, study->reasons, study->n_reasons, study->reason_capacity);
    if (!last)
        return error_memory(err);
    *last = (struct reason){
        *d, trial->t, e->report.trial, e->report.t, trial->status, e->report.end, e->met};
    return OK;
}

/* What the decision did to its own reporter, or "": nothing that people ask about. */
static void tell_own(const struct study *study, const struct reason *r, struct text *out)
{
    enum decision_kind kind = r->decision.kind;

    if (r->end == END_FAILED)
        text_printf(out, "failed at t = %d", r->reporter_t);
    else if (r->end == END_ENDED)
        text_printf(out, "completed at t = %d: its process ended by itself", r->t);
    else if (r->end == END_COMPLETED)
        text_printf(out, "stopped at t = %d: its %s meets the study's %s", r->t, r->met->metric,
                    r->met == &study->spec->stop ? "stop" : "stop_study");
    else if (kind == DECISION_EXPLOIT)
        text_printf(out, "at t = %d exploited trial %d", r->t, r->decision.parent);
    else if (kind == DECISION_COMPLETE)
        text_printf(out, "completed at t = %d", r->t);
    else if (kind == DECISION_STOP && r->t >= study->spec->max_t)
        text_printf(out, "completed at t = %d, the scheduler's max_t", r->t);
    else if (kind != DECISION_CONTINUE)
        text_printf(out, "%s at t = %d",
                    kind == DECISION_PAUSE  ? "paused"
                    : kind == DECISION_DROP ? "given up"
                                            : "stopped",
                    r->t);
    else if (r->decision.why)
        text_printf(out, "went on at t = %d", r->t);
}

/* What it did to another trial than the reporter, or "". */
static void tell_other(const struct reason *r, struct text *out)
{
    enum decision_kind kind = r->decision.kind;
    bool paused = r->was == TRIAL_PAUSED || r->was == TRIAL_RELEASED;

    if (kind == DECISION_EXPLOIT)
        text_printf(out, "at t = %d exploited trial %d", r->t, r->decision.parent);
    else if (kind == DECISION_CONTINUE && r->was == TRIAL_PAUSED)
        text_printf(out, "promoted from t = %d", r->t);
    else if (kind == DECISION_COMPLETE)
        text_printf(out, "completed at t = %d", r->t);
    else if (kind == DECISION_DROP || kind == DECISION_STOP)
        text_printf(out, "%s at t = %d", paused ? "given up" : "stopped", r->t);
    else
        return;
    text_printf(out, ", after trial %d's report at t = %d", r->reporter, r->reporter_t);
}

static void tell(const struct study *study, const struct reason *r, struct text *out)
{
    size_t before = out->n;

    text_add(out, "  ");
    if (r->reporter == r->decision.trial)
        tell_own(study, r, out);
    else
        tell_other(r, out);
    if (out->n == before + 2) {
        out->n = before;
        return;
    }
    if (r->decision.why)
        text_printf(out, ": %s", r->decision.why);
    text_add(out, "\n");
}

/* What comes next for a trial that goes on: it has failed before, or nobody has trained it. */
static enum status tell_next(const struct study *study, const struct trial *t, struct text *out,
                             struct error *err)
{
    struct failure failure;
    struct unit *next;
    enum status s = ERR_NOT_FOUND;

    if (t->template->keyed) {
        TRY(unit_get(study->c.units, t->template, t->last, &next, err));
        s = history_failure_get(study->c.store, &next->key, study->c.arena, &failure, err);
    }
    if (s == OK)
        text_printf(out, "  failed at t = %d in run %lld: %.*s; a build tries it again%s\n",
                    t->t + 1, (long long)failure.run, (int)strcspn(failure.text, "\n"),
                    failure.text, failure.text + strcspn(failure.text, "\n"));
    else if (s == ERR_NOT_FOUND)
        text_printf(out, "  undecided: t = %d has not been delivered\n", t->t + 1);
    return s == ERR_NOT_FOUND ? OK : s;
}

enum status study_explain(const struct study *study, int trial, struct text *out, struct error *err)
{
    const struct trial *t;

    if (trial < 0 || (size_t)trial >= study->n_trials)
        return error_set(
            err, ERR_INPUT, graph_label(study->c.graph, study->node),
            "it has no trial %d with these parameters, %zu are known to begin: give the --set "
            "of the build that had it",
            trial, study->n_trials);
    t = study->trials[trial];
    text_printf(out, "  params %s\n", t->params);
    for (size_t i = 0; i < study->n_reasons; i++) {
        const struct reason *r = &study->reasons[i];
        if (r->decision.trial == trial && r->was < TRIAL_COMPLETED)
            tell(study, r, out);
    }
    if (t->status == TRIAL_RUNNING)
        TRY(tell_next(study, t, out, err));
    else if (t->status == TRIAL_PAUSED || t->status == TRIAL_RELEASED)
        text_printf(out, "  undecided: it waits at t = %d\n", t->t);
    return out->failed ? error_memory(err) : OK;
}
