/*
 * bf16_size: bfloat16 values and the layout of their matrices, for all instruction sets. See
 * bf16.h.
 */
#ifndef KERNELS_CPU_BF16_SIZE_H
#define KERNELS_CPU_BF16_SIZE_H

#include <stddef.h>
#include <stdint.h>

enum {
    BF16_BLOCK = 16, /* pairs of a block of the tile's sum, and rows of a tile */
    BF16_SKEW = 16,  /* pairs between rows, which would otherwise share a few cache sets */
    BF16_PANEL = 32, /* columns of a product */
};

/* The upper half of a float's bits. Two of them, a pair, are also moved as one float. */
typedef uint16_t __attribute__((may_alias)) bf16;

/* Rounded up to whole tiles. */
static inline size_t bf16_tiles(size_t n)
{
    return (n + BF16_BLOCK - 1) / BF16_BLOCK * BF16_BLOCK;
}

/* The pairs that n values take, in whole blocks. */
static inline size_t bf16_pairs(size_t n)
{
    return bf16_tiles((n + 1) / 2);
}

/* The stride of rows of n values, in pairs. */
static inline size_t bf16_row(size_t n)
{
    return bf16_pairs(n) + BF16_SKEW;
}

/* Columns in whole panels. */
static inline size_t bf16_columns(size_t n)
{
    return (n + BF16_PANEL - 1) / BF16_PANEL * BF16_PANEL;
}

/*
 * The floats of bf16_a and bf16_b (memory.h) that the three products of a layer need: x and dyᵀ in
 * pairs, or x and dy widened to fp32.
 */
static inline void bf16_floats(size_t m, size_t n, size_t k, size_t *a, size_t *b)
{
    const size_t forward = bf16_tiles(m) * bf16_row(k);
    const size_t transposed = bf16_tiles(k) * bf16_row(m);
    const size_t input = bf16_pairs(n) * bf16_columns(m);
    const size_t wide_x = (m + 1) * (bf16_columns(k) + BF16_PANEL);
    const size_t wide_dy = m * (bf16_columns(n) + BF16_PANEL);
    const size_t pairs_x = forward > transposed ? forward : transposed;

    *a = pairs_x > wide_x ? pairs_x : wide_x;
    *b = input > wide_dy ? input : wide_dy;
}

#endif
