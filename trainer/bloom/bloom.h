/*
 * bloom: the model itself, forward and backward, one line an operation.
 *
 * Scao et al. 2022 as transformers computes it: embedding, layer norm, blocks of attention with
 * ALiBi and a GELU network, a last layer norm, the (tied) head. Only what the loss needs is
 * computed: see batch.h for tokens; in the last block everything after keys and values is computed
 * for queries only, and logits exist for queries only.
 *
 * Life       bloom_open plans every slab for the largest batch and takes the memory at once;
 *            weights are then filled by model_read_weights or init. Memory belongs to the backend.
 * Training   bloom_forward, bloom_loss, bloom_backward, in this order, any number of times.
 * Cache      With a cache, keys and values of earlier tokens are kept from call to call, and a
 *            batch brings new tokens only (see generate.c).
 */
#ifndef TRAINER_BLOOM_BLOOM_H
#define TRAINER_BLOOM_BLOOM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/backend.h"
#include "trainer/bloom/batch.h"
#include "trainer/bloom/layout.h"
#include "trainer/bloom/precision.h"

/* One block's activations, kept for the backward pass: rows of the batch, or of its queries.
 * What is cheap to compute again is not here. */
struct block_activations {
    float *x; /* what comes in */
    float *qkv;
    float *row_max, *row_scale; /* of attention's softmax: [rows][heads] */
    float *context;
    float *skip; /* last block only: what goes around attention, for the queries */
    float *middle;
    float *up;
};

struct bloom {
    struct backend *be;
    const struct ops *ops;
    const struct layout *layout;
    float *weights;
    float *gradients, *moment1, *moment2; /* only for training */
    float *slopes;                        /* of ALiBi, [heads] */
    struct block_activations *blocks;     /* [layers] */
    float *embedded;                      /* before its layer norm */
    float *mean0, *rstd0;
    float *normed, *mean, *rstd, *gelu;              /* of the current block */
    float *last, *last_norm, *last_mean, *last_rstd; /* of the queries */
    float *logits;                                   /* [queries] rows of vocab */
    double *losses;                                  /* [queries] */
    float *cache;                                    /* [layers][cache_rows] keys and values */
    size_t cache_rows;
    float *norms;                                   /* [tensors] of the gradients */
    float *d_rows, *d_norm, *d_skip, *d_up, *d_qkv; /* gradients of activations */
    bool bf16;                                      /* products in bfloat16 */
    size_t hidden_stride, qkv_stride, up_stride, vocab_stride;
};

static inline struct slabs bloom_slabs(const struct bloom *b)
{
    return (struct slabs){b->be, b->ops, b->layout};
}

struct bloom_plan {
    struct batch_limits limits;
    bool training;
    enum precision precision;
    size_t cache_rows; /* sequences times tokens; 0: no cache */
};

/* ERR_MEMORY: `where` says what was planned, the text how many bytes it needs. */
enum status bloom_open(struct backend *be, const struct ops *ops, const struct layout *layout,
                       const struct bloom_plan *plan, struct arena *arena, struct bloom *out,
                       struct error *err) MUST_CHECK;

/* Logits of the batch's queries. */
void bloom_forward(struct bloom *b, const struct batch *batch);

/*
 * Σ of the labels' losses. With gradient, the logits become the gradient of scale times that sum,
 * for bloom_backward.
 */
double bloom_loss(struct bloom *b, const struct batch *batch, double scale, bool gradient);

/* Adds to the gradients, or writes them where accumulate is not set. */
void bloom_backward(struct bloom *b, const struct batch *batch, bool accumulate);

#endif
