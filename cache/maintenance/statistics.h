/* statistics: what the store holds, in numbers. Reads everything that tells it, changes nothing. */
#ifndef CACHE_MAINTENANCE_STATISTICS_H
#define CACHE_MAINTENANCE_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct store;

struct kind_stat {
    const char *kind; /* of the results */
    size_t results, kept, marked;
    int64_t bytes; /* of their trees, what they share counted each time */
};

struct cache_stat {
    struct kind_stat *kinds; /* sorted by name */
    size_t n_kinds;
    size_t blobs, inline_blobs;
    int64_t blob_bytes, inline_bytes, index_bytes;
};

enum status cache_stat(struct store *store, struct arena *arena, struct cache_stat *stat,
                       struct error *err) MUST_CHECK;

#endif
