/*
 * ranks: threads of one process that train one model together, each on a device of its own. Here is
 * where they meet, and how a failure of one ends the others.
 *
 *     ranks_open(4, &ranks, &err);       then in each thread:
 *     ranks_show(ranks, rank, mine);  TRY(ranks_meet(ranks, rank, err));
 *     ... ranks_shown(ranks, other) ...
 *
 * The first failure is everyone's: ranks_meet returns it to all, now and later, and what was
 * registered by ranks_on_failure is called, so that a rank that waits on its device wakes up. A
 * rank that neither waits in a meeting nor rests, and comes no further for RANKS_SECONDS, is a
 * failure too, which names it. Where a rank does not end even so, RANKS_GRACE seconds later,
 * `stuck` is called, which ends the program. Seconds in which all of it stands still do not
 * count.
 */
#ifndef KERNELS_RANKS_H
#define KERNELS_RANKS_H

#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RANKS_MAX = 64, RANKS_SECONDS = 1800, RANKS_GRACE = 60 };

struct ranks;

/* n: 1 to RANKS_MAX. HPO_RANK_SECONDS replaces both numbers of seconds, for tests. */
enum status ranks_open(size_t n, void (*stuck)(enum status status, const struct error *error),
                       struct ranks **out, struct error *err) MUST_CHECK;
void ranks_close(struct ranks *r); /* after the last thread; NULL is allowed */

size_t ranks_count(const struct ranks *r);

/* Waits until every rank has come here as often as this one. */
enum status ranks_meet(struct ranks *r, size_t rank, struct error *err) MUST_CHECK;

/* A pointer for the others to see, between two meetings. */
void ranks_show(struct ranks *r, size_t rank, void *what);
void *ranks_shown(const struct ranks *r, size_t rank);

/* This rank has come further. A meeting says so too. */
void ranks_beat(struct ranks *r, size_t rank);

/* What this rank does now is not the others' business: it waits for a word, or for its checkpoint
 * to be written, which is let end after a failure too, while it comes further. */
enum ranks_rest { RANKS_WORKS, RANKS_LISTENS, RANKS_WRITES };
void ranks_rest(struct ranks *r, size_t rank, enum ranks_rest rest);

/* This rank fails, if none has before. */
void ranks_fail(struct ranks *r, enum status status, const struct error *error);

/* The first failure of any rank, or OK. */
enum status ranks_failure(struct ranks *r, struct error *err) MUST_CHECK;

/* What is called, once and in a thread of its own, when a rank fails; NULL: nothing any more, and
 * what is being called has returned. */
void ranks_on_failure(struct ranks *r, size_t rank, void (*stop)(void *context), void *context);

#ifdef __cplusplus
}
#endif

#endif
