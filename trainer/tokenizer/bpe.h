/*
 * bpe: learns a vocabulary of byte pairs from texts, merge for merge as Hugging Face's BpeTrainer.
 *
 * Texts are cut into pieces (pieces.h), and each distinct piece is kept once, with how often it
 * came. BLOOM's special tokens are pieces wherever they stand, as in the library where a tokenizer
 * that has them already is trained anew; GPT-2's is a text as any other, as where one is made new,
 * and where transformers' train_new_from_iterator makes it. Training merges the pair of
 * neighbouring tokens that is most frequent, of equally frequent ones the pair with the smallest
 * ids, until the vocabulary is full or no pair is frequent enough.
 *
 * Ids        The special tokens (BLOOM: <unk> <s> </s> <pad>; GPT-2: <|endoftext|>), the 256 of the
 *            alphabet in its order, then the merges' results as they are learned. A result that is
 *            spelled like a token that exists is that token, as there, also where it is a special
 *            one; such a merge takes no new id.
 * Life       bpe_open, any number of bpe_add, one bpe_train, bpe_close.
 * Result     Depends on the texts, the splitting and the two numbers alone, not on the texts'
 *            order.
 */
#ifndef TRAINER_TOKENIZER_BPE_H
#define TRAINER_TOKENIZER_BPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "trainer/tokenizer/pieces.h"

struct arena;
struct bpe; /* opaque: an arena of its own, pieces and their counts */
struct vocabulary;

/* Special tokens and alphabet; the least that a vocabulary can have. */
size_t bpe_vocabulary_min(enum splitting splitting);

enum status bpe_open(enum splitting splitting, struct bpe **out, struct error *err) MUST_CHECK;

/* One text. ERR_INPUT: more than 2^30 bytes. */
enum status bpe_add(struct bpe *b, const char *text, size_t n, struct error *err) MUST_CHECK;

/*
 * At most vocabulary_size tokens, bpe_vocabulary_min or more, of pairs that came min_frequency
 * times or more often. *out lives in the arena, and is ready for vocabulary_format. ERR_INPUT: a
 * token longer than a vocabulary may hold.
 */
enum status bpe_train(struct bpe *b, size_t vocabulary_size, int64_t min_frequency,
                      struct arena *arena, struct vocabulary *out, struct error *err) MUST_CHECK;

void bpe_close(struct bpe *b); /* NULL is allowed */

#endif
