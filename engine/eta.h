/*
 * eta: how long a build still takes, as far as can be told. Plain numbers; no clock, no process.
 *
 * Study      How far trials come is learned from those that have ended (a product-limit estimate:
 *            of the trials that reported t, the share that ended there; where a scheduler decides
 *            and few have come, the share that it says, else half). Of those that pause as many go
 *            on as that share asks for. How long a unit takes is learned from the units that this
 *            build trained, by their cost, and less and less from earlier ones.
 *            What is expected of each trial is then dealt out to the study's workers.
 * Build      Work (slot seconds) divided by slots, but no less than the longest way through what
 *            needs one another.
 * Reuse      A unit that was known costs nothing: it is neither work done nor work left.
 */
#ifndef ENGINE_ETA_H
#define ENGINE_ETA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

enum eta_state { ETA_RUNNING, ETA_PAUSED, ETA_ENDED };

struct eta_trial {
    int t;     /* trained */
    int until; /* without a decision */
    enum eta_state state;
    double cost;    /* of a unit, by the study's clock */
    int units;      /* that this build trained, */
    double seconds; /* and what they took */
    int past_units; /* that were trained before, */
    double past_seconds;
    double since; /* seconds since its process last reported; 0: none runs */
};

struct eta_study {
    int workers; /* trials that may train at once: by concurrency and by slots */
    int samples, max_t;
    double units_left; /* of a budget; 0: no such limit */
    bool exhausted;    /* no trial begins any more */
    bool exploits;     /* decisions end no trial */
    double passes;     /* the share of trials that a decision lets go on; 0: unknown */
    double pace;       /* seconds a unit of cost 1 took elsewhere; NaN: unknown */
    double overhead;   /* what a second of them costs, at least 1 */
    const struct eta_trial *trials;
    size_t n;
};

struct eta {
    double work; /* seconds of training to come, over all workers; NaN: nothing is known */
    double span; /* seconds until its last unit, if it had all its workers */
};

enum status eta_study(const struct eta_study *study, struct arena *arena, struct eta *out,
                      struct error *err) MUST_CHECK;

/* What is shown: an estimate moves by what is new in it, little by little. */
struct eta_clock {
    double now, left; /* of the last look; left NaN: none */
};

/* The estimate `left` at `now` as it is shown; NaN where it is unknown. Start with eta_clock(). */
struct eta_clock eta_clock(void);
double eta_show(struct eta_clock *clock, double now, double left);

#endif
