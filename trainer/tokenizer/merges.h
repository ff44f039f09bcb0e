/*
 * merges: byte-pair encoding of one piece, by rank (Sennrich et al. 2016, over bytes).
 *
 * The piece's bytes become tokens; then, repeatedly, of all neighbouring pairs that the vocabulary
 * merges, the one of the lowest rank is merged, the leftmost where ranks are equal. Short pieces
 * are scanned for each merge, long ones use a heap: n log n steps and memory linear in n, so that a
 * piece of a million letters is no problem.
 *
 * A struct merges keeps scratch memory: one thread at a time. It lives in the arena it was built
 * in, and borrows nothing from the vocabulary.
 */
#ifndef TRAINER_TOKENIZER_MERGES_H
#define TRAINER_TOKENIZER_MERGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct merges; /* opaque: tables of pairs, scratch */
struct vocabulary;

enum status merges_build(const struct vocabulary *vocabulary, struct arena *arena,
                         struct merges **out, struct error *err) MUST_CHECK;

/* Writes the ids of a piece of n bytes, 1 to 2^30, into out, which has room for n. ERR_MEMORY. */
enum status merges_apply(struct merges *m, const unsigned char *piece, size_t n, int32_t *out,
                         size_t *made, struct error *err) MUST_CHECK;

#endif
