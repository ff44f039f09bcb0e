/*
 * live: a build while it goes on, as its terminal and other processes see it. Part of a build: see
 * build.h; what is drawn is engine/board.h, what others read engine/running.h.
 *
 * Cost       Drawing and writing take a small share of the time, however large the build: what took
 *            long is done less often.
 */
#ifndef ENGINE_EXECUTION_LIVE_H
#define ENGINE_EXECUTION_LIVE_H

#include "engine/execution/build.h"

/* The run has its number. started: in seconds since 1970. */
enum status live_begin(struct build *b, int64_t started, struct error *err) MUST_CHECK;

/* Before the loop waits: draws and writes what is due. What fails there is left out. */
void live_look(struct build *b);

/* The end of the run is in the history. */
void live_end(struct build *b);

#endif
