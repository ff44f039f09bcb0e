/*
 * roots: which units' checkpoints must stay, and for whom. gc.h drops those that are nobody's root.
 */
#ifndef CACHE_RESULTS_ROOTS_H
#define CACHE_RESULTS_ROOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct store;

/*
 * Replaces what an owner (a study of a recipe with its arguments) wants kept: the keys of the units
 * whose trees cache_drop_unwanted leaves alone. n = 0: none. Writes only changes.
 */
enum status roots_replace(struct store *store, const char *owner, const struct digest *keys,
                          size_t n, struct error *err) MUST_CHECK;

/* Whether any owner wants the tree of this unit kept. */
enum status roots_has(struct store *store, const struct digest *key, bool *wanted,
                      struct error *err) MUST_CHECK;

#endif
