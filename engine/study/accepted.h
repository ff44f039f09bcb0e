/*
 * accepted: failures that a study with on_failure = "prune" has met, and does not try again.
 *
 * Rows       Beside the failure of a unit, in the same table, under a key of its own. A success
 *            removes the failure and not what stands beside it: only the two together count.
 */
#ifndef ENGINE_STUDY_ACCEPTED_H
#define ENGINE_STUDY_ACCEPTED_H

#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/* *sentence: what the failure of this unit said, in the arena; NULL: there is none that was
 * accepted. */
enum status accepted_get(struct store *store, const struct digest *key, struct arena *arena,
                         const char **sentence, struct error *err) MUST_CHECK;

/* Accepts the failure of this unit, if it has failed; what was used today is younger to gc. */
enum status accepted_put(struct store *store, const struct digest *key, int64_t today,
                         struct error *err) MUST_CHECK;

#endif
