/*
 * left: how long a build still takes: what is expected of each of its nodes, joined. Part of a
 * build: see build.h; the arithmetic of studies is engine/eta.h.
 *
 * An action takes what it took in an earlier build, else what actions like it took in this one.
 * A study's pace before its first unit is that of its last build.
 */
#ifndef ENGINE_EXECUTION_LEFT_H
#define ENGINE_EXECUTION_LEFT_H

#include "engine/execution/build.h"

struct left; /* opaque: what was looked up in the history, once for each node */

enum status left_open(struct build *b, struct left **out, struct error *err) MUST_CHECK;

/* Seconds; NaN: nothing is known. */
enum status left_estimate(struct build *b, struct left *l, struct arena *scratch, double *out,
                          struct error *err) MUST_CHECK;

/* What a second of new units costs: 1, and what is trained again or spent on checkpoints. */
double left_overhead(const struct build *b);

#endif
