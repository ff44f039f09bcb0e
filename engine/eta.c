/* eta: how far, how fast, on how many workers. Start at eta_study. */
#include "engine/eta.h"

#include <math.h>

#include "base/arena.h"

enum {
    BEFORE = 2,         /* trials, of which half end, that are imagined at a decision */
    PAST_UNITS = 4,     /* units of earlier builds count as so many, at most */
    OWN_UNITS = 2,      /* what all trials together took counts as so many of a trial's own */
    MOST_TRIALS = 2000, /* beyond, those to come are dealt out as equal parts */
    MOST_T = 100000
};

/* survival[t]: the share of trials that go on behind their report of t; 1 for t = 0. */
static double *find_survival(const struct eta_study *s, int max_t, struct arena *arena)
{
    double *survival = arena_array(arena, (size_t)max_t + 1, sizeof *survival);
    int *reached = arena_array(arena, (size_t)max_t + 2, sizeof *reached);
    int *ended = arena_array(arena, (size_t)max_t + 2, sizeof *ended);
    bool *decides = arena_array(arena, (size_t)max_t + 1, sizeof *decides);

    if (!survival || !reached || !ended || !decides)
        return NULL;
    for (size_t i = 0; i < s->n; i++) {
        const int t = s->trials[i].t < max_t ? s->trials[i].t : max_t;
        reached[t]++;
        ended[t] += s->trials[i].state != ETA_RUNNING;
        if (s->trials[i].until < max_t && !s->exploits)
            decides[s->trials[i].until] = true;
    }
    for (int t = max_t - 1; t >= 0; t--)
        reached[t] += reached[t + 1];
    survival[0] = 1; /* who failed before a report is rare, and costs no less */
    for (int t = 1; t <= max_t; t++) {
        const double before = decides[t] ? BEFORE : 0;
        survival[t] = survival[t - 1];
        if (reached[t] + before > 0)
            survival[t] *= 1 - (ended[t] + before / 2) / (reached[t] + before);
    }
    return survival;
}

/* The units that a trial behind t is expected to train. */
static double *find_rest(const double *survival, int max_t, struct arena *arena)
{
    double *rest = arena_array(arena, (size_t)max_t + 1, sizeof *rest), sum = 0;

    if (!rest)
        return NULL;
    for (int t = max_t - 1; t >= 0; t--) {
        sum += survival[t];
        /* one that runs goes on, whatever others did there */
        rest[t] = survival[t] > 0 ? sum / survival[t] : 1 + (t + 1 < max_t ? rest[t + 1] : 0);
    }
    return rest;
}

/* Seconds a unit of cost 1; NaN: unknown. */
static double find_pace(const struct eta_study *s)
{
    double seconds = 0, cost = 0, past_seconds = 0, past_cost = 0, past;

    for (size_t i = 0; i < s->n; i++) {
        const struct eta_trial *trial = &s->trials[i];
        seconds += trial->seconds;
        cost += trial->units * trial->cost;
        past_seconds += trial->past_seconds;
        past_cost += trial->past_units * trial->cost;
    }
    past = past_cost > 0 ? past_seconds / past_cost : s->pace;
    if (isnan(past))
        return seconds / cost;
    return (seconds + PAST_UNITS * past) / (cost + PAST_UNITS);
}

/* Of a unit of this trial: what its own took counts more than what others did. */
static double pace_of(const struct eta_trial *trial, double pace)
{
    return (trial->seconds + OWN_UNITS * pace * trial->cost) / (trial->units + OWN_UNITS);
}

/* What is left of the unit that it trains: half as long again as it is overdue. */
static double present_unit(const struct eta_trial *trial, double unit)
{
    return trial->since <= unit ? unit - trial->since : (trial->since - unit) / 2;
}

/* What each of the workers has to do until it is free; the next trial goes to the first. */
struct workers {
    double *busy;
    int n;
};

static double *first_free(struct workers *w)
{
    double *first = w->busy;

    for (int i = 1; i < w->n; i++)
        if (w->busy[i] < *first)
            first = &w->busy[i];
    return first;
}

static void deal(struct workers *w, struct eta *sum, double seconds)
{
    *first_free(w) += seconds;
    sum->work += seconds;
}

/* The trials that have not begun: one after the other, or, where they are many, some at once. */
static void deal_new(struct workers *w, struct eta *sum, int n, double seconds)
{
    const int parts = n < MOST_TRIALS ? n : MOST_TRIALS;

    for (int i = 0; i < parts; i++)
        deal(w, sum, seconds * n / parts);
}

static double mean_cost(const struct eta_study *s)
{
    double sum = 0;

    for (size_t i = 0; i < s->n; i++)
        sum += s->trials[i].cost;
    return s->n > 0 ? sum / (double)s->n : 1;
}

/* No more units than the budget has. */
static void limit(const struct eta_study *s, double pace, struct eta *out)
{
    const double most = s->units_left * pace * mean_cost(s) * s->overhead;

    if (s->units_left <= 0 || out->work <= most)
        return;
    out->span *= most / out->work;
    out->work = most;
}

enum status eta_study(const struct eta_study *s, struct arena *arena, struct eta *out,
                      struct error *err)
{
    const int max_t = s->max_t < MOST_T ? s->max_t : MOST_T;
    struct workers w = {.n = s->workers > 0 ? s->workers : 1};
    const double *survival = find_survival(s, max_t, arena);
    const double *rest = survival ? find_rest(survival, max_t, arena) : NULL;
    const double pace = find_pace(s);
    const int to_come = s->exhausted ? 0 : s->samples - (int)s->n;

    *out = (struct eta){0, 0};
    if (!rest || !(w.busy = arena_array(arena, (size_t)w.n, sizeof *w.busy)))
        return error_memory(err);
    if (isnan(pace)) {
        *out = (struct eta){NAN, NAN};
        return OK;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct eta_trial *trial = &s->trials[i];
        const double unit = pace_of(trial, pace);
        if (trial->state != ETA_RUNNING || trial->t >= max_t)
            continue;
        deal(&w, out, (rest[trial->t] - 1) * unit * s->overhead + present_unit(trial, unit));
    }
    deal_new(&w, out, to_come > 0 ? to_come : 0, rest[0] * pace * mean_cost(s) * s->overhead);
    for (int i = 0; i < w.n; i++)
        out->span = fmax(out->span, w.busy[i]);
    limit(s, pace, out);
    return OK;
}

struct eta_clock eta_clock(void)
{
    return (struct eta_clock){0, NAN};
}

/* A third of the way to what is new, in a tenth of the time that is left. */
double eta_show(struct eta_clock *clock, double now, double left)
{
    const double passed = now - clock->now, before = clock->left - passed;

    clock->now = now;
    if (isnan(left) || isnan(before) || before <= 0) {
        clock->left = left;
        return left;
    }
    clock->left = before + (left - before) * (1 - exp(-12 * passed / fmax(left, 0.1)));
    return clock->left;
}
