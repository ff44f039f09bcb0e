/*
 * bf16: the products of a linear layer with operands rounded to bfloat16.
 *
 * Two bfloat16 values, a pair, stand in the place of one float: along the index that the product
 * sums over, the value with the even index is in the low half. AMX multiplies tiles of such pairs;
 * without AMX the same sums are computed by fused multiply-adds, to the same bits.
 */
#ifndef KERNELS_CPU_BF16_H
#define KERNELS_CPU_BF16_H

#include "kernels/cpu/bf16_size.h"
#include "kernels/cpu/cpu.h"

/*
 * c[i][0..31] = (add ? c[i][0..31] : 0) + Σ over blocks of 32 of (Σ even a·b) + (Σ odd a·b), each
 * sum from 0, ascending, one fused multiply-add a step; denormals are zero, in and out. This is
 * what the TDPBF16PS instruction of Intel's AMX computes (Intel SDM 2, TDPBF16PS).
 */
struct bf16_product {
    const float
        *a; /* [bf16_tiles(m)] rows of k pairs; rows from m on are read, their results dropped */
    size_t a_row;
    const float *b; /* [k] rows of 32 pairs */
    size_t b_row;
    float *c; /* [m] rows of 32 floats */
    size_t c_row;
    size_t m, k; /* k: a multiple of BF16_BLOCK, not 0 */
    bool add;
};

void NAMED(bf16_product)(const struct bf16_product *p);

/* Rounds one row: out[j] = the pair x[2j], x[2j + 1] of n values, zeros up to `pairs` pairs. */
void NAMED(bf16_pack_row)(const float *x, size_t n, float *out, size_t pairs);

/* Rounds two rows into one: out[j] = the pair even[j], odd[j] for j below n; odd NULL: zeros. */
void NAMED(bf16_pack_two_rows)(const float *even, const float *odd, size_t n, float *out);

void NAMED(bf16_linear)(struct linear_task *t);
void NAMED(bf16_linear_input)(struct linear_input_task *t);
void NAMED(bf16_linear_weight)(struct linear_weight_task *t);

#endif
