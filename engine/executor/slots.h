/*
 * slots: this machine's cpus, memory and cards, and what of them is taken. Plain numbers; no
 * process.
 *
 * Cards      A task of one GPU takes one slot of a card, the emptiest first; one of several takes
 *            as many whole cards. A card that is full has no room, whatever its slots say: until a
 *            task on it ends, or where none is there, for a while. A broken one has none any more.
 */
#ifndef ENGINE_EXECUTOR_SLOTS_H
#define ENGINE_EXECUTOR_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct card;
struct cards;
struct resources;

/* A card of this build. */
struct slot_card {
    const struct card *card;
    int used; /* slots */
    bool broken;
    int waits; /* how often it was found full since a task on it ended well */
    int64_t full_until_ns;
};

struct slots {
    int cpus, cpus_used;
    int64_t memory, memory_used; /* bytes */
    struct slot_card *cards;
    size_t n_cards;
    const char *lack; /* of no cards: why there are none */
    int64_t now_ns;   /* by the clock of full_until_ns */
};

/* What one task holds. */
struct share {
    int cpus;
    int64_t memory;
    size_t *cards; /* places in slots->cards */
    size_t n_cards;
};

/* The slots of these cards. */
enum status slots_add_cards(struct slots *slots, const struct cards *cards, struct arena *arena,
                            struct error *err) MUST_CHECK;

/* An empty share with room for what is asked. */
enum status slots_share(const struct resources *r, struct arena *arena, struct share *out,
                        struct error *err) MUST_CHECK;

/*
 * ERR_INPUT: more GPUs of its class or more memory than there is. (Of cpus a task then gets all.)
 * ERR_FAILED: there were as many, but some are broken.
 */
enum status slots_refuse(const struct slots *slots, const struct resources *r, const char *where,
                         struct arena *arena, struct error *err) MUST_CHECK;

/*
 * What a task would get now; false: not all that it asks for is free. Where it may share, it also
 * gets its part of the cpus that would stay idle, if `others` more tasks could start. *out is of
 * slots_share.
 */
bool slots_find(const struct slots *slots, const struct resources *r, int others,
                struct share *out);

void slots_take(struct slots *slots, const struct share *share);
void slots_give(struct slots *slots, const struct share *share);

/* The cards of a share, which its task still holds, have no room for another now. */
void slots_fill(struct slots *slots, const struct share *share);

/* A task on these cards has ended, and not for want of room. */
void slots_fit(struct slots *slots, const struct share *share);

/* How many cards that is: of a card with slots a part. */
double slots_weight(const struct slots *slots, const struct share *share);

#endif
