/*
 * waiting: runs that have reported their last unit and could train on. Starting a process can cost
 * more than a unit. Part of a build: see build.h.
 *
 * Protocol   HPO_MORE=1 says that there may be more. A trainer that can go on adds "more": true to
 *            the report of its last t and reads a line: {"until": N}, {"end": "save"} or
 *            {"end": "stop"}, which the end of its input means too. One that adds "more": "save"
 *            can also save and wait on: of {"save": "t3"} it fills that folder, says
 *            {"saved": "t3"}, and reads the next line.
 * Rule       A run that goes on reports what a new process would have reported from its checkpoint.
 *            It waits without a claim, and without cpus; going on, it takes both.
 * Saves      It is told to where its checkpoint is wanted, and before it goes on when a minute has
 *            passed since it did: it waits on where it can, else that ends it.
 * Ends       It is told to where no study may ask for more, and where those that wait longest make
 *            room: where more wait than may, where memory is short, where another needs what they
 *            hold. A run that dies while it waits has failed nobody; one that fails after it went
 *            on is begun anew.
 */
#ifndef ENGINE_EXECUTION_WAITING_H
#define ENGINE_EXECUTION_WAITING_H

#include "engine/execution/build.h"

/* Its last unit is known, and it waits for a word. keeps: it can save and wait on. */
void waiting_begin(struct build *b, struct job *job, bool keeps);

/* It says that the folder of this name has the checkpoint that it was told to save. */
enum status waiting_saved(struct build *b, struct job *job, const char *name,
                          struct error *err) MUST_CHECK;

/* Whether a run waits, or is told to save. */
bool waiting_is(const struct job *job);

/* Whether some run has the checkpoint of this unit to give: it waits behind it, or saves it. */
bool waiting_behind(const struct build *b, const struct unit *u);

/*
 * A run that waits where the demand begins goes on, if there is slot; one whose checkpoint the
 * demand needs saves it. *taken: there is such a run, and no other is to be started yet.
 */
enum status waiting_serve(struct build *b, const struct demand *demand, bool *taken,
                          struct error *err) MUST_CHECK;

/* A request has no room now, or has: whom waiting_sort asks to make room. */
void waiting_for_slot(struct build *b, const struct request *r, enum slot slot);

/* Tells those to save whose checkpoint is wanted, and those to end that nobody can ask to go on or
 * that are too many. */
enum status waiting_sort(struct build *b, bool goes_on, struct error *err) MUST_CHECK;

/* One run is told to end, and to save where its last checkpoint is not kept yet. */
enum status waiting_end(struct build *b, struct job *job, struct error *err) MUST_CHECK;

/* The task of a run that waited has ended; *saved: as it was told. */
enum status waiting_finish(struct build *b, struct job *job, const struct executor_event *end,
                           bool *saved, struct error *err) MUST_CHECK;

#endif
