/*
 * alphabet: the 256 characters that stand for bytes in a byte-level vocabulary (Radford et al.
 * 2019, as in every tokenizer.json of that family).
 *
 * The bytes 21-7E, A1-AC and AE-FF stand as the character of the same number; the other 68 stand,
 * in ascending order, as U+0100, U+0101, ... So a space is "Ġ", and every string of bytes has a
 * spelling without spaces or controls. In order of code point the characters are the first 256
 * tokens of a vocabulary that is trained here.
 */
#ifndef TRAINER_TOKENIZER_ALPHABET_H
#define TRAINER_TOKENIZER_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

enum { ALPHABET_SIZE = 256, ALPHABET_END = 0x144 }; /* one past the largest code point */

/* The code point that stands for a byte. */
unsigned alphabet_character(unsigned char byte);

/* The UTF-8 of the byte's character: one or two bytes and a NUL; returns how many. */
size_t alphabet_spell(unsigned char byte, char out[3]);

/* The bytes in ascending order of their characters. */
void alphabet_order(unsigned char out[ALPHABET_SIZE]);

/*
 * The bytes that a token's n bytes of UTF-8 stand for; returns how many, at most n. A token with
 * any other character in it stands for itself, as in Hugging Face's decoder. out has room for n.
 */
size_t alphabet_decode(const char *token, size_t n, unsigned char *out);

#endif
