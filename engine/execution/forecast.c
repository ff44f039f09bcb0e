/* forecast: from the trials that are on their way, and those that are sure to come, to bounds.
 * Start at forecast_study. */
#include "engine/execution/forecast.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "cache/records/history.h"
#include "engine/execution/resolve.h"
#include "engine/study/study_state.h"

/* One of the two sums. */
struct bound {
    int64_t units;
    double cost;
    struct unit **counted; /* those that are marked as such */
    size_t n, capacity;
};

static enum status count(struct build *b, struct bound *bound, struct unit *u, double cost,
                         struct error *err)
{
    if (u->state == UNIT_KNOWN || u->counted)
        return OK;
    if (bound->n == bound->capacity &&
        !(bound->counted = arena_grow(b->arena, bound->counted, bound->n, bound->n + 1,
                                      sizeof(struct unit *), &bound->capacity)))
        return error_memory(err);
    u->counted = true;
    bound->counted[bound->n++] = u;
    bound->units++;
    bound->cost += cost;
    return OK;
}

/* The units of the trial after `from`, up to t = until, or up to where it fails. */
static enum status walk(struct build *b, struct study *study, struct bound *bound,
                        const struct trial *trial, struct unit *from, int until, struct error *err)
{
    for (int t = from ? from->t + 1 : 1; t <= until; t++) {
        bool fails;
        TRY(unit_get(b->units, trial->template, from, &from, err));
        TRY(study_fails_at(study, from, &fails, err));
        if (fails || from->ended)
            return OK;
        TRY(count(b, bound, from, trial->cost, err));
    }
    return OK;
}

/* Units that a later exploit may replace by others: known ones are no help. */
static void count_blindly(struct bound *bound, const struct trial *trial, int units)
{
    bound->units += units;
    bound->cost += units * trial->cost;
}

static void forget(struct bound *bound)
{
    for (size_t i = 0; i < bound->n; i++)
        bound->counted[i]->counted = false;
    bound->n = 0;
}

/* The trials to come, where their searcher needs no report to say which: in order, without those
 * behind the searcher's end. */
static enum status imagine(struct build *b, struct study *study, struct trial **out, size_t *n,
                           struct error *err)
{
    const struct study_spec *spec = study->spec;
    size_t to_come = (size_t)spec->samples - study->n_trials;

    *n = 0;
    if (!(*out = arena_array(b->arena, to_come + 1, sizeof **out)))
        return error_memory(err);
    TRY(study_wake(study, err));
    for (; *n < to_come; (*n)++) {
        struct trial *trial = &(*out)[*n];
        const char *params;
        bool failed;
        trial->number = (int)(study->n_trials + *n);
        TRY(recipe_suggest(b->recipe, spec->callbacks, trial->number, b->arena, &params, err));
        if (!params)
            return OK;
        TRY(recipe_start(b->recipe, spec->callbacks, trial->number, params, err));
        TRY(study_shape(study, trial, params, err));
        TRY(resolve_template(b, trial->template, &failed, err));
        TRY(recipe_until(b->recipe, spec->callbacks, trial->number, 0, &trial->until, err));
    }
    return OK;
}

/* With `stop` any report may end a trial, with `stop_study` all of them: then one unit is sure,
 * where no known one comes first. */
static int sure(const struct study *study, const struct unit *from, const struct trial *trial,
                int until)
{
    if (!study->spec->stop.metric && !study->spec->stop_study.metric)
        return until;
    return from == trial->last ? (from ? from->t : 0) + 1 : 0;
}

static enum status find_least(struct build *b, struct study *study, struct bound *least,
                              const struct trial *to_come, size_t n, struct error *err)
{
    struct demand *runs;
    size_t n_runs;

    TRY(study_demands(study, b->arena, &runs, &n_runs, err));
    for (size_t i = 0; i < n_runs; i++) {
        const struct trial *trial = study->trials[runs[i].trial];
        if (trial->template->keyed)
            TRY(walk(b, study, least, trial, runs[i].from,
                     sure(study, runs[i].from, trial, runs[i].until), err));
    }
    for (size_t i = 0; i < n; i++)
        if (to_come[i].template->keyed)
            TRY(walk(b, study, least, &to_come[i], NULL,
                     sure(study, NULL, &to_come[i], to_come[i].until), err));
    return OK;
}

