/* output: out/RECIPE/TARGET. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_OUTPUT_H
#define ENGINE_EXECUTION_OUTPUT_H

#include "engine/execution/build.h"

/* Puts every target into out/. *again: the store had lost something, which is now wanted. */
enum status output_targets(struct build *b, bool *again, struct error *err) MUST_CHECK;

#endif
