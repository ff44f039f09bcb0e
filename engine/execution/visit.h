/*
 * visit: what a node would run now, as far as the store knows what it reads; and somebody in the
 * place where it would run: for `hpo why` and `hpo shell`. Part of a build: see build.h.
 */
#ifndef ENGINE_EXECUTION_VISIT_H
#define ENGINE_EXECUTION_VISIT_H

#include "engine/execution/targets.h"

/* What is visited: an action, or a run of a trial from its beginning. */
struct visited {
    int node; /* the action, or the template of the run */
    const struct digest *key;
    const char *description;
    int until; /* 0: no run */
};

/* ERR_INPUT: something that it reads is not known yet. */
enum status visit_find(struct build *b, const struct named_node *of, struct visited *v,
                       struct error *err) MUST_CHECK;

/* Opens a shell where it would run, and waits for its end; for session_look. */
enum status visit_node(struct build *b, const struct named_node *of, void *context,
                       struct error *err) MUST_CHECK;

#endif
