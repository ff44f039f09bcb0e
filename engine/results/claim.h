/*
 * claim: two builds, one action. A claim is an advisory lock that the kernel releases with the
 * process that holds it, so none is ever stale.
 *
 * Place      All claims of a store are byte ranges of one file, by open file description locks
 *            (fcntl(2), F_OFD_SETLK). A chain of units lies at consecutive bytes, from an offset
 *            cut from the key of its first unit: one lock claims any stretch of it. Two keys that
 *            share an offset (61 bits) would only wait for each other. No file is made or removed.
 */
#ifndef ENGINE_RESULTS_CLAIM_H
#define ENGINE_RESULTS_CLAIM_H

#include "engine/results/results.h"

struct claims {
    int fd;
    const char *path; /* borrowed */
};

/* Opens the store's claims file, made where it is missing. */
enum status claims_open(const char *path, struct claims *out, struct error *err) MUST_CHECK;
void claims_close(struct claims *c);

/* *taken: so many units from the chain's first on are ours now; another process holds the next. */
enum status claim_try(const struct claims *c, const struct chain *chain, int *taken,
                      struct error *err) MUST_CHECK;
void claim_release(const struct claims *c, const struct chain *chain);

#endif
