/* eta: how far, how fast, on how many workers. Start at eta_study. */
#include "engine/eta.h"

#include <math.h>

#include "base/arena.h"

enum {
    BEFORE = 2,         /* trials, that pass as the scheduler says, are imagined at a decision */
    PAST_UNITS = 4,     /* units of earlier builds count as so many, at most */
    OWN_UNITS = 2,      /* what all trials together took counts as so many of a trial's own */
    MOST_TRIALS = 2000, /* beyond, those to come are dealt out as equal parts */
    MOST_T = 100000
};

/* By t, up to max_t: how far trials come. */
struct fate {
    double *survival; /* the share of trials that go on behind their report of t; 1 for t = 0 */
    double *resumes;  /* the share of those that pause there that is let on */
    double *rest;     /* units that a trial behind t is expected to train */
};

/* How many trials are where. */
struct counts {
    int *reached; /* t, or more */
    int *ended, *paused;
    bool *decides; /* the scheduler */
};

/* Of a population those that pause go on. */
static bool is_paused(const struct eta_study *s, const struct eta_trial *trial)
{
    return trial->state == ETA_PAUSED && !s->exploits;
}

static bool count_trials(const struct eta_study *s, int max_t, struct counts *out,
                         struct arena *arena)
{
    const size_t n = (size_t)max_t + 2;

    out->reached = arena_array(arena, n, sizeof *out->reached);
    out->ended = arena_array(arena, n, sizeof *out->ended);
    out->paused = arena_array(arena, n, sizeof *out->paused);
    out->decides = arena_array(arena, n, sizeof *out->decides);
    if (!out->reached || !out->ended || !out->paused || !out->decides)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        const struct eta_trial *trial = &s->trials[i];
        const int t = trial->t < max_t ? trial->t : max_t;
        out->reached[t]++;
        out->ended[t] += trial->state == ETA_ENDED;
        out->paused[t] += is_paused(s, trial);
        if (trial->until < max_t && !s->exploits)
            out->decides[trial->until] = true;
    }
    for (int t = max_t - 1; t >= 0; t--)
        out->reached[t] += out->reached[t + 1];
    return true;
}

static bool find_survival(const struct eta_study *s, int max_t, struct fate *out,
                          struct arena *arena)
{
    const double share = s->passes > 0 ? s->passes : 0.5;
    struct counts c;

    out->survival = arena_array(arena, (size_t)max_t + 1, sizeof *out->survival);
    out->resumes = arena_array(arena, (size_t)max_t + 1, sizeof *out->resumes);
    if (!out->survival || !out->resumes || !count_trials(s, max_t, &c, arena))
        return false;
    out->survival[0] = 1; /* who failed before a report is rare, and costs no less */
    for (int t = 1; t <= max_t; t++) {
        const double before = c.decides[t] ? BEFORE : 0, all = c.reached[t] + before;
        const int went_on = c.reached[t] - c.ended[t] - c.paused[t];
        const double due = fmin(fmax(share * c.reached[t] - went_on, 0), c.paused[t]);
        out->resumes[t] = c.paused[t] > 0 ? due / c.paused[t] : 0;
        out->survival[t] = out->survival[t - 1];
        if (all > 0)
            out->survival[t] *= (went_on + due + before * share) / all;
    }
    return true;
}

static bool find_fate(const struct eta_study *s, int max_t, struct fate *out, struct arena *arena)
{
    double sum = 0;

    out->rest = arena_array(arena, (size_t)max_t + 1, sizeof *out->rest);
    if (!out->rest || !find_survival(s, max_t, out, arena))
        return false;
    for (int t = max_t - 1; t >= 0; t--) {
        sum += out->survival[t];
        /* one that runs goes on, whatever others did there */
        out->rest[t] = out->survival[t] > 0 ? sum / out->survival[t]
                                            : 1 + (t + 1 < max_t ? out->rest[t + 1] : 0);
    }
    return true;
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

/* Seconds that the trial is expected to train. */
static double expect(const struct eta_study *s, const struct eta_trial *trial,
                     const struct fate *fate, double unit)
{
    if (is_paused(s, trial))
        return fate->resumes[trial->t] * fate->rest[trial->t] * unit * s->overhead;
    if (trial->state == ETA_PAUSED)
        return fate->rest[trial->t] * unit * s->overhead;
    return (fate->rest[trial->t] - 1) * unit * s->overhead + present_unit(trial, unit);
}

enum status eta_study(const struct eta_study *s, struct arena *arena, struct eta *out,
                      struct error *err)
{
    const int max_t = s->max_t < MOST_T ? s->max_t : MOST_T;
    struct workers w = {.n = s->workers > 0 ? s->workers : 1};
    const double pace = find_pace(s);
    const int to_come = s->exhausted ? 0 : s->samples - (int)s->n;
    struct fate fate;

    *out = (struct eta){0, 0};
    if (!find_fate(s, max_t, &fate, arena) ||
        !(w.busy = arena_array(arena, (size_t)w.n, sizeof *w.busy)))
        return error_memory(err);
    if (isnan(pace)) {
        *out = (struct eta){NAN, NAN};
        return OK;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct eta_trial *trial = &s->trials[i];
        if (trial->state != ETA_ENDED && trial->t < max_t)
            deal(&w, out, expect(s, trial, &fate, pace_of(trial, pace)));
    }
    deal_new(&w, out, to_come > 0 ? to_come : 0, fate.rest[0] * pace * mean_cost(s) * s->overhead);
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
