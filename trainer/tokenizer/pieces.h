/*
 * pieces: cuts a text where a tokenizer does, before any merging.
 *
 * SPLITTING_GPT2 is told in pieces_gpt2.h. SPLITTING_BLOOM is the cut of BLOOM's regular expression
 * (PIECES_PATTERN, "Isolated"). As Oniguruma reads it, 39 characters are separators and every other
 * one is a word character:
 *
 *     U+0009-000D 0020 0021 0028 0029 002C 002E 003F 007C 0085 00A0 060C 06D4 0964 1680 2000-200A
 *     2026 2028 2029 202F 205F 3000 3001 3002 FF0C
 *
 * A piece is a run of word characters with the space (U+0020) before it, if there is one; and each
 * run of separators that is left is one piece:
 *
 *     "end.) Next  a"  →  "end" ".)" " Next" " " " a"
 *
 * Bytes that form no character count as word characters.
 *
 * Either way any bytes can be cut, and the pieces are the text again, end to end.
 *
 *     struct pieces p = pieces_of(SPLITTING_BLOOM, text, n);
 *     while ((found = pieces_next(&p, ends)) > 0)
 *         ... ends[0] to ends[found - 1] are where the next pieces end, ascending ...
 */
#ifndef TRAINER_TOKENIZER_PIECES_H
#define TRAINER_TOKENIZER_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIECES_PATTERN " ?[^(\\s|[.,!?…。，、।۔،])]+"

enum {
    PIECES_BATCH = 1024,       /* ends that one call may give */
    PIECES_TEXT_MAX = 1 << 30, /* bytes of a text: places are 32 bits */
};

enum splitting { SPLITTING_BLOOM, SPLITTING_GPT2 };

/* One bit a byte of 64, the first in the lowest. */
struct pieces_block {
    uint64_t separators, spaces;
    uint64_t spill; /* bytes of the next block that belong to a separator of this one */
};

struct pieces {
    const unsigned char *text;
    size_t n;
    enum splitting splitting;
    size_t at; /* private: where the block (GPT-2: the next piece) begins; SIZE_MAX: nowhere */
    struct pieces_block block;         /* private, as what follows: BLOOM's */
    bool after_separator, after_space; /* what stands before the block */
};

/* The text is borrowed. n <= PIECES_TEXT_MAX. */
struct pieces pieces_of(enum splitting splitting, const char *text, size_t n);

/* Fills ends with the next pieces' ends; returns how many, 0 behind the last. */
size_t pieces_next(struct pieces *p, uint32_t ends[PIECES_BATCH]);

#endif
