/*
 * journal: the fold of a study. Row i is H(row i−1, event) → answer: what a searcher suggested,
 * what a scheduler decided. Rooted in the study's identity and in the source of the Lua that
 * decides, so an answer is found again exactly while everything before it is the same, by any build
 * on this store.
 */
#ifndef ENGINE_STUDY_JOURNAL_H
#define ENGINE_STUDY_JOURNAL_H

#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

struct journal {
    struct store *store; /* NULL: nothing is known, and nothing is written down */
    struct digest row;   /* of the last event */
    int64_t today;       /* days since 1970: only for gc */
};

/* Starts at the root: identity and source are hashed. */
enum status journal_open(struct journal *j, struct store *store, const char *identity,
                         const char *source, int64_t today, struct error *err) MUST_CHECK;

/* Goes on to the row of this event; *answer is what is stored there, or NULL. */
enum status journal_follow(struct journal *j, const char *event, struct arena *arena,
                           const char **answer, struct error *err) MUST_CHECK;

/* Stores the answer of the present row. */
enum status journal_write(struct journal *j, const char *answer, struct error *err) MUST_CHECK;

#endif
