/*
 * decoder: a stack of blocks of attention and a GELU network, each behind a layer norm: what BLOOM
 * (Scao et al. 2022) and GPT-2 (Radford et al. 2019) have in common, as transformers computes it.
 *
 *     embedding (+ learned positions) (→ norm) → blocks → norm → the head, tied or not
 *
 * A family says what it calls its tensors and where it differs. Only what the loss needs is
 * computed: see batch.h for tokens; in the last block everything after keys and values is computed
 * for queries only, and logits exist for queries only.
 */
#ifndef TRAINER_ARCH_DECODER_H
#define TRAINER_ARCH_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "trainer/model/architecture.h"

struct decoder_family {
    /* Names behind "transformer.", each with a .weight and, but for embeddings, a .bias. */
    const char *embedding;
    const char *positions;      /* learned; NULL: none */
    const char *embedding_norm; /* NULL: none */
    const char *last_norm;
    /* Names behind "transformer.h.0.". */
    const char *norm1, *qkv, *dense, *norm2, *up, *down;
    bool transposed;      /* files hold the blocks' matrices [inputs][outputs] */
    bool parts_first;     /* a row of qkv is [3][heads][d], not [heads][3][d] */
    bool scaled_residual; /* first weights of dense and down: smaller by √(2 layers) */
    /* Fills the slopes of ALiBi; NULL: attention has no bias. */
    void (*slopes)(float *slopes, size_t heads);
};

/* Of an architecture whose `family` is a struct decoder_family. */
extern const struct architecture_body decoder_body;

#endif
