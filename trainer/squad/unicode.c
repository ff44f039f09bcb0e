/* unicode: look-ups in sorted tables of ranges, and the one rule that needs neighbours: sigma. */
#include "trainer/squad/unicode.h"

#include "trainer/squad/unicode_table.h"

enum {
    DOTTED_I = 0x130,
    DOT_ABOVE = 0x307,
    SIGMA = 0x3a3,
    SMALL_SIGMA = 0x3c3,
    FINAL_SIGMA = 0x3c2
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_in(const struct range *table, size_t n, uint32_t c)
{
    size_t low = 0;

    while (n > 0) { /* the first range that does not end before c is among n from low */
        const size_t half = n / 2;
        if (table[low + half].last < c) {
            low += half + 1;
            n -= half + 1;
        } else if (table[low + half].first <= c) {
            return true;
        } else {
            n = half;
        }
    }
    return false;
}

static uint32_t lower_one(uint32_t c)
{
    size_t low = 0, n = COUNT(lower);

    while (n > 0) {
        const size_t half = n / 2;
        const struct lower_run *run = &lower[low + half];
        if (run->last < c) {
            low += half + 1;
            n -= half + 1;
        } else if (run->first <= c) {
            return (c - run->first) % (uint32_t)run->step == 0 ? c + (uint32_t)run->delta : c;
        } else {
            n = half;
        }
    }
    return c;
}

/* True when the first letter that case does not ignore, from i on in this direction, has case. */
static bool meets_cased(const uint32_t *s, size_t n, size_t i, int direction)
{
    while (i < n && is_in(case_ignorable, COUNT(case_ignorable), s[i]))
        i += (size_t)direction; /* below 0 is beyond n */
    return i < n && is_in(cased, COUNT(cased), s[i]);
}

size_t unicode_lower(const uint32_t *s, size_t n, uint32_t *out)
{
    size_t made = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i] < 0x80) {
            out[made++] = s[i] >= 'A' && s[i] <= 'Z' ? s[i] + ('a' - 'A') : s[i];
        } else if (s[i] == DOTTED_I) {
            out[made++] = 'i';
            out[made++] = DOT_ABOVE;
        } else if (s[i] == SIGMA) {
            const bool ends = meets_cased(s, n, i - 1, -1) && !meets_cased(s, n, i + 1, 1);
            out[made++] = ends ? FINAL_SIGMA : SMALL_SIGMA;
        } else {
            out[made++] = lower_one(s[i]);
        }
    }
    return made;
}

bool unicode_is_alphanumeric(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return is_in(alphanumeric, COUNT(alphanumeric), c);
}

bool unicode_is_space(uint32_t c)
{
    return (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= ' ') || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

/* The bytes of the character that s begins with, or 0. */
static size_t length_of(const unsigned char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t want = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t c = want > 1 ? s[0] & (0x7fu >> want) : s[0];

    if (want == 0 || want > n || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < want; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    return c >= least[want] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? want : 0;
}

size_t unicode_decode(const char *bytes, size_t n, uint32_t *out)
{
    const unsigned char *s = (const unsigned char *)bytes;
    size_t made = 0;

    for (size_t i = 0; i < n;) {
        const size_t length = length_of(s + i, n - i);
        uint32_t c = length > 1 ? s[i] & (0x7fu >> length) : s[i];
        for (size_t j = 1; j < length; j++)
            c = c << 6 | (s[i + j] & 0x3f);
        out[made++] = length > 0 ? c : 0xfffd;
        i += length > 0 ? length : 1;
    }
    return made;
}

size_t unicode_encode(uint32_t c, char out[4])
{
    const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(first[n > 1 ? n : 0] | c);
    return n;
}
