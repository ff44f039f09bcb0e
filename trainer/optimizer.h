/*
 * optimizer: clipping by the global norm, then AdamW, over a model's slabs.
 *
 * Weight decay applies to matrices, not to vectors (biases and layer norms): the groups of
 * transformers' Trainer. A tied head counts once.
 */
#ifndef TRAINER_OPTIMIZER_H
#define TRAINER_OPTIMIZER_H

#include <stdint.h>

#include "base/error.h"

struct bloom;

struct optimizer {
    double beta1, beta2, eps, weight_decay;
    double max_norm; /* of all gradients together */
    int64_t updates; /* made so far: AdamW's step is the next */
};

struct optimizer optimizer_default(double weight_decay);

/* One update with this learning rate. *norm: that of the gradients before clipping. */
enum status optimizer_step(struct optimizer *o, struct bloom *model, double lr, double *norm,
                           struct error *err) MUST_CHECK;

#endif
