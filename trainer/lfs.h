/*
 * lfs: files whose content Git LFS keeps elsewhere.
 *
 * A clone without `git lfs pull` has a pointer in the place of a large file: a few lines of text
 * with the digest and the size of what should be there. Whoever reads a model's or a data set's
 * file says so, instead of what it misses in those lines.
 */
#ifndef TRAINER_LFS_H
#define TRAINER_LFS_H

#include <stddef.h>

#include "base/error.h"

struct arena;

/* ERR_INPUT where the n bytes of a file, `where`, are such a pointer. */
enum status lfs_refuse(const char *bytes, size_t n, const char *where,
                       struct error *err) MUST_CHECK;

/* file_read, then lfs_refuse. */
enum status lfs_read(const char *path, size_t limit, struct arena *arena, char **bytes, size_t *n,
                     struct error *err) MUST_CHECK;

#endif
