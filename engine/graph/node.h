/*
 * node: what a person calls NODE on the command line, looked up in the history: a target, a node's
 * name, STUDY/TRIAL[/T], or the first digits of a key.
 */
#ifndef ENGINE_GRAPH_NODE_H
#define ENGINE_GRAPH_NODE_H

#include <stddef.h>

#include "base/error.h"
#include "cache/records/history.h"

struct arena;
struct store;

/* A name on the command line. */
struct node_name {
    const char *recipe, *name;
    int64_t run; /* as it was in that build; 0: in the newest */
};

/*
 * The keys that the node has had, newest first; of a trial without T, those of its last unit. A
 * key's digits give that key alone. ERR_INPUT: nothing of that name, or several keys begin so.
 */
enum status node_keys(struct store *store, const struct node_name *name, struct arena *arena,
                      struct node_key **keys, size_t *n, struct error *err) MUST_CHECK;

/* Of STUDY/TRIAL, the newest key of each unit, t = 1 first; *n = 0 where it is no trial. */
enum status node_trial(struct store *store, const struct node_name *name, struct arena *arena,
                       struct node_key **keys, size_t *n, struct error *err) MUST_CHECK;

#endif
