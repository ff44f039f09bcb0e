/*
 * trusted: how large blobs looked when their bytes were last hashed, so that a checkpoint of
 * gigabytes need not be read again each time it is placed somewhere.
 *
 * A blob's digest is trusted while inode, size and time of change of its content are as they were.
 * The time of change of the inode plays no part: each hard link changes it.
 */
#ifndef CACHE_CONTENT_TRUSTED_H
#define CACHE_CONTENT_TRUSTED_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"

struct store;

enum status trusted_put(struct store *store, const struct digest *digest, const struct stat *st,
                        struct error *err) MUST_CHECK;
enum status trusted_holds(struct store *store, const struct digest *digest, const struct stat *st,
                          bool *holds, struct error *err) MUST_CHECK;
/* The blob is gone, or about to go. Absent is fine. */
enum status trusted_forget(struct store *store, const struct digest *digest,
                           struct error *err) MUST_CHECK;

#endif
