/*
 * verify: what is damaged, and what there is. Reads everything, changes nothing; others may go on
 * working meanwhile.
 */
#ifndef CACHE_VERIFY_H
#define CACHE_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct store;

struct verify_report {
    size_t blobs, trees, results;
    int64_t bytes;
    const char **damage; /* "blob ab12…: …", a sentence each, sorted */
    size_t n_damage;
};

/*
 * Checks the digest of every blob, the text of every tree, and that every result has its blobs.
 * ERR_CORRUPT where anything is wrong; the report is filled then too.
 */
enum status cache_verify(struct store *store, struct arena *arena, struct verify_report *report,
                         struct error *err) MUST_CHECK;

struct kind_stat {
    const char *kind; /* of the results */
    size_t results, kept, marked;
    int64_t bytes; /* of their trees, what they share counted each time */
};

struct cache_stat {
    struct kind_stat *kinds; /* sorted by name */
    size_t n_kinds;
    size_t blobs, small_blobs;
    int64_t blob_bytes, small_bytes, index_bytes;
};

enum status cache_stat(struct store *store, struct arena *arena, struct cache_stat *stat,
                       struct error *err) MUST_CHECK;

#endif
