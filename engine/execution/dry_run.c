/* dry_run: what a build would run, and why, for --dry-run. Start at dry_run_print. */
#include "engine/execution/dry_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "engine/execution/build.h"
#include "engine/execution/demand.h"
#include "engine/execution/difference.h"
#include "engine/execution/forecast.h"
#include "engine/execution/resolve.h"
#include "engine/graph/key.h"

/* "failed in run 3: it ended with status 1", or else that its result is not there. */
static enum status failed_or(struct build *b, const struct digest *key, const char *lacks,
                             const char **out, struct error *err)
{
    struct failure failure;
    const enum status s = history_failure_get(b->store, key, b->arena, &failure, err);

    *out = lacks;
    if (s == OK && !(*out = arena_printf(b->arena, "failed in run %lld: %s", (long long)failure.run,
                                         failure.text)))
        return error_memory(err);
    return s == ERR_NOT_FOUND ? OK : s;
}

/* "it has not run yet", or the fields that differ from its last key. */
static enum status why(struct build *b, int node, struct text *t, struct error *err)
{
    struct work *w = work_of(b, node);
    struct node_key *keys;
    struct result r;
    size_t n;
    const char *reason;
    enum status s;

    if (w->lost) {
        text_add(t, "  its files are not in the store\n");
        return OK;
    }
    if (w->force) {
        text_add(t, "  --rerun\n");
        return OK;
    }
    TRY(history_node_keys(b->store, b->recipe_path, graph_label(b->graph, node), 1, b->arena, &keys,
                          &n, err));
    if (n == 0) {
        text_add(t, "  it has not run yet\n");
        return OK;
    }
    if (digest_equal(&keys[0].key, &w->key)) {
        TRY(failed_or(b, &w->key, "its result is not in the store", &reason, err));
        text_printf(t, "  %s\n", reason);
        return OK;
    }
    s = index_result_get(b->store, &keys[0].key, b->arena, &r, err);
    if (s == ERR_NOT_FOUND) {
        text_add(t, "  its key is new\n");
        return OK;
    }
    TRY(s);
    return difference_add(b->store, r.description, w->description, b->arena, t, err);
}

static void add_minutes(struct text *t, double seconds)
{
    text_printf(t, seconds < 594 ? "%.1f" : "%.0f", seconds / 60);
}

/* "at least 3, at most 41 more units; about 2 to 35 min by what such units took" */
static enum status add_forecast(struct build *b, int study, struct text *t, struct error *err)
{
    struct forecast f;

    TRY(forecast_study(b, study, &f, err));
    text_printf(t, "  at least %lld, at most %lld more units", (long long)f.least,
                (long long)f.most);
    if (f.unbounded)
        text_add(t, ", and those that are trained again after an exploit");
    if (isnan(f.most_seconds)) {
        text_add(t, "; none has run that would say how long\n");
        return OK;
    }
    text_add(t, "; by what such units took, about ");
    add_minutes(t, f.least_seconds);
    text_add(t, " to ");
    add_minutes(t, f.most_seconds);
    text_add(t, " min, one after the other\n");
    return OK;
}

/* ---- why units are trained ---- */

/* So many units for one reason. */
struct reason {
    const char *text;
    int64_t units;
};

enum { MOST_REASONS = 5 };

struct reasons {
    struct reason list[MOST_REASONS];
    size_t n;
    int64_t others; /* units for more reasons */
};

static void note_reason(struct reasons *all, const char *text, int64_t units)
{
    size_t i = 0;

    while (i < all->n && strcmp(all->list[i].text, text) != 0)
        i++;
    if (i == MOST_REASONS) {
        all->others += units;
        return;
    }
    if (i == all->n)
        all->list[all->n++] = (struct reason){text, 0};
    all->list[i].units += units;
}

/* Lines of fields on one line, digests by their first digits. */
static enum status on_one_line(struct build *b, const char *lines, const char **out,
                               struct error *err)
{
    enum { SHOWN = 12 };
    struct text t = text_in(b->arena);
    char *string;

    lines += strspn(lines, " ");
    while (*lines) {
        const size_t hex = strspn(lines, "0123456789abcdef");
        if (hex == DIGEST_HEX) {
            text_add_bytes(&t, lines, SHOWN);
            lines += hex;
        } else if (*lines == '\n') {
            lines += strspn(lines, "\n ");
            text_add(&t, *lines ? "; " : "");
        } else {
            text_add_bytes(&t, lines, hex ? hex : 1);
            lines += hex ? hex : 1;
        }
    }
    TRY(text_finish(&t, &string, NULL, err));
    *out = string;
    return OK;
}

/* What differs from the template that trained this unit last. */
static enum status compare_templates(struct build *b, const struct digest *last,
                                     const char *description, const char **out, struct error *err)
{
    const char *unit, *before = NULL;
    struct text t = text_in(b->arena);
    struct result ignored;
    struct digest template;
    char *fields;

    TRY(difference_describe(b->store, last, b->arena, &unit, &ignored, err));
    if (unit_template(unit, &template))
        TRY(difference_describe(b->store, &template, b->arena, &before, &ignored, err));
    *out = "their keys are new";
    if (!before)
        return OK;
    TRY(difference_add(b->store, before, description, b->arena, &t, err));
    TRY(text_finish(&t, &fields, NULL, err));
    *out = "what they go on from has changed";
    return *fields ? on_one_line(b, fields, out, err) : OK;
}

