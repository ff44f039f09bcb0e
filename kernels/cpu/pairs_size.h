/* pairs_size: how matrices of pairs lie in memory, for all instruction sets. See pairs.h. */
#ifndef KERNELS_CPU_PAIRS_SIZE_H
#define KERNELS_CPU_PAIRS_SIZE_H

#include <stddef.h>

#include "kernels/ops.h"

enum {
    PAIRS_BLOCK = 16, /* pairs of a block of the sum, and rows of a tile */
    PAIRS_SKEW = 16,  /* floats between rows, which else would share the same few cache sets */
};

/* Rounded up to whole tiles. */
static inline size_t pairs_tiles(size_t n)
{
    return (n + PAIRS_BLOCK - 1) / PAIRS_BLOCK * PAIRS_BLOCK;
}

/* Pairs that n values of the sum's index take: whole blocks. */
static inline size_t pairs_of(size_t n)
{
    return pairs_tiles((n + 1) / 2);
}

/* How far rows of pairs of n values lie apart. */
static inline size_t pairs_row(size_t n)
{
    return pairs_of(n) + PAIRS_SKEW;
}

/* Columns in whole panels, each in a pair with the row below; then the floats from row to row. */
static inline size_t pairs_columns(size_t n)
{
    return (n + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;
}
static inline size_t pairs_columns_row(size_t n)
{
    return pairs_columns(n) + PAIRS_SKEW;
}

/* Floats that the three products of a layer take of pairs_a and pairs_b. */
static inline void pairs_floats(const struct ops_shape *s, size_t *a, size_t *b)
{
    const size_t forward = pairs_tiles(s->m) * pairs_row(s->k);
    const size_t turned = pairs_tiles(s->k) * pairs_row(s->m);
    const size_t input = pairs_of(s->n) * pairs_columns_row(s->m);
    const size_t weight = pairs_of(s->m) * pairs_columns_row(s->n);

    *a = forward > turned ? forward : turned;
    *b = input > weight ? input : weight;
}

#endif
