/*
 * suggestion: what a build says, once, of something that it is about to make again although only
 * comments and white space of Python sources differ, or the way in which hpo knows a Python: that
 * `hpo accept` would keep the older results.
 */
#ifndef ENGINE_EXECUTION_SUGGESTION_H
#define ENGINE_EXECUTION_SUGGESTION_H

#include "engine/execution/build.h"

/* Of an action that is not known; of a trial's template, of which a unit is not. */
enum status suggestion_of_action(struct build *b, int node, struct error *err) MUST_CHECK;
enum status suggestion_of_template(struct build *b, const struct template *t,
                                   struct error *err) MUST_CHECK;

#endif
