/*
 * tokenizer: text to ids and back, id for id what Hugging Face's tokenizers gives for a
 * tokenizer.json of BLOOM's or GPT-2's structure (vocabulary.h says which these are).
 *
 * Encoding   Added tokens are cut out first, wherever they stand, the leftmost, the longest where
 *            several begin there; those with `normalized` only in what the others leave. What lies
 *            between is cut into pieces (pieces.h), and each piece is merged by rank (merges.h).
 *            Nothing is added: neither model has a beginning token.
 *            Time is linear in the text but for a logarithm, memory linear. Any bytes are taken;
 *            those that are no UTF-8 come back from tokenizer_decode as U+FFFD.
 * Decoding   The tokens' bytes, end to end. An id beyond the vocabulary gives nothing. Each longest
 *            beginning of a character that is not finished, and each byte that begins none, becomes
 *            one U+FFFD.
 * Life       tokenizer_open or tokenizer_parse, then any number of calls, tokenizer_close. Results
 *            belong to the caller's arena.
 * Threads    Encoding writes to the cache of pieces: one tokenizer, one thread at a time.
 */
#ifndef TRAINER_TOKENIZER_TOKENIZER_H
#define TRAINER_TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct tokenizer; /* opaque: an arena of its own, tables, the cache of pieces */

/* Reads a tokenizer.json. ERR_NOT_FOUND: no such file. ERR_INPUT: not of such a structure. */
enum status tokenizer_open(const char *path, struct tokenizer **out, struct error *err) MUST_CHECK;

/* The same from n bytes; where is the file's name for messages. */
enum status tokenizer_parse(const char *bytes, size_t n, const char *where, struct tokenizer **out,
                            struct error *err) MUST_CHECK;

void tokenizer_close(struct tokenizer *t); /* NULL is allowed */

/* Ids are 0 to this - 1. */
size_t tokenizer_size(const struct tokenizer *t);

/* The id of an added token ("</s>"), or -1. */
int32_t tokenizer_added(const struct tokenizer *t, const char *content);

/* The token that ends a text, </s> or <|endoftext|>, and the one that fills up behind it, <pad> or,
 * where there is none, that of the end; or -1. */
int32_t tokenizer_end(const struct tokenizer *t);
int32_t tokenizer_padding(const struct tokenizer *t);

/* The bytes of text that a token of the vocabulary stands for. */
size_t tokenizer_length(const struct tokenizer *t, int32_t id);

/* *ids has *n_ids entries, and is valid where that is 0. ERR_INPUT: more than 2^30 bytes. */
enum status tokenizer_encode(struct tokenizer *t, const char *text, size_t n, struct arena *arena,
                             int32_t **ids, size_t *n_ids, struct error *err) MUST_CHECK;

/* *text is n_text bytes of UTF-8 and a NUL; it may hold NULs of its own. n_text may be NULL. */
enum status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n_ids,
                             bool skip_special, struct arena *arena, char **text, size_t *n_text,
                             struct error *err) MUST_CHECK;

#endif
