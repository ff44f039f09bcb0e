/*
 * init: fresh weights, drawn from a seed.
 *
 * Matrices are normal with mean 0 and deviation initializer_range, layer norms 1 and 0, biases 0:
 * the rule of BloomForCausalLM, with a generator of our own (SplitMix64, Steele et al. 2014, and
 * the polar method of Marsaglia over our logarithm), so that a seed gives the same bits anywhere.
 * Tensors are drawn in the order of their names, elements row by row.
 */
#ifndef TRAINER_BLOOM_INIT_H
#define TRAINER_BLOOM_INIT_H

#include <stdint.h>

#include "base/error.h"

struct slabs;

/* Fills a zeroed slab. ERR_MEMORY. */
enum status init_weights(const struct slabs *slabs, uint64_t seed, float *slab,
                         struct error *err) MUST_CHECK;

#endif
