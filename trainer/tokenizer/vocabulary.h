/*
 * vocabulary: the content of a tokenizer.json of BLOOM's or GPT-2's structure: tokens, merges,
 * added tokens.
 *
 * The file       One JSON object of Hugging Face's tokenizers, version 1.0: text split by one of
 *                two rules (pieces.h), bytes as characters (alphabet.h), a BPE model, bytes again.
 *                The pre_tokenizer says which rule: a "Sequence" that splits by PIECES_PATTERN, or
 *                one "ByteLevel" that splits by itself, as GPT-2's does. Fields that change no id
 *                here may have any value (truncation and padding among them, which transformers
 *                writes as its last call left them). Any other component, option or name is refused
 *                by its name: what this program does not do, it does not pretend to read.
 * Tokens         Their ids are 0 to n_tokens - 1, each once; each byte's character is a token.
 *                `spelling` is as in the file: characters of the alphabet, but special tokens may
 *                hold any.
 * Merges         In the file as "left right" or ["left", "right"], here as ids, in order of rank.
 *                A pair that stands twice counts where it stands last, as in the library.
 * Added tokens   Cut out of a text before all else, those with `normalized` after those without.
 *                Their ids are those of the model's vocabulary, or follow it. single_word, lstrip
 *                and rstrip must be false.
 * Limits         VOCABULARY_*: beyond them ERR_INPUT.
 * Ownership      Everything lives in the arena of the caller.
 */
#ifndef TRAINER_TOKENIZER_VOCABULARY_H
#define TRAINER_TOKENIZER_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "trainer/tokenizer/pieces.h"

struct arena;
struct text;

enum {
    VOCABULARY_FILE_MAX = 256 << 20,   /* bytes */
    VOCABULARY_TOKENS_MAX = 4000000,   /* and merges */
    VOCABULARY_SPELLING_MAX = 1 << 16, /* bytes of a token */
    VOCABULARY_ADDED_MAX = 1024,
};

struct vocabulary_token {
    const char *spelling; /* NUL-terminated */
    size_t n;             /* bytes, at least 1 */
};

struct vocabulary_merge {
    uint32_t left, right; /* ids */
    uint32_t merged;
};

struct vocabulary_added {
    uint32_t id;
    bool normalized; /* looked for in what those without it leave; there is no normalizer */
    bool special;    /* left out when text is decoded for people */
};

struct vocabulary {
    enum splitting splitting;
    const struct vocabulary_token *tokens; /* by id */
    size_t n_tokens;
    const struct vocabulary_merge *merges; /* by rank */
    size_t n_merges;
    const struct vocabulary_added *added;
    size_t n_added;
};

/* where is the file's name for messages. ERR_INPUT "where: model.merges[3]: expected ..." */
enum status vocabulary_parse(const char *bytes, size_t n, const char *where, struct arena *arena,
                             struct vocabulary *out, struct error *err) MUST_CHECK;

/* Reads a file and parses it. ERR_NOT_FOUND: there is none. */
enum status vocabulary_read(const char *path, struct arena *arena, struct vocabulary *out,
                            struct error *err) MUST_CHECK;

/*
 * Appends the tokenizer.json, byte for byte as the library writes it without indentation, with the
 * parts that transformers gives such a tokenizer. The vocabulary must be one that vocabulary_parse
 * would give.
 */
void vocabulary_format(const struct vocabulary *v, struct text *out);

#endif
