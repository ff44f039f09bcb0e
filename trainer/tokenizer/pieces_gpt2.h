/*
 * pieces_gpt2: cuts a text where GPT-2's tokenizer does (Radford et al. 2019), for pieces.h.
 *
 * Its regular expression, as Oniguruma reads it, takes of what is left the first of these:
 *
 *     's  't  're  've  'm  'll  'd        in small letters
 *     letters, numbers, or other characters (those that are neither, nor white space), as many of
 *         one of these kinds as follow each other, with the space (U+0020) before them
 *     white space to the end of the text, or to its last character before something else
 *     white space
 *
 *     "She's  12a."  →  "She" "'s" " " " 12" "a" "."
 *
 * What is a letter and what a number is in gpt2_classes.h, which is asked of the library. Bytes
 * that form no character are other characters, one each, as U+FFFD is one.
 */
#ifndef TRAINER_TOKENIZER_PIECES_GPT2_H
#define TRAINER_TOKENIZER_PIECES_GPT2_H

#include <stddef.h>
#include <stdint.h>

#include "trainer/tokenizer/pieces.h"

/* pieces_next, where p->splitting is SPLITTING_GPT2. */
size_t pieces_gpt2_next(struct pieces *p, uint32_t ends[PIECES_BATCH]);

#endif
