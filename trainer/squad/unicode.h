/*
 * unicode: letters as Python's str knows them, for the scorer that must agree with one.
 *
 * Strings are code points, one uint32_t each. The tables are those of one version of Unicode
 * (unicode_table.h names it); a character that is newer is no letter and has no lower case.
 * Nothing depends on the locale.
 */
#ifndef TRAINER_SQUAD_UNICODE_H
#define TRAINER_SQUAD_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The code points of n bytes of UTF-8; returns how many, at most n. Bytes that are no character
 * become U+FFFD, one each.
 */
size_t unicode_decode(const char *bytes, size_t n, uint32_t *out);

/* The UTF-8 of a code point; returns how many bytes, 1 to 4. */
size_t unicode_encode(uint32_t c, char out[4]);

/*
 * str.lower(): returns the length, at most 2 n, for which out has room. U+0130 becomes two
 * characters; a capital sigma at the end of a word becomes a final one.
 */
size_t unicode_lower(const uint32_t *s, size_t n, uint32_t *out);

bool unicode_is_alphanumeric(uint32_t c); /* str.isalnum() */
bool unicode_is_space(uint32_t c);        /* str.isspace(): where str.split() splits */

#endif
