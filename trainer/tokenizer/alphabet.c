/* alphabet: bytes as characters. The rule is in is_itself; everything else follows from it. */
#include "trainer/tokenizer/alphabet.h"

#include <stdbool.h>
#include <string.h>

static bool is_itself(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte != 0xad);
}

unsigned alphabet_character(unsigned char byte)
{
    unsigned moved = 0x100;

    if (is_itself(byte))
        return byte;
    for (unsigned b = 0; b < byte; b++)
        moved += !is_itself(b);
    return moved;
}

size_t alphabet_spell(unsigned char byte, char out[3])
{
    const unsigned c = alphabet_character(byte);
    size_t n = 0;

    if (c < 0x80) {
        out[n++] = (char)c;
    } else {
        out[n++] = (char)(0xc0 | c >> 6);
        out[n++] = (char)(0x80 | (c & 63));
    }
    out[n] = '\0';
    return n;
}

void alphabet_order(unsigned char out[ALPHABET_SIZE])
{
    size_t n = 0;

    for (unsigned b = 0; b < ALPHABET_SIZE; b++)
        if (is_itself(b))
            out[n++] = (unsigned char)b;
    for (unsigned b = 0; b < ALPHABET_SIZE; b++)
        if (!is_itself(b))
            out[n++] = (unsigned char)b;
}

/* The byte that a character stands for, or -1. */
static int byte_of(unsigned c)
{
    unsigned moved = 0x100;

    if (c < 0x100)
        return is_itself(c) ? (int)c : -1;
    for (unsigned b = 0; b < ALPHABET_SIZE; b++)
        if (!is_itself(b) && moved++ == c)
            return (int)b;
    return -1;
}

size_t alphabet_decode(const char *token, size_t n, unsigned char *out)
{
    const unsigned char *s = (const unsigned char *)token;
    size_t made = 0;

    for (size_t i = 0; i < n; made++) {
        int byte = -1;
        if (s[i] < 0x80) {
            byte = byte_of(s[i]);
            i += 1;
        } else if (s[i] < 0xc8 && i + 1 < n) { /* up to U+01FF */
            byte = byte_of((unsigned)(s[i] & 31) << 6 | (s[i + 1] & 63));
            i += 2;
        }
        if (byte < 0) {
            memcpy(out, token, n);
            return n;
        }
        out[made] = (unsigned char)byte;
    }
    return made;
}
