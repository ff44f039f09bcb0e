/* action: an ordinary action, from its claim to its result. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_ACTION_H
#define ENGINE_EXECUTION_ACTION_H

#include "engine/execution/build.h"

/* Starts a READY action: claim, look again, prepare, run. *started is false when it must wait. */
enum status action_start(struct build *b, int node, bool *started, struct error *err) MUST_CHECK;

/* Its process has ended: outputs become blobs, the result is stored, dependants go on. */
enum status action_finish(struct build *b, struct job *job, struct error *err) MUST_CHECK;

#endif
