/*
 * init: fresh weights, drawn from a seed.
 *
 * Matrices are normal with mean 0 and deviation initializer_range (some smaller, as the
 * architecture says), layer norms 1 and 0, biases 0: the rules of transformers, with a generator of
 * our own (SplitMix64, Steele et al. 2014, and the polar method of Marsaglia over our logarithm),
 * so that a seed gives the same bits anywhere.
 * Tensors are drawn in the order of their names, elements row by row.
 */
#ifndef TRAINER_MODEL_INIT_H
#define TRAINER_MODEL_INIT_H

#include <stdint.h>

#include "base/error.h"

struct backend;
struct layout;

/* Uploads every parameter's values. ERR_MEMORY. */
enum status init_weights(struct backend *be, const struct layout *layout, uint64_t seed,
                         struct error *err) MUST_CHECK;

#endif
