/*
 * optimizer: clipping by the global norm, then AdamW, over a model's parameters.
 *
 * A step whose gradients overflow under the scale of the loss is skipped: weights and moments keep
 * their values, and no update is counted.
 *
 * Weight decay applies to matrices, not to vectors (biases and layer norms): the groups of
 * transformers' Trainer. A tied head counts once.
 */
#ifndef TRAINER_TRAINING_OPTIMIZER_H
#define TRAINER_TRAINING_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "trainer/training/loss_scale.h"

struct arena;
struct layout;
struct network;

struct optimizer {
    double beta1, beta2, eps, weight_decay;
    double max_norm; /* of all gradients together; 0: they are not clipped */
    int64_t updates; /* made so far: AdamW's step is this plus 1 */
    struct loss_scale loss_scale;
    float *norms, *largest; /* [tensors] of the gradients */
};

/* The result of a step. */
struct update {
    double norm; /* of the gradients before clipping, without the scale of the loss */
    bool skipped;
};

struct optimizer optimizer_default(double weight_decay);

/* Before the first step: host memory for norms, from the arena. */
enum status optimizer_open(struct optimizer *o, const struct layout *layout, struct arena *arena,
                           struct error *err) MUST_CHECK;

/* What the loss is multiplied by before the backward pass: its scale, where products have operands
 * of fp16; else 1, for there the scale only decides what is skipped. */
double optimizer_loss_scale(const struct optimizer *o, const struct network *network);

/*
 * One update with this learning rate. What was fetched before is there afterwards; the parameters
 * may still be changing. ERR_FAILED: see loss_scale_update.
 */
enum status optimizer_step(struct optimizer *o, struct network *network, double lr,
                           struct update *update, struct error *err) MUST_CHECK;

#endif