static enum status add_most(struct build *b, struct study *study, struct bound *most,
                            const struct trial *trial, struct error *err)
{
    int until = study->spec->max_t;

    if (!trial->template->keyed || study->spec->exploits)
        until = trial->template->keyed && trial->until > trial->t ? trial->until : trial->t;
    TRY(walk(b, study, most, trial, trial->last, until, err));
    count_blindly(most, trial, study->spec->max_t - until);
    return OK;
}

static enum status find_most(struct build *b, struct study *study, struct bound *most,
                             const struct trial *to_come, size_t n, struct error *err)
{
    struct trial unknown = {.cost = 1};

    for (size_t i = 0; i < study->n_trials; i++)
        if (study->trials[i]->status < TRIAL_COMPLETED)
            TRY(add_most(b, study, most, study->trials[i], err));
    for (size_t i = 0; i < n; i++)
        TRY(add_most(b, study, most, &to_come[i], err));
    if (study->exhausted || study->spec->blind)
        return OK;
    for (size_t i = 0; i < study->n_trials; i++)
        unknown.cost = fmax(unknown.cost, study->trials[i]->cost);
    count_blindly(most, &unknown,
                  (study->spec->samples - (int)study->n_trials) * study->spec->max_t);
    return OK;
}

/* As the table of that build says. */
enum status forecast_pace(struct build *b, int node, struct arena *arena, double *out,
                          struct error *err)
{
    struct study_table *tables;
    const struct json *trials, *segments, *seconds;
    struct json *table;
    double sum = 0;
    size_t n, units = 0;

    *out = NAN;
    TRY(history_tables(b->store, b->recipe_path, NULL, graph_label(b->graph, node), arena, &tables,
                       &n, err));
    if (n == 0)
        return OK;
    TRY(json_parse(tables[0].body, strlen(tables[0].body), "table", JSON_STRICT, arena, &table,
                   err));
    trials = json_get(table, "trials");
    for (size_t i = 0; trials && i < trials->n; i++) {
        segments = json_get(&trials->items[i], "segments");
        for (size_t k = 0; segments && k < segments->n; k++, units++)
            if ((seconds = json_get(&segments->items[k], "seconds")) != NULL)
                sum += seconds->number;
    }
    if (units > 0)
        *out = sum / (double)units;
    return OK;
}

/* Seconds a unit of cost 1: by the units that are delivered, else by those of the last build. */
static enum status pace(struct build *b, int node, double *out, struct error *err)
{
    const struct study *study = work_of(b, node)->study;
    double seconds = 0, cost = 0;

    for (size_t i = 0; i < study->n_trials; i++)
        for (size_t r = 0; r < study->trials[i]->n_reports; r++) {
            seconds += study->trials[i]->reports[r].unit->seconds;
            cost += study->trials[i]->cost;
        }
    *out = seconds / cost;
    return cost > 0 ? OK : forecast_pace(b, node, b->arena, out, err);
}

/* No more units than the study's budget still has. */
static void limit(const struct study *study, struct bound *bound)
{
    const int64_t left = study->spec->budget - study->n_delivered;

    if (study->spec->budget == 0 || bound->units <= left)
        return;
    bound->cost *= (double)left / (double)bound->units;
    bound->units = left;
}

enum status forecast_study(struct build *b, int node, struct forecast *out, struct error *err)
{
    struct study *study = work_of(b, node)->study;
    struct bound least = {0}, most = {0};
    struct trial *to_come = NULL;
    double seconds;
    size_t n = 0;

    if (study->spec->blind && !study->exhausted)
        TRY(imagine(b, study, &to_come, &n, err));
    TRY(find_least(b, study, &least, to_come, n, err));
    forget(&least);
    TRY(find_most(b, study, &most, to_come, n, err));
    forget(&most);
    limit(study, &least);
    limit(study, &most);
    TRY(pace(b, node, &seconds, err));
    *out = (struct forecast){.least = least.units,
                             .most = most.units,
                             .least_seconds = least.cost * seconds,
                             .most_seconds = most.cost * seconds,
                             .unbounded = study->spec->exploits && study->spec->budget == 0};
    return OK;
}
