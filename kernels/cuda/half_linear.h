/* half_linear: the products of a linear layer with 16-bit operands, by cuBLASLt. */
#ifndef KERNELS_CUDA_HALF_LINEAR_H
#define KERNELS_CUDA_HALF_LINEAR_H

#include "kernels/cuda/cuda.h"

/* For a backend whose operands are 16-bit. ERR_INPUT: there is no cuBLASLt. */
enum status half_open(struct cuda *c, struct error *err) MUST_CHECK;
void half_close(struct cuda *c);
enum status half_prepare(struct cuda *c, const struct ops_limits *limits,
                         struct error *err) MUST_CHECK;

/* The gradient of a bias is not theirs; that of a weight has m > 0. */
void half_linear(struct cuda *c, const struct linear_args *a);
void half_linear_input(struct cuda *c, const struct linear_input_args *a);
void half_linear_weight(struct cuda *c, const struct linear_weight_args *a, float *dweight);

#endif
