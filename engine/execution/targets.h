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

/* A node that was named on the command line. */
struct named_node {
    const char *name;
    int node;     /* an action, or the study of a trial; -1: not there yet */
    int trial, t; /* -1: an action; t 0: the last unit */
};

/* Of `hpo shell`: the action or the trial's study, or all that may make it while it goes on. */
enum status targets_choose_node(struct build *b, struct named_node *of,
                                struct error *err) MUST_CHECK;

/* Looks again, once all that is known was gone through. ERR_INPUT: there is no such node, or it
 * runs nothing. */
enum status targets_find_node(struct build *b, struct named_node *of, struct error *err) MUST_CHECK;

/* --rerun NODE: an action, or a unit of a trial. */
enum status targets_choose_rerun(struct build *b, struct error *err) MUST_CHECK;

#endif
