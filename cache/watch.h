/*
 * watch: how work that takes long is broken off, and who is told while something is waited for.
 *
 * Given to store_open, for as long as the store is open; all of it may be NULL. Whatever hashes
 * looks at `interrupted` once for each chunk of its bytes, and ends with ERR_INTERRUPTED when it is
 * not 0; what was done so far stands. Whatever waits for another process looks at it too, after a
 * second: so an interrupted build still stores what is finished. Nothing is broken off between the
 * first row of a transaction and its commit.
 * Threads    `interrupted` is read by several threads, `waits` is called by the store's own.
 */
#ifndef CACHE_WATCH_H
#define CACHE_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct watch {
    const volatile sig_atomic_t *interrupted; /* what a handler of signals counts up */

    /* `what` is waited for since so many milliseconds: "another process to end its write". Called
     * about ten times a second. */
    void (*waits)(void *context, const char *what, int64_t ms);
    void *context;
};

/* NULL is a watch that never interrupts and tells nobody. */
static inline bool watch_interrupted(const struct watch *watch)
{
    return watch && watch->interrupted && *watch->interrupted != 0;
}

/* ERR_INTERRUPTED, with the place, where the work is to end. */
static inline enum status watch_check(const struct watch *watch, const char *where,
                                      struct error *err)
{
    return watch_interrupted(watch) ? error_set(err, ERR_INTERRUPTED, where, "interrupted") : OK;
}

enum { WATCH_PATIENCE_MS = 1000 };

static inline void watch_waits(const struct watch *watch, const char *what, int64_t ms)
{
    if (watch && watch->waits && ms % 100 == 0)
        watch->waits(watch->context, what, ms);
}

#endif
