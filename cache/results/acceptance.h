/*
 * acceptance: keys of which somebody has said that an older key's result stands for them.
 *
 * Meaning    Such a key counts as known: index_result_get gives the result that it points at. It
 *            points at a key that has a result of its own, never at an accepted one.
 * Word       A result that was trained on from an accepted one is its own row, and rests on it all
 *            the same: acceptance_followers finds it by the descriptions of units, which name the
 *            unit before.
 * End        The key's own result, when it comes, takes the place of the acceptance (index_put.c);
 *            acceptance_revoke takes it away, and what rests on it. What is pointed at is left
 *            alone by gc.
 * Other      Failures that `on_failure = "prune"` has accepted are something else: see
 *            engine/study/accepted.h.
 * Rows       Part of the store's transaction, as in index.h. Strings got live in the arena.
 */
#ifndef CACHE_RESULTS_ACCEPTANCE_H
#define CACHE_RESULTS_ACCEPTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

struct acceptance {
    struct digest key;
    struct digest stands_for; /* the key whose result it has */
    const char *recipe;       /* for which it was accepted, */
    const char *name;         /* and its node's name there */
    const char *who;          /* name of the user */
    int64_t uid;
    int64_t time; /* seconds since 1970, given by the caller */
};

/*
 * Says that a key stands for another one, with the key's own description. A key that has a result
 * of its own keeps it; one that was accepted before points there from now on. An accepted
 * `stands_for` is followed. ERR_NOT_FOUND: it has no result.
 */
enum status acceptance_put(struct store *store, const struct acceptance *a, const char *description,
                           struct error *err) MUST_CHECK;

/* ERR_NOT_FOUND: it was not accepted. */
enum status acceptance_get(struct store *store, const struct digest *key, struct arena *arena,
                           struct acceptance *out, struct error *err) MUST_CHECK;

/* Those of a recipe, the oldest first, then by name; NULL: of every recipe. */
enum status acceptance_list(struct store *store, const char *recipe, struct arena *arena,
                            struct acceptance **out, size_t *n, struct error *err) MUST_CHECK;

/* What the result of a key rests on: its own acceptance, or that of the nearest unit before it.
 * ERR_NOT_FOUND: on none. */
enum status acceptance_origin(struct store *store, const struct digest *key, struct arena *arena,
                              struct acceptance *out, struct error *err) MUST_CHECK;

/* The results of units that were trained on from these keys and from no other accepted one. */
enum status acceptance_followers(struct store *store, const struct digest *keys, size_t n,
                                 struct arena *arena, struct digest **followers,
                                 size_t *n_followers, struct error *err) MUST_CHECK;

/* Takes these acceptances back, and forgets the results of their followers. */
enum status acceptance_revoke(struct store *store, const struct digest *keys, size_t n,
                              struct error *err) MUST_CHECK;

/* ---- for the modules of this room ---- */

/* Absent is fine. The write transaction is open. */
enum status acceptance_remove(struct store *store, const struct digest *key,
                              struct error *err) MUST_CHECK;

#endif
