/* loop: decide, start, wait, finish. Part of a build: see engine/build.h. */
#ifndef ENGINE_LOOP_H
#define ENGINE_LOOP_H

#include "engine/build.h"

enum status loop_run(struct build *b, struct error *err) MUST_CHECK;

#endif
