/*
 * forecast: what a study can still cost, before anything runs.
 *
 * The least is what can be proven: units that trials on workers need up to the next t at which the
 * scheduler could decide otherwise, and the same of the trials to come where the searcher hears no
 * reports, so that its suggestions are known now. The most is every trial trained to max_t. A known
 * unit costs nothing, and one that two trials share is counted once. Where the key of a unit is not
 * known, since what it reads has yet to be made, nothing is proven: it counts only in the most.
 */
#ifndef ENGINE_EXECUTION_FORECAST_H
#define ENGINE_EXECUTION_FORECAST_H

#include "engine/execution/build.h"

struct forecast {
    int64_t least, most;
    double least_seconds, most_seconds; /* by what units of this study took; NaN: none has run */
    bool unbounded; /* an exploit may set a trial back, and so cost more than the most */
};

/* Of a study that a dry run has gone through as far as it is known. It is of no other use then. */
enum status forecast_study(struct build *b, int node, struct forecast *out,
                           struct error *err) MUST_CHECK;

/* What a unit of this study took in its last build, in seconds; NaN: there was none. */
enum status forecast_pace(struct build *b, int node, struct arena *arena, double *out,
                          struct error *err) MUST_CHECK;

#endif
