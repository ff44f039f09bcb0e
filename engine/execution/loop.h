/* loop: decide, start, wait, finish. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_LOOP_H
#define ENGINE_EXECUTION_LOOP_H

#include "engine/execution/build.h"

enum status loop_run(struct build *b, struct error *err) MUST_CHECK;

#endif
