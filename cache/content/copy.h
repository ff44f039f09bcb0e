/*
 * copy: a new file with the bytes of another, by reflink where the file system can, and the check
 * that they are the bytes that were meant.
 */
#ifndef CACHE_CONTENT_COPY_H
#define CACHE_CONTENT_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct watch;

/*
 * Makes the file dest (mode 0644, or 0755) of what the descriptor from has to give from its start.
 * *right says whether those bytes have the digest expected; where they do not, there is no dest.
 */
enum status copy_file(int from, const char *dest, bool executable, const struct digest *expected,
                      const struct watch *watch, bool *right, struct error *err) MUST_CHECK;

/* Makes dest a reflink of from without reading a byte; *cloned is false where that is impossible,
 * and there is no dest then. */
enum status copy_clone(int from, const char *dest, bool executable, bool *cloned,
                       struct error *err) MUST_CHECK;

/* Makes the file dest of n bytes. */
enum status copy_bytes(const void *bytes, size_t n, const char *dest, bool executable,
                       struct error *err) MUST_CHECK;

#endif
