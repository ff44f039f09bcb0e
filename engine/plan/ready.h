/*
 * ready: nodes that only wait for a slot and a claim, the one of the highest rank first, of equal
 * ranks the one that stands first in the recipe.
 *
 * A node's rank may grow while it is here: it is added again, and its older entry is then for the
 * caller to pass over. A heap, in an arena that outlives it; all zeros is an empty one.
 */
#ifndef ENGINE_PLAN_READY_H
#define ENGINE_PLAN_READY_H

#include <stddef.h>

#include "base/error.h"

struct arena;

struct ready_entry {
    int rank, node;
};

struct ready {
    struct ready_entry *heap;
    size_t n, capacity;
};

enum status ready_add(struct ready *r, struct ready_entry entry, struct arena *arena,
                      struct error *err) MUST_CHECK;

/* Takes the first; there is one. */
struct ready_entry ready_take(struct ready *r);

#endif
