/* why_keys: which keys of a node `hpo why` speaks of. */
#ifndef ENGINE_COMMANDS_WHY_KEYS_H
#define ENGINE_COMMANDS_WHY_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct board_job;
struct node_key;
struct options;
struct store;

struct why_keys {
    struct node_key *keys; /* the newest first, at least one */
    size_t n;
    const struct board_job *job; /* what runs of it in a build that goes on, or NULL */
    const char *taken; /* the arguments of the build that is meant where none were typed, or NULL */
};

/*
 * Of the build of --run, of one that runs now, or of the last one with the --set that were typed,
 * and before; says which build that is. *unknown: no build has had such a node (err says so too).
 */
enum status why_find_keys(const struct options *o, struct store *store, const char *recipe,
                          struct arena *arena, struct why_keys *out, bool *unknown,
                          struct error *err) MUST_CHECK;

/* Whether the node is STUDY/TRIAL. */
bool why_is_trial(const char *name, int *trial);

#endif
