/*
 * script: a program that knows nothing of the protocol. What it prints, or a file that it writes,
 * becomes the lines that a trainer would have written; from there reports go the usual way. Part of
 * a build: see build.h.
 *
 * Spec       {"patterns": {METRIC: PATTERN, ...}} or {"file": NAME, "metric": METRIC}, and
 *            "last": true where what stands there at the end is all.
 * Report     is complete once every pattern has matched since the last one; a later match replaces
 *            an earlier one. With a pattern named t it is complete where that finds another
 *            number, or at the end: what was found last under one number counts. Of a file each
 *            row is one (engine/execution/rows.h); where it has a field t, each with a larger t.
 * Numbers    The k-th complete report is t = k.
 * Pausing    At a decision the task stands still until that is known. What it has reported beyond
 *            is known, and delivered where its trial comes to it.
 */
#ifndef ENGINE_EXECUTION_SCRIPT_H
#define ENGINE_EXECUTION_SCRIPT_H

#include "engine/execution/build.h"

struct script;

/* Of an action that is one; *out lives in the arena. */
enum status script_open(const struct action *action, struct arena *arena, struct script **out,
                        struct error *err) MUST_CHECK;

/* Takes a line of n bytes that the task has written. */
enum status script_take_line(struct build *b, struct job *job, const char *line, size_t n,
                             struct error *err) MUST_CHECK;

/* Whether the files of running tasks are to be looked at; script_look does, *came: one had news. */
bool script_watches(const struct build *b);
enum status script_look(struct build *b, bool *came, struct error *err) MUST_CHECK;

/* The task has ended by itself: takes what is new in its file and, where it did with 0, what counts
 * only then. */
enum status script_finish(struct build *b, struct job *job, bool with_0,
                          struct error *err) MUST_CHECK;

/* Why it has reported nothing, or not enough, in the build's arena. NULL: no memory. */
const char *script_missing(struct build *b, const struct job *job);

#endif
