/*
 * pairs: operands of products in bfloat16. Two numbers, neighbours along the sum, lie in the place
 * of one float: the even one in its low half. A processor with tiles that multiply such pairs (AMX)
 * uses them; any other computes the same bits.
 */
#ifndef KERNELS_CPU_PAIRS_H
#define KERNELS_CPU_PAIRS_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/pairs_size.h"

/*
 * c[i][0..31] = (add ? c[i][0..31] : 0) + Σ over blocks of 32 of (Σ even a·b) + (Σ odd a·b), each
 * sum from 0, ascending, one fused multiply-add a step; denormals are zero, in and out. So it is
 * that the TDPBF16PS instruction of Intel's AMX computes it (Intel SDM 2, TDPBF16PS).
 */
struct pairs_product {
    const float *a; /* [pairs_tiles(m)] rows of k pairs; those from m on are read, too */
    size_t a_row;
    const float *b; /* [k] rows of 32 pairs */
    size_t b_row;
    float *c; /* [m] rows of 32 floats */
    size_t c_row;
    size_t m, k; /* k: a multiple of PAIRS_BLOCK */
    bool add;
};

void NAMED(pairs_product)(const struct pairs_product *p);

/* out[j] = the pair x[2j], x[2j + 1] of n values, zeros up to `pairs` pairs. */
void NAMED(pairs_of_row)(const float *x, size_t n, float *out, size_t pairs);

/* out[j] = the pair even[j], odd[j] for j below n; odd NULL: zeros. */
void NAMED(pairs_of_rows)(const float *even, const float *odd, size_t n, float *out);

void NAMED(linear_pairs)(struct backend *be, const struct linear_args *a);
void NAMED(linear_input_pairs)(struct backend *be, const struct linear_input_args *a);
void NAMED(linear_weight_pairs)(struct backend *be, const struct linear_weight_args *a);

#endif
