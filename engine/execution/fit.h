/*
 * fit: whether this machine has what is left to do asks for. Part of a build: see build.h.
 *
 * Looked at once, when all that is known is known and before the first process starts, so that a
 * recipe that asks for a card too many is refused at the start and not after hours.
 */
#ifndef ENGINE_EXECUTION_FIT_H
#define ENGINE_EXECUTION_FIT_H

#include "engine/execution/build.h"

/* ERR_INPUT: some action never could start here. */
enum status fit_check(struct build *b, struct error *err) MUST_CHECK;

#endif
