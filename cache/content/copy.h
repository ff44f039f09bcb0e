/*
 * copy: a new file with the bytes of another, by reflink where the file system can, and the check
 * that they are the bytes that were meant. The new file is an inode of its own: whoever writes to
 * it changes nothing else.
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
 * Long runs of zeros become holes.
 */
enum status copy_file(int from, const char *dest, bool executable, const struct digest *expected,
                      const struct watch *watch, bool *right, struct error *err) MUST_CHECK;

/*
 * The same without that check, for bytes that are known to be right: a reflink, else a copy inside
 * the kernel. What is a hole stays a hole. ERR_INTERRUPTED: the watch said so.
 */
enum status copy_known(int from, const char *dest, bool executable, const struct watch *watch,
                       struct error *err) MUST_CHECK;

/* Whether a copy inside this folder shares its blocks: tried with files that have no names. False
 * also where that cannot be tried. */
bool copy_can_share(const char *folder);

/* Makes the file dest of n bytes. */
enum status copy_bytes(const void *bytes, size_t n, const char *dest, bool executable,
                       struct error *err) MUST_CHECK;

#endif
