/*
 * evaluate: the loss of a model on examples, as transformers' Trainer reports it.
 *
 * Examples go in batches, in their order; a batch's loss is the mean over its labels, and eval_loss
 * the mean of those, weighted by the examples in each: so the batch size is part of the metric.
 * Batches without a finite loss are skipped if any batch has one.
 */
#ifndef TRAINER_MODEL_EVALUATE_H
#define TRAINER_MODEL_EVALUATE_H

#include <stddef.h>

#include "base/error.h"

struct arena;
struct batch;
struct network;
struct dataset;
struct team;

/* batch must have room for batch_size examples. Ranks share the batches, and memory from
 * rank 0's arena: it stays until all have ended. ERR_INTERRUPTED between batches. */
enum status evaluate_loss(struct network *network, const struct team *team,
                          const struct dataset *data, size_t batch_size, struct batch *batch,
                          struct arena *arena, double *loss, struct error *err) MUST_CHECK;

#endif
