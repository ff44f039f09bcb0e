/*
 * bpe: learns a vocabulary of byte pairs from texts, merge for merge as Hugging Face's BpeTrainer.
 *
 * Texts are cut into pieces (pieces.h; special tokens are not looked for) and each distinct piece
 * is kept once, with how often it came. Training merges the pair of neighbouring tokens that is
 * most frequent, of equally frequent ones the pair with the smallest ids, until the vocabulary is
 * full or no pair is frequent enough.
 *
 * Ids        0-3 <unk> <s> </s> <pad>, 4-259 the alphabet in its order, then the merges' results as
 *            they are learned. A result that is spelled like a token that exists is that token, as
 *            there, also where it is a special one; such a merge takes no new id.
 * Life       bpe_open, any number of bpe_add, one bpe_train, bpe_close.
 * Result     Depends on the texts and the two numbers alone, not on the texts' order.
 */
#ifndef TRAINER_TOKENIZER_BPE_H
#define TRAINER_TOKENIZER_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct bpe; /* opaque: an arena of its own, pieces and their counts */
struct vocabulary;

enum { BPE_VOCABULARY_MIN = 4 + 256 }; /* special tokens and alphabet */

enum status bpe_open(struct bpe **out, struct error *err) MUST_CHECK;

/* One text. ERR_INPUT: more than 2^30 bytes. */
enum status bpe_add(struct bpe *b, const char *text, size_t n, struct error *err) MUST_CHECK;

/*
 * At most vocabulary_size tokens, BPE_VOCABULARY_MIN or more, of pairs that came min_frequency
 * times or more often. *out lives in the arena, and is ready for vocabulary_format. ERR_INPUT: a
 * token longer than a vocabulary may hold.
 */
enum status bpe_train(struct bpe *b, size_t vocabulary_size, int64_t min_frequency,
                      struct arena *arena, struct vocabulary *out, struct error *err) MUST_CHECK;

void bpe_close(struct bpe *b); /* NULL is allowed */

#endif
