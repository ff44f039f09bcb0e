/* missed: what of a task that failed lies where it is hidden from it, as it asked for it or as its
 * log says. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_MISSED_H
#define ENGINE_EXECUTION_MISSED_H

#include "engine/execution/build.h"

/*
 * A line for each, up to a few, in the job's arena; and one for the network. Of a task that sees
 * all, only names of files that lie beside the recipe and are not among its inputs.
 */
void missed_find(const struct build *b, const struct job *job, const char *log, struct text *out);

#endif
