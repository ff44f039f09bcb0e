/*
 * small: the blobs that live in the index, of up to BLOB_SMALL bytes: a row costs a tenth of a
 * file.
 *
 * Only blob.c calls this, and checks the digests; errors and transaction are as in index.h.
 */
#ifndef CACHE_SMALL_H
#define CACHE_SMALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/* A row that is there and differs was damaged, and is put right. */
enum status small_put(struct store *store, const struct digest *digest, const void *bytes, size_t n,
                      struct error *err) MUST_CHECK;

/* *bytes becomes NULL for no such row (*n is 0) and for one larger than limit (*n is its size). */
enum status small_read(struct store *store, const struct digest *digest, size_t limit,
                       struct arena *arena, void **bytes, size_t *n, struct error *err) MUST_CHECK;

/* The same into bytes, BLOB_SMALL of them; a longer row is cut, which its digest shows. */
enum status small_find(struct store *store, const struct digest *digest, unsigned char *bytes,
                       size_t *n, bool *there, struct error *err) MUST_CHECK;

enum status small_exists(struct store *store, const struct digest *digest, bool *exists,
                         struct error *err) MUST_CHECK;
enum status small_remove(struct store *store, const struct digest *digest,
                         struct error *err) MUST_CHECK;

#endif
