/* action: an ordinary action, from its claim to its result. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_ACTION_H
#define ENGINE_EXECUTION_ACTION_H

#include "engine/execution/build.h"

/* Offers a node that the plan has given as ready. *waits: it is neither started nor known; it goes
 * back to the plan later. `others` as in struct request. */
enum status action_start(struct build *b, int node, int others, bool *waits,
                         struct error *err) MUST_CHECK;

/* Its task has ended, as the event says. */
enum status action_finish(struct build *b, struct job *job, const struct executor_event *end,
                          struct error *err) MUST_CHECK;

#endif
