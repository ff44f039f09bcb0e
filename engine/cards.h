/*
 * cards: the GPUs of this machine, and those of them that a build may use.
 *
 * Found      in the folder of NVIDIA's driver, /proc/driver/nvidia, without any library. Their
 *            numbers are those of the bus, as nvidia-smi and CUDA_DEVICE_ORDER=PCI_BUS_ID have
 *            them. A card whose device this process may not open is another's: a cluster or a
 *            container has given it away.
 * Chosen     by --gpus, of those that the caller's CUDA_VISIBLE_DEVICES names:
 *
 *                auto            all of them; auto:4 with four slots each
 *                2               two of them
 *                0,  0,1  0:4    the cards of these numbers; of four slots each
 *                GPU-8f0c…       the card of this UUID, or of the only one that begins so
 *                MIG-…           this part of a card: taken as it is given, its class is unknown
 *
 *            A number alone is a count, so "0" is refused: it may have been meant as either.
 * Names      A process is told its cards by UUID. Where the driver knows the UUID of some card only
 *            once somebody has used it, all are told by number.
 */
#ifndef ENGINE_CARDS_H
#define ENGINE_CARDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

enum { CARD_MOST_SLOTS = 64 };

struct card {
    int number;         /* -1: a part of a card */
    const char *uuid;   /* NULL: the driver has not looked at it yet */
    const char *model;  /* "NVIDIA H100 80GB HBM3"; NULL: unknown */
    const char *bus;    /* "0000:0b:00.0" */
    const char *device; /* "/dev/nvidia0"; NULL: unknown */
    const char *why;    /* it cannot be used, in words; NULL: it can */
    const char *name;   /* for CUDA_VISIBLE_DEVICES */
    const char *class;  /* "sm_90", where hpo-trainer has been asked; else NULL */
    int slots;          /* tasks that it may have at once */
};

struct cards {
    struct card *list;
    size_t n;
    const char *lack; /* of none: why there is none, and what to do */
};

/* What --gpus says. */
struct cards_wanted {
    const char *typed; /* NULL: nothing, which is auto */
    int count;         /* so many; 0: all, or the names */
    int slots;         /* of each, where no names are given */
    const char **names;
    int *name_slots;
    size_t n;
};

/* ERR_INPUT: it is no such word. flag is for messages. */
enum status cards_parse(const char *typed, const char *flag, struct arena *arena,
                        struct cards_wanted *out, struct error *err) MUST_CHECK;

/* All cards of this machine, each with one slot. */
enum status cards_find(struct arena *arena, struct cards *out, struct error *err) MUST_CHECK;

/* Those that a build may use. visible: CUDA_VISIBLE_DEVICES, or NULL. ERR_INPUT: not all that is
 * wanted is there, or one is wanted twice. */
enum status cards_choose(const struct cards *all, const struct cards_wanted *wanted,
                         const char *visible, struct arena *arena, struct cards *out,
                         struct error *err) MUST_CHECK;

/* Whether it is of this class: words of its model ("h100") in any case, or what hpo-trainer calls
 * it ("sm_90"). NULL is any. */
bool card_is(const struct card *card, const char *class);

/* The version of the driver; NULL: none is loaded. */
const char *cards_driver(struct arena *arena);

/* "card 0 (NVIDIA H100 80GB HBM3), card 1 (NVIDIA A100)" */
const char *cards_list(const struct cards *cards, struct arena *arena);

#endif
