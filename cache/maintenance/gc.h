/*
 * gc: what may go.
 *
 * Dropping   Belongs to a build: trees of units (checkpoints) that nobody wants. Only when no other
 *            process has the store open, for that one may want them; else it is left to a later
 *            build. Its cost grows with what is dropped; it never walks over the store.
 * Collecting A person asks for it. It walks over everything and needs the store for itself. Trees
 *            go by age of last use, the longest unused first, until the limits hold; what a marked
 *            (not reproducible) action needs stays. A unit's reports always stay. Blobs that
 *            nothing names, files that a killed process left and old working folders go in any
 *            case.
 */
#ifndef CACHE_MAINTENANCE_GC_H
#define CACHE_MAINTENANCE_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct store;

struct drop_report {
    bool alone; /* false: another process has the store open, nothing was done */
    size_t trees, blobs;
    int64_t bytes;
};

/* Drops the trees of these results (units whose newer checkpoint has replaced them). Syncs. */
enum status cache_drop(struct store *store, const struct digest *keys, size_t n,
                       struct drop_report *report, struct error *err) MUST_CHECK;

/* Drops the trees of all units that are nobody's root. For the end of a build. Syncs. */
enum status cache_drop_unwanted(struct store *store, struct drop_report *report,
                                struct error *err) MUST_CHECK;

struct gc_limits {
    int64_t max_bytes;    /* of all blobs; < 0: no limit */
    int64_t max_age_days; /* since last use; < 0: no limit */
    int64_t today;        /* days since 1970 */
    bool dry_run;         /* count only */
};

struct gc_report {
    size_t results; /* whose tree went */
    size_t blobs;
    int64_t bytes;             /* that went */
    size_t blobs_left;         /* that stayed */
    int64_t bytes_left;        /* of those */
    size_t leftovers, folders; /* files in tmp, folders in work */
    size_t foreign;            /* folders in work that another user must remove */
};

/* Waits a second for others; ERR_FAILED names a process that has the store open. */
enum status cache_gc(struct store *store, const struct gc_limits *limits, struct gc_report *report,
                     struct error *err) MUST_CHECK;

#endif
