/* summary: the last lines of a build. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_SUMMARY_H
#define ENGINE_EXECUTION_SUMMARY_H

#include "engine/execution/build.h"

/* "39 ran, 2 cached, 0 failed (6.8 s)" for people, or the object of --json on standard output. */
enum status summary_print(struct build *b, double seconds, struct error *err) MUST_CHECK;

#endif
