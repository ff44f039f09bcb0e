/*
 * shards: what of the parameters a rank has, after ZeRO (Rajbhandari et al. 2020). Rank r of P has
 * the r-th part of every parameter, its shard: 1/P of it, rounded up to blocks.
 *
 *     stage   whole                                  its shard
 *     0       values, moments, gradients             sums
 *     1       values, gradients of a micro-batch     values, moments, sums
 *     2       values                                 values, moments, sums
 *     3       -                                      values, moments, sums
 *
 * The gradient of a micro-batch goes to the owners of its shards, which add those of all ranks to
 * the sums of the window, in the order of ranks: behind the micro-batch, or, from stage 2 on, as
 * soon as an operation has written it. Values are gathered behind each update; in stage 3 for each
 * operation that reads them. So no stage and no number of ranks changes a bit.
 */
#ifndef KERNELS_CUDA_SHARDS_H
#define KERNELS_CUDA_SHARDS_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SHARD_BLOCK = 64 }; /* floats */

/* Memory for what the stage needs, behind cuda_parameters' own. */
enum status shards_open(struct cuda *c, bool training, struct error *err) MUST_CHECK;
void shards_close(struct cuda *c);

/* Stage 3: the value, or rounded value, of a parameter from all ranks, until the next but one of
 * its kind (a matrix, a vector). */
const float *shards_value(struct cuda *c, int parameter);
const uint16_t *shards_rounded(struct cuda *c, int parameter);

/* From stage 2 on: where an operation writes the gradient of a parameter, and that it has. Two
 * vectors can be written at once. */
float *shards_gradient(struct cuda *c, int parameter);
void shards_written(struct cuda *c, int parameter, const float *gradient);

/* Gradients of parameters [first, first + n), each at gradient + its offset, to the sums. */
void shards_sum(struct cuda *c, int first, int n);

/* Behind an update of parameters [first, first + n): values of all ranks. */
void shards_gather(struct cuda *c, int first, int n);

/* Stage 0: the sums of all ranks become the whole gradient. */
void shards_gather_sums(struct cuda *c, int first, int n);

/* Bytes of one rank become those of ranks [first, end), without itself. Every rank calls it. */
void shards_pass(struct cuda *c, void *bytes, size_t n, size_t from, size_t first, size_t end);

#ifdef __cplusplus
}
#endif

#endif
