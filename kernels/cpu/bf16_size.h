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

/* The width, and the stride, of rows of pairs of two rows of n columns: whole panels. */
static inline size_t bf16_columns(size_t n)
{
    return (n + BF16_PANEL - 1) / BF16_PANEL * BF16_PANEL;
}
static inline size_t bf16_columns_row(size_t n)
{
    return bf16_columns(n) + BF16_SKEW;
}

/*
 * The floats of bf16_a and bf16_b (memory.h) that the three products of a layer need: in pairs, or
 * widened to fp32.
 */
static inline void bf16_floats(size_t m, size_t n, size_t k, size_t *a, size_t *b)
{
    const size_t forward = bf16_tiles(m) * bf16_row(k);
    const size_t transposed = bf16_tiles(k) * bf16_row(m);
    const size_t input = bf16_pairs(n) * bf16_columns_row(m);
    const size_t weight = bf16_pairs(m) * bf16_columns_row(n);
    const size_t wide = (m + 1) * (bf16_columns(n > k ? n : k) + BF16_PANEL); /* fp32 rows */
    const size_t pairs_a = forward > transposed ? forward : transposed;
    const size_t pairs_b = input > weight ? input : weight;

    *a = pairs_a > wide ? pairs_a : wide;
    *b = pairs_b > wide ? pairs_b : wide;
}

#endif
