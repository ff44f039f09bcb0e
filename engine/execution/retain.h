/*
 * retain: while a build goes on, the newer checkpoint of a trial replaces the older one in the
 * store. (At its end cache_drop_unwanted says what stays.) Part of a build: see build.h.
 */
#ifndef ENGINE_EXECUTION_RETAIN_H
#define ENGINE_EXECUTION_RETAIN_H

#include "base/error.h"

struct build;
struct unit;

/* A run went on from the checkpoint of `u`, and its own checkpoint is in the store now. */
enum status retain_replaced(struct build *b, struct unit *u, struct error *err) MUST_CHECK;

/* Drops the replaced checkpoints that nobody can ask for by now. Syncs the store where any are. */
enum status retain_drop(struct build *b, struct error *err) MUST_CHECK;

#endif
