/*
 * claim: two builds, one action. A claim is an advisory lock that the kernel releases with the
 * process that holds it, so none is ever stale.
 *
 * All claims of a store are byte ranges of one file: an open file description lock (fcntl(2),
 * F_OFD_SETLK) of one byte at an offset cut from the key. Two keys that share an offset (62 bits)
 * would only wait for each other. No file is made or removed per action.
 */
#ifndef ENGINE_EXECUTION_CLAIM_H
#define ENGINE_EXECUTION_CLAIM_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"

struct claims {
    int fd;
    const char *path; /* borrowed */
};

/* Opens the store's claims file, made where it is missing. */
enum status claims_open(const char *path, struct claims *out, struct error *err) MUST_CHECK;
void claims_close(struct claims *c);

/* *taken says whether the key is now ours; it is not while another process holds it. */
enum status claim_try(const struct claims *c, const struct digest *key, bool *taken,
                      struct error *err) MUST_CHECK;
void claim_release(const struct claims *c, const struct digest *key);

#endif
