/*
 * ended: a task that has ended by itself, with 0 and before its last t. That is a result: under the
 * key of the unit that it did not report. Part of a build: see build.h.
 *
 * Script     ends by itself, always: its last result has what the whole program leaves in its
 *            declared outputs. What comes after the units that were wanted fails nobody.
 */
#ifndef ENGINE_EXECUTION_ENDED_H
#define ENGINE_EXECUTION_ENDED_H

#include "engine/execution/build.h"

/* Whether a trainer that has ended with 0 was free to. */
bool ended_may(const struct build *b, const struct job *job);

/* Keeps that it has; *s as in results_publish. */
enum status ended_keep(struct build *b, struct job *job, struct error *err) MUST_CHECK;

/* Whether what happens to it now fails it: a script not, once it has reported what was wanted. */
bool ended_counts(const struct job *job);

/* The task of a script has ended, as the event says. */
enum status ended_script(struct build *b, struct job *job, const struct executor_event *end,
                         struct error *err) MUST_CHECK;

#endif
