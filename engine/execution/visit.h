/* visit: the place where a node would run, and somebody in it: for `hpo shell`. Part of a build: see
 * build.h. */
#ifndef ENGINE_EXECUTION_VISIT_H
#define ENGINE_EXECUTION_VISIT_H

#include "engine/execution/targets.h"

/* Opens a shell there, and waits for its end. ERR_INPUT: what it reads is not known yet. */
enum status visit_node(struct build *b, const struct named_node *of, struct error *err) MUST_CHECK;

#endif
