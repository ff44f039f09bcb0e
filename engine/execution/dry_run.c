/* dry_run: what a build would run, and why, for --dry-run. Start at dry_run_print. */
#include "engine/execution/dry_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "engine/execution/build.h"
#include "engine/execution/forecast.h"
#include "engine/execution/resolve.h"
#include "engine/graph/key.h"
#include "engine/graph/packages.h"

/* "it has not run yet", or the fields that differ from its last key. */
static enum status why(struct build *b, int node, struct text *t, struct error *err)
{
    struct work *w = work_of(b, node);
    struct node_key *keys;
    struct result r;
    size_t n;
    char *difference;
    enum status s;

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
        text_add(t, "  its result is not in the store\n");
        return OK;
    }
    s = index_result_get(b->store, &keys[0].key, b->arena, &r, err);
    if (s == ERR_NOT_FOUND) {
        text_add(t, "  its key is new\n");
        return OK;
    }
    TRY(s);
    TRY(key_difference(r.description, w->description, b->arena, &difference, err));
    text_add(t, difference);
    return packages_explain(b->store, r.description, w->description, t, err);
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
        for (size_t k = 0; k < n; k++) {
            TRY(resolve_template(b, wanted[k].template, &failed, err));
            text_printf(t, "run %s/%d: t = %d to %d\n", graph_label(b->graph, b->studies.nodes[i]),
                        wanted[k].trial, wanted[k].from ? wanted[k].from->t + 1 : 1,
                        wanted[k].until);
        }
        TRY(add_forecast(b, b->studies.nodes[i], t, err));
    }
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
        } else if (plan_state(b->plan, (int)i) == PLAN_WAITING) {
            text_printf(&t, "then perhaps %s\n", label);
        }
    }
    if (t.n == 0)
        text_add(&t, "nothing to do\n");
    TRY(text_finish(&t, &string, &n, err));
    progress_flush(b->progress);
    return progress_result(string, n, err);
}
