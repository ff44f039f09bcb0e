/*
 * chain: sums of squares of long parameters, to the bits of one chain of additions for each lane.
 *
 * The processor adds a parameter's squares one after another, in eight lanes: 32 million dependent
 * additions in each for the embedding of a model of 560 million, 70 ms on any card. But as long as
 * a sum s stays between two powers of two it is a whole number S of units u, and adding x² adds a
 * whole number that hardly depends on S: x² / u, rounded; only where x² / u ends in exactly a half
 * does it matter whether S is odd. So what a chunk of elements adds to an even S and to an odd one
 * can be computed before S is known, by many threads, if the power of two is guessed right; and a
 * short walk over the chunks adds it all up. The guess comes from sums in double. Where it is
 * wrong, or a sum passes a power of two, the walk adds that chunk's elements one after another.
 */
#ifndef KERNELS_CUDA_CHAIN_H
#define KERNELS_CUDA_CHAIN_H

#include "kernels/cuda/cuda.h"

enum {
    CHAIN_LANES = 8,
    CHAIN_CHUNK = 1 << 15, /* floats, of all lanes */
    CHAIN_LONG = 1 << 17   /* floats from which on it is worth it */
};

/* A chunk's guess and what it adds, for each lane. */
struct chain_chunk {
    double sum[CHAIN_LANES];       /* first of the chunk's squares, then of all before it */
    int64_t adds[CHAIN_LANES][2];  /* to an even S, to an odd one; -1: it cannot be said */
    int32_t exponent[CHAIN_LANES]; /* of the sum, as its bits have it */
    float largest;                 /* magnitude of an element */
};

/* Room for the longest parameter. */
static inline size_t chain_bytes(size_t floats)
{
    return (floats + CHAIN_CHUNK - 1) / CHAIN_CHUNK * sizeof(struct chain_chunk);
}

/* Adds the squares of n floats at x to the state: CHAIN_LANES sums, the largest magnitude. */
void chain_add(struct cuda *c, const float *x, size_t n, float *state, struct chain_chunk *chunks);

#endif
