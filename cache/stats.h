/*
 * stats: what is remembered of users' files by path: how they looked when their digest was found.
 *
 * Part of the store (store_stats), for source.c; source.h says when a digest is believed. Only what
 * may be believed is put here. Rows are read one by one, or all those of a folder at once.
 */
#ifndef CACHE_STATS_H
#define CACHE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct database;
struct stats; /* opaque: the rows read so far, by path */

struct stats_row {
    int64_t dev, ino, size, mtime_ns, ctime_ns;
    struct digest digest;
};

enum status stats_open(struct database *db, struct stats **out, struct error *err) MUST_CHECK;
void stats_close(struct stats *stats); /* NULL is allowed */

/* Reads all rows below a folder; from then on what is not there is known not to be. */
enum status stats_load(struct stats *stats, const char *folder, struct error *err) MUST_CHECK;

/* *row is NULL where nothing is remembered; else it lives until the next call. */
enum status stats_get(struct stats *stats, const char *path, const struct stats_row **row,
                      struct error *err) MUST_CHECK;

/* Remembers. The write transaction is open. */
enum status stats_put(struct stats *stats, const char *path, const struct stats_row *row,
                      int64_t today, struct error *err) MUST_CHECK;

#endif
