/*
 * permutation: the two orders of 0..n-1 that the libraries draw from a seed, number for number.
 *
 * permutation_shuffle   datasets.Dataset.shuffle(seed): NumPy's default_rng(seed).permutation(n).
 *                       Which questions are "the first 1,000".
 * permutation_randperm  torch.randperm(n) with a CPU generator seeded by manual_seed(seed). The
 *                       order of an epoch's examples. Only the seed's low 32 bits count, as there.
 *
 * Both are pure functions of seed and n. *out has n entries and belongs to the arena; n == 0 gives
 * a valid pointer. ERR_INPUT: n > PERMUTATION_MAX (where torch's algorithm changes); ERR_MEMORY.
 */
#ifndef TRAINER_PERMUTATION_H
#define TRAINER_PERMUTATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

enum { PERMUTATION_MAX = 200000000 };

enum status permutation_shuffle(uint64_t seed, size_t n, struct arena *arena, int64_t **out,
                                struct error *err) MUST_CHECK;

enum status permutation_randperm(uint64_t seed, size_t n, struct arena *arena, int64_t **out,
                                 struct error *err) MUST_CHECK;

#endif
