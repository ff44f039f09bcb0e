/*
 * verdict: of a task that has ended badly, why, and whether it is begun again. Part of a build: see
 * build.h.
 *
 * Again      By no fault of its own (card_end.h). And once, where it failed soon, in a sandbox,
 *            and its log names nothing that is hidden from it: it is watched then, and what it asks
 *            for is told. That uses no `retries`, and is done for the first few of a build.
 */
#ifndef ENGINE_EXECUTION_VERDICT_H
#define ENGINE_EXECUTION_VERDICT_H

#include "engine/execution/build.h"

/* *sentence, where it is not begun again, in the build's arena: "it ended with status 3", "it was
 * ended by signal 9 (Killed)". */
enum status verdict_find(struct build *b, struct job *job, const struct executor_event *end,
                         bool *again, const char **sentence, struct error *err) MUST_CHECK;

#endif
