/*
 * devices: the cards that a build may use, found when somebody first asks for them, and what
 * hpo-trainer says of them: their classes, and what results on them depend on.
 *
 * Identity   What results in 16 bits on a card depend on is what `hpo-trainer fingerprint` answers
 *            beside each card, or beside the file of --gpu-identity. It is asked in each build:
 *            another card may have been put in.
 */
#ifndef ENGINE_PROCESS_DEVICES_H
#define ENGINE_PROCESS_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/cards.h"

struct arena;
struct capture;
struct options;

struct devices_context {
    const struct options *options;
    const struct capture *capture;
    const char *folder; /* where a command may put a file */
    struct arena *arena;
};

struct devices; /* opaque: what was found in this build */

/* ERR_INPUT: the file of --gpu-identity is not there. */
enum status devices_open(const struct devices_context *context, struct devices **out,
                         struct error *err) MUST_CHECK;

/* HPO_CUDA_LIBRARIES, absolute; or NULL. */
const char *devices_libraries(const struct devices *d);

/* The cards; none are no error. ERR_INPUT: --gpus names what is not there. */
enum status devices_cards(struct devices *d, const struct cards **out,
                          struct error *err) MUST_CHECK;

/* Asks the program hpo-trainer, where it lies, for the class of each card. */
enum status devices_classes(struct devices *d, const char *trainer, struct error *err) MUST_CHECK;

/* ERR_INPUT: that program cannot train on so many cards. where is for messages. */
enum status devices_check(struct devices *d, const char *trainer, int gpus, const char *where,
                          struct error *err) MUST_CHECK;

/* The answer of this command of hpo-trainer beside the cards of a class (NULL: any). ERR_INPUT:
 * there is no such card, or two of them make it answer differently. */
enum status devices_identity(struct devices *d, const char *trainer, const char *const *argv,
                             const char *class, const char *where, const char **identity,
                             struct error *err) MUST_CHECK;

/* ---- what hpo-trainer devices --json says ---- */

struct device {
    const char *uuid, *name, *class, *why; /* why it cannot be used; NULL: it can */
    double memory, free;                   /* bytes; 0: unknown */
};

struct devices_report {
    const char *driver, *cublaslt, *nccl; /* versions, or NULL */
    const char *why;                      /* there is no backend for cards; NULL: there is */
    struct device *list;
    size_t n;
};

/* Runs it. An answer that lacks something lacks it here; one that is none is ERR_FAILED. */
enum status devices_ask(struct devices *d, const char *trainer, struct devices_report *out,
                        struct error *err) MUST_CHECK;

/* ERR_INPUT: it is no such answer. */
enum status devices_read(const char *text, struct arena *arena, struct devices_report *out,
                         struct error *err) MUST_CHECK;

#endif
