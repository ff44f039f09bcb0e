/*
 * waiting: runs that have reported their last unit and could train on. Starting a process can cost
 * more than a unit. Part of a build: see build.h.
 *
 * Protocol   HPO_MORE=1 says that there may be more. A trainer that can go on adds "more": true to
 *            the report of its last t and reads a line: {"until": N}, {"end": "save"}. The end of
 *            its input means that nobody wants more of it.
 * Rule       A run that goes on reports what a new process would have reported from its checkpoint.
 *            It waits without a claim, and without cpus; going on, it takes both.
 * Ends       It is told to save where no study may ask for more, where its checkpoint is wanted,
 *            and where more wait than may: the one that waited longest. A run that dies while it
 *            waits has failed nobody; one that fails after it went on is begun anew.
 */
#ifndef ENGINE_EXECUTION_WAITING_H
#define ENGINE_EXECUTION_WAITING_H

#include "engine/execution/build.h"

/* Its last unit is known, and it waits for a word. */
void waiting_begin(struct build *b, struct job *job);

/* Whether a run waits, or is told to save. */
bool waiting_is(const struct job *job);

/* Whether some run has the checkpoint of this unit to give: it waits behind it, or saves it. */
bool waiting_behind(const struct build *b, const struct unit *u);

/*
 * A run that waits where the demand begins goes on, if there is room; one whose checkpoint the
 * demand needs saves it. *taken: there is such a run, and no other is to be started yet.
 */
enum status waiting_serve(struct build *b, const struct demand *demand, bool *taken,
                          struct error *err) MUST_CHECK;

/* Tells those to save that nobody can ask to go on, and those that are too many. */
enum status waiting_sort(struct build *b, bool goes_on, struct error *err) MUST_CHECK;

/* One run is told to save. */
enum status waiting_end(struct build *b, struct job *job, struct error *err) MUST_CHECK;

/* The task of a run that waited has ended; *saved: the checkpoint of its last unit is kept. */
enum status waiting_finish(struct build *b, struct job *job, const struct executor_event *end,
                           bool *saved, struct error *err) MUST_CHECK;

#endif