/* The first of its units, by the key that it had last. */
static enum status why_unit(struct build *b, int study, const struct demand *d, const char **out,
                            struct error *err)
{
    const char *name = arena_printf(b->arena, "%s/%d/%d", graph_label(b->graph, study), d->trial,
                                    d->from ? d->from->t + 1 : 1);
    struct node_key *keys;
    struct unit *u;
    size_t n;

    if (!name)
        return error_memory(err);
    TRY(history_node_keys(b->store, b->recipe_path, name, 1, b->arena, &keys, &n, err));
    TRY(unit_get(b->units, d->template, d->from, &u, err));
    *out = "never trained";
    if (n == 0)
        return OK;
    if (!digest_equal(&keys[0].key, &u->key))
        return compare_templates(b, &keys[0].key, d->template->description, out, err);
    return failed_or(b, &u->key, "their results are not in the store", out, err);
}

/* Why the run is wanted; it is not keyed where something else comes first. */
static enum status why_run(struct build *b, int study, const struct demand *d, const char **out,
                           struct error *err)
{
    const struct action *a = &graph_node(b->graph, d->template->node)->action;

    if (d->template->keyed)
        return why_unit(b, study, d, out, err);
    *out = "not known before what they read is";
    for (size_t i = 0; i < a->n_inputs; i++)
        if (plan_state(b->plan, a->inputs[i].node) != PLAN_DONE)
            return (*out = arena_printf(b->arena, "not known before %s is",
                                        graph_label(b->graph, a->inputs[i].node)))
                       ? OK
                       : error_memory(err);
    return OK;
}

static enum status add_reasons(struct build *b, int study, const struct demand *runs, size_t n,
                               struct text *t, struct error *err)
{
    struct reasons all = {.n = 0};

    for (size_t k = 0; k < n; k++) {
        const char *text = "";
        TRY(why_run(b, study, &runs[k], &text, err));
        note_reason(&all, text, runs[k].until - (runs[k].from ? runs[k].from->t : 0));
    }
    for (size_t i = 0; i < all.n; i++)
        text_printf(t, "  %lld unit%s to train: %s\n", (long long)all.list[i].units,
                    all.list[i].units == 1 ? "" : "s", all.list[i].text);
    if (all.others > 0)
        text_printf(t, "  %lld more units to train for other such reasons\n",
                    (long long)all.others);
    return OK;
}

/* ---- all of it ---- */

static enum status plan_studies(struct build *b, struct text *t, struct error *err)
{
    for (size_t i = 0; i < b->studies.n; i++) {
        struct work *w = work_of(b, b->studies.nodes[i]);
        struct demand *wanted;
        struct study_counts counts;
        size_t n;
        bool failed;
        if (plan_state(b->plan, b->studies.nodes[i]) != PLAN_BUSY)
            continue;
        study_count(w->study, &counts);
        text_printf(t, "study %s: %d of %d trials begun, undecided\n",
                    graph_label(b->graph, b->studies.nodes[i]), counts.trials, counts.samples);
        TRY(study_demands(w->study, b->arena, &wanted, &n, err));
        for (size_t k = 0; k < n; k++)
            TRY(resolve_template(b, wanted[k].template, &failed, err));
        TRY(add_reasons(b, b->studies.nodes[i], wanted, n, t, err));
        for (size_t k = 0; k < n; k++)
            text_printf(t, "run %s/%d: t = %d to %d\n", graph_label(b->graph, b->studies.nodes[i]),
                        wanted[k].trial, wanted[k].from ? wanted[k].from->t + 1 : 1,
                        wanted[k].until);
        TRY(add_forecast(b, b->studies.nodes[i], t, err));
    }
    return OK;
}

/* --rerun of a trial, once its study is decided. */
static enum status plan_rerun(struct build *b, struct text *t, struct error *err)
{
    const struct rerun *r = &b->rerun;
    struct unit *u;

    if (r->study < 0)
        return OK;
    if (plan_state(b->plan, r->study) != PLAN_DONE) {
        text_printf(t, "then run %s again\n  --rerun\n", b->o->rerun);
        return OK;
    }
    TRY(demand_find_rerun(b, &u, err));
    text_printf(t, "run %s/%d: t = %d\n  --rerun\n", graph_label(b->graph, r->study), r->trial,
                u->t);
    return OK;
}

enum status dry_run_print(struct build *b, struct error *err)
{
    struct text t = text_in(b->arena);
    char *string;
    size_t n, nodes;

    TRY(plan_studies(b, &t, err)); /* first: it may want more nodes */
    nodes = (size_t)graph_size(b->graph);
    for (size_t i = 0; i < nodes; i++) {
        struct work *w = i < b->n_work ? b->work[i] : NULL;
        const char *label = graph_label(b->graph, (int)i);
        if (w && plan_state(b->plan, (int)i) == PLAN_READY) {
            text_printf(&t, "run %s\n", label);
            if (w->keyed)
                TRY(why(b, (int)i, &t, err));
        } else if (w && w->best && plan_state(b->plan, (int)i) == PLAN_BUSY) {
            text_printf(&t, "run %s: t = %d\n  its checkpoint is not in the store\n", label,
                        w->best->t);
        } else if (plan_state(b->plan, (int)i) == PLAN_WAITING) {
            text_printf(&t, "then perhaps %s\n", label);
        }
    }
    TRY(plan_rerun(b, &t, err));
    if (t.n == 0)
        text_add(&t, "nothing to do\n");
    TRY(text_finish(&t, &string, &n, err));
    progress_flush(b->progress);
    return progress_result(string, n, err);
}
