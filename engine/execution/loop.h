/*
 * loop: carries events between plan, executor, results and studies until nothing is left to do.
 * Part of a build: see build.h.
 */
#ifndef ENGINE_EXECUTION_LOOP_H
#define ENGINE_EXECUTION_LOOP_H

#include "engine/execution/build.h"

/*
 * Makes what the plan wants known, as far as executor and results let it. ERR_INTERRUPTED. What
 * failed was said, and b->failed says so.
 */
enum status loop_run(struct build *b, struct error *err) MUST_CHECK;

#endif
