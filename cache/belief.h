/*
 * belief: how large blobs looked when their bytes were last hashed, so that a checkpoint of
 * gigabytes need not be read again each time it is reflinked somewhere.
 *
 * A blob is believed while inode, size and time of change of its content are as they were. The time
 * of change of the inode plays no part: a blob is believed from before it is moved to its name.
 */
#ifndef CACHE_BELIEF_H
#define CACHE_BELIEF_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"

struct store;

enum status belief_put(struct store *store, const struct digest *digest, const struct stat *st,
                       struct error *err) MUST_CHECK;
enum status belief_holds(struct store *store, const struct digest *digest, const struct stat *st,
                         bool *holds, struct error *err) MUST_CHECK;

#endif
