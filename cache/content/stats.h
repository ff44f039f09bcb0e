/*
 * stats: what is remembered of users' files by path: how they looked when their digest was found.
 *
 * For source.c, which has the rule of when a row is trusted: only what it may trust later is put.
 * Rows are read one by one, or those of a folder in one go; what was read lives with the store.
 */
#ifndef CACHE_CONTENT_STATS_H
#define CACHE_CONTENT_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct store;

struct stats_row {
    int64_t dev, ino, size, mtime_ns, ctime_ns;
    struct digest digest;
};

/* Reads all rows below a folder; from then on what is not there is known not to be. */
enum status stats_load(struct store *store, const char *folder, struct error *err) MUST_CHECK;

/* *row is NULL where nothing is remembered; else it lives until the next call. */
enum status stats_get(struct store *store, const char *path, const struct stats_row **row,
                      struct error *err) MUST_CHECK;

/* Remembers, in the store's transaction. */
enum status stats_put(struct store *store, const char *path, const struct stats_row *row,
                      int64_t today, struct error *err) MUST_CHECK;

/* Forgets what was hashed before that day. The write transaction is open. */
enum status stats_prune(struct store *store, int64_t before_day, struct error *err) MUST_CHECK;

#endif
