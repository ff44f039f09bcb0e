/* targets: what a build is asked for. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_TARGETS_H
#define ENGINE_EXECUTION_TARGETS_H

#include "engine/execution/build.h"

/* The targets that were asked for by name, else `default`, else all. ERR_INPUT. */
enum status targets_choose(struct build *b, struct error *err) MUST_CHECK;

/* All of them, whatever words stand on the command line. ERR_INPUT: there are none. */
enum status targets_choose_all(struct build *b, struct error *err) MUST_CHECK;

/* Of a replay: the study of this name (NULL: the only one), or each hpo.after that may make it. */
enum status targets_choose_study(struct build *b, const char *name, struct error *err) MUST_CHECK;

/* The study, once it was opened. ERR_INPUT: there is none of that name. */
enum status targets_find_study(struct build *b, const char *name, int *node,
                               struct error *err) MUST_CHECK;

/* --rerun NODE: an action, or a unit of a trial. */
enum status targets_choose_rerun(struct build *b, struct error *err) MUST_CHECK;

#endif
