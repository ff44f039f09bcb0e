/*
 * index: what is known by key: the results of actions and of units of training.
 *
 * A result is the first outcome that was seen for a key: a tree (what an action left), reports
 * (what a unit of training said), or both. Its row stays. Its tree may be dropped and come back
 * (kept = false: the digest stays, to compare with). An outcome that differs from the first is kept
 * beside it, and marks the key as not reproducible.
 *
 * Rows       Part of the store's transaction. This process sees them at once; others, and whoever
 *            comes after a crash, once store_sync has returned. Blobs that a row names are
 *            committed before it is put: since the last store_sync, or by a result that still
 *            stands.
 * Strings    Those given are copied; those got live in the arena. NULL is stored as NULL.
 * Days       Whole days since 1970, given by the caller.
 * Errors     ERR_SYSTEM: disk full, a read-only store, another process that does not let go for a
 *            minute. ERR_CORRUPT: the index is damaged.
 */
#ifndef CACHE_RESULTS_INDEX_H
#define CACHE_RESULTS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;
struct tree;

struct result {
    struct digest key;       /* where it lies: see index_result_get */
    const char *kind;        /* "command", "clone", "unit", … */
    const char *name;        /* the node's, for people; or NULL */
    const char *description; /* canonical text of all that the key hashes */
    bool has_tree;
    struct digest tree;
    int64_t bytes;       /* of the tree's files together */
    const char *reports; /* canonical reports of a unit; or NULL */
    const char *info;    /* measured, never compared; or NULL */
    bool has_log;
    struct digest log;
    double seconds;   /* measured, never compared */
    int64_t run;      /* the run that stored it */
    bool kept;        /* its tree is in the store */
    bool marked;      /* not reproducible: see index_result_others */
    int64_t used_day; /* of last use */
};

enum put_outcome {
    PUT_NEW,
    PUT_SAME,      /* as known; a tree that had been dropped is kept again */
    PUT_COMPLETED, /* the reports are as known, and the tree is the first that it has */
    PUT_DIFFERENT  /* stored beside the first, which stays the result; the key is marked */
};

/*
 * Stores a result. Of an accepted key it is the first result, compared with the one that stood for
 * it: where they differ both keys are marked. tree gives the blobs behind r->tree (the same
 * digest), NULL where there is none; r->kept and r->marked are not looked at. Outcomes are compared
 * by tree and reports; one without a tree is the same as one with it when the reports are.
 */
enum status index_result_put(struct store *store, const struct result *r, const struct tree *tree,
                             enum put_outcome *outcome, struct error *err) MUST_CHECK;

/*
 * The whole row. Of a key that was accepted (acceptance.h), the row that it stands for: out->key is
 * that one's, out->description its own. ERR_NOT_FOUND: the key is not known.
 */
enum status index_result_get(struct store *store, const struct digest *key, struct arena *arena,
                             struct result *out, struct error *err) MUST_CHECK;

/*
 * Many rows at once: out[i] is the result that keys[i] has of its own, or NULL. description and
 * info are not read (NULL). Ten thousand take some 20 ms; keys in sorted order are faster.
 */
enum status index_results_get(struct store *store, const struct digest *keys, size_t n,
                              struct arena *arena, const struct result **out,
                              struct error *err) MUST_CHECK;

/*
 * Between the two, what is read is one state of the index, and reading costs half: for planning a
 * build. The first write ends it by itself.
 */
void index_read_begin(struct store *store);
void index_read_end(struct store *store);

/* The outcomes beside the first, oldest first; description, name and info are not stored. */
enum status index_result_others(struct store *store, const struct digest *key, struct arena *arena,
                                struct result **others, size_t *n, struct error *err) MUST_CHECK;

/*
 * Walks all results in the order of their keys: the whole row behind `after`, NULL for the first.
 * ERR_NOT_FOUND ends the walk. For audits and statistics, not for builds.
 */
enum status index_result_next(struct store *store, const struct digest *after, struct arena *arena,
                              struct result *out, struct error *err) MUST_CHECK;

/* All known keys whose hexadecimal form begins with prefix (at least 1 digit), at most limit. */
enum status index_result_find(struct store *store, const char *prefix, size_t limit,
                              struct arena *arena, struct digest **keys, size_t *n,
                              struct error *err) MUST_CHECK;

/*
 * Grows whenever an answer that was given before is not right any more: a result was marked or
 * forgotten. Who repeats answers from elsewhere compares it first.
 */
enum status index_revision(struct store *store, int64_t *revision, struct error *err) MUST_CHECK;

/* Marks a key as not reproducible for another reason than two results (an audit). */
enum status index_result_mark(struct store *store, const struct digest *key,
                              struct error *err) MUST_CHECK;

/* Forgets a result, or an acceptance, altogether, so that it is made again. Absent is fine. Blobs
 * are left to gc. */
enum status index_result_forget(struct store *store, const struct digest *key,
                                struct error *err) MUST_CHECK;

/* Says that these results were used today. Writes only where the day differs. */
enum status index_results_touch(struct store *store, const struct digest *keys, size_t n,
                                int64_t today, struct error *err) MUST_CHECK;

/* Of a result that index_result_get gave: it has this r->info from now on. */
enum status index_info_put(struct store *store, const struct result *r,
                           struct error *err) MUST_CHECK;

/* ---- for the modules of this room ---- */

/* What lies beside a key: r->description and r->info. The write transaction is open. */
enum status index_detail_put(struct store *store, const struct result *r,
                             struct error *err) MUST_CHECK;

/*
 * Says that the tree of a result is not in the store any more, in its row and beside it; the blobs
 * that now nobody needs are added to *blobs. The caller removes them after store_sync.
 */
enum status index_result_drop_tree(struct store *store, const struct digest *key,
                                   struct arena *arena, struct digest **blobs, size_t *n,
                                   size_t *capacity, struct error *err) MUST_CHECK;

#endif
