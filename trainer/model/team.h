/*
 * team: what a rank knows of the ranks that train or evaluate one model with it, each a thread with
 * a network of its own (kernels/ranks.h). All take the same steps; rank 0 alone reads the engine's
 * words, writes lines and files. What it decides by a clock or an input, the others hear from it.
 */
#ifndef TRAINER_MODEL_TEAM_H
#define TRAINER_MODEL_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct ranks;

struct team {
    struct ranks *ranks; /* NULL: alone */
    size_t n, rank;
};

static inline struct team team_alone(void)
{
    return (struct team){NULL, 1, 0};
}

/* Whether this rank speaks for all. */
static inline bool team_leads(const struct team *t)
{
    return t->rank == 0;
}

/* Until team_works, this rank waits for a word, or for a disk: nobody waits for it in vain. */
void team_listens(const struct team *t);
void team_writes(const struct team *t);
void team_works(const struct team *t);

/* Waits for the others. The failure of any is everyone's. */
enum status team_meet(const struct team *t, struct error *err) MUST_CHECK;

/* The bytes of rank 0 become everyone's: a decision, the address of memory that all share. */
enum status team_agree(const struct team *t, void *bytes, size_t n, struct error *err) MUST_CHECK;

#endif
