/*
 * inline_blob: the blobs that live in the index, of up to BLOB_INLINE bytes: a row costs a
 * tenth of a file.
 *
 * For blob.c alone, which checks digests; errors and transaction as in index.h.
 */
#ifndef CACHE_CONTENT_INLINE_BLOB_H
#define CACHE_CONTENT_INLINE_BLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/* A row that is there and differs was damaged, and is put right. */
enum status inline_blob_put(struct store *store, const struct digest *digest, const void *bytes,
                            size_t n, struct error *err) MUST_CHECK;

/* *bytes becomes NULL where there is no such row (*n is 0) or one larger than limit (*n is its
 * size). */
enum status inline_blob_read(struct store *store, const struct digest *digest, size_t limit,
                             struct arena *arena, void **bytes, size_t *n,
                             struct error *err) MUST_CHECK;

/* The same into bytes, BLOB_INLINE of them; a longer row is cut, which its digest shows. */
enum status inline_blob_find(struct store *store, const struct digest *digest, unsigned char *bytes,
                             size_t *n, bool *there, struct error *err) MUST_CHECK;

enum status inline_blob_exists(struct store *store, const struct digest *digest, bool *exists,
                               struct error *err) MUST_CHECK;
enum status inline_blob_remove(struct store *store, const struct digest *digest,
                               struct error *err) MUST_CHECK;

#endif
