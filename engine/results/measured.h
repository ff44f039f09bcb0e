/*
 * measured: what making a result took. It is kept beside the result, and compared with nothing: the
 * seconds in a column of their own, the rest as the JSON of result.info.
 */
#ifndef ENGINE_RESULTS_MEASURED_H
#define ENGINE_RESULTS_MEASURED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct result;
struct store;

struct measured {
    double seconds;
    double gpu_seconds;    /* cards × seconds, of a card that is shared a part */
    const char *isolation; /* how the rest of the machine was hidden: "room", "landlock"; or NULL */
    const char *const *seen; /* what it saw all the same, besides what every action sees */
    size_t n_seen;
};

/* Into a result that is to be published. */
enum status measured_put(const struct measured *m, struct arena *arena, struct result *r,
                         struct error *err) MUST_CHECK;

/*
 * The same result was made once more: where all of it was, with more isolation, it has that from
 * now on. completed: its tree is of this time, so its isolation is, too, be it more or less.
 */
enum status measured_again(struct store *store, const struct result *again, bool completed,
                           struct arena *arena, struct error *err) MUST_CHECK;

/* Of a result that is known; what older programs have not kept is 0. Strings live in the arena. */
enum status measured_get(const struct result *r, struct arena *arena, struct measured *out,
                         struct error *err) MUST_CHECK;

#endif
