/*
 * belief: how large blobs looked when their bytes were last hashed. While one still looks so, a
 * checkpoint of gigabytes need not be read again each time it is linked somewhere.
 *
 * A blob is believed while its inode, its size and its content's time of change (mtime) are as they
 * were. The inode's time of change (ctime) plays no part: each hard link moves it.
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
