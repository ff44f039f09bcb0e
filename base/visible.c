/* visible: escapes for what a terminal would obey. Start at take. */
#include "base/visible.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* One character, or one byte that is part of none, as it is shown. */
struct piece {
    size_t taken; /* bytes of the source */
    bool plain;   /* it is shown as it is */
    char escape[VISIBLE_GROWTH + 1];
};

/* Whether a terminal obeys the character. None of them has four bytes in UTF-8. */
static bool is_obeyed(unsigned c, enum visible_lines lines)
{
    if (lines == VISIBLE_LINES && (c == '\n' || c == '\t'))
        return false;
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static struct piece take(const unsigned char *s, size_t left, enum visible_lines lines)
{
    struct piece p = {.taken = text_utf8_length(s, left)};
    unsigned c = s[0];

    if (p.taken == 0) {
        p.taken = 1;
        (void)snprintf(p.escape, sizeof p.escape, "\\x%02X", c);
        return p;
    }
    if (p.taken == 2)
        c = (c & 0x1f) << 6 | (s[1] & 0x3f);
    else if (p.taken == 3)
        c = (c & 0x0f) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3f);
    p.plain = p.taken == 4 || !is_obeyed(c, lines);
    if (!p.plain)
        (void)snprintf(p.escape, sizeof p.escape, "\\u%04X", c & 0xffff);
    return p;
}

size_t visible_write(char *out, const void *bytes, size_t n, enum visible_lines lines)
{
    const unsigned char *s = bytes;
    size_t length = 0;

    for (size_t i = 0; i < n;) {
        const struct piece p = take(s + i, n - i, lines);
        const void *shown = p.plain ? (const void *)(s + i) : p.escape;
        const size_t more = p.plain ? p.taken : strlen(p.escape);
        memcpy(out + length, shown, more);
        length += more;
        i += p.taken;
    }
    out[length] = '\0';
    return length;
}

void visible_add(struct text *t, const void *bytes, size_t n, enum visible_lines lines)
{
    const unsigned char *s = bytes;
    size_t shown = 0;

    if (n == 0)
        return;
    for (size_t i = 0; i < n;) {
        const struct piece p = take(s + i, n - i, lines);
        if (!p.plain) {
            text_add_bytes(t, s + shown, i - shown);
            text_add(t, p.escape);
            shown = i + p.taken;
        }
        i += p.taken;
    }
    text_add_bytes(t, s + shown, n - shown);
}

/* Characters of three bytes in UTF-8 that take two columns, roughly: the pictures among the symbols
 * one by one (East Asian Width W), East Asian characters by their blocks. Sorted. */
static const struct {
    unsigned first, last;
} wide_ranges[] = {
    {0x1100, 0x115f}, {0x231a, 0x231b}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0}, {0x23f3, 0x23f3},
    {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267f, 0x267f}, {0x2693, 0x2693},
    {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5}, {0x26ce, 0x26ce},
    {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5}, {0x26fa, 0x26fa},
    {0x26fd, 0x26fd}, {0x2705, 0x2705}, {0x270a, 0x270b}, {0x2728, 0x2728}, {0x274c, 0x274c},
    {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797}, {0x27b0, 0x27b0},
    {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55}, {0x2e80, 0xa4cf},
    {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xff00, 0xff60},
};

/* East Asian characters and pictures; of four bytes all from U+1F000 on. */
static bool is_wide(const unsigned char *s, size_t length)
{
    const unsigned c = length == 3 ? (s[0] & 0x0f) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3f) : 0;
    size_t i = 0;

    while (i < sizeof wide_ranges / sizeof *wide_ranges && wide_ranges[i].last < c)
        i++;
    return (length == 4 && s[0] == 0xf0 && s[1] >= 0x9f) ||
           (i < sizeof wide_ranges / sizeof *wide_ranges && c >= wide_ranges[i].first);
}

size_t visible_fit(const char *bytes, size_t n, size_t most, size_t *columns)
{
    const unsigned char *s = (const unsigned char *)bytes;
    size_t i = 0;

    *columns = 0;
    while (i < n) {
        size_t length = text_utf8_length(s + i, n - i), wide = 1;
        if (s[i] == 0x1b) {
            const char *end = memchr(s + i, 'm', n - i);
            length = end ? (size_t)(end - bytes) - i + 1 : n - i;
            wide = 0;
        } else if (length == 0) {
            length = 1;
        } else {
            wide += is_wide(s + i, length);
        }
        if (*columns + wide > most)
            break;
        *columns += wide;
        i += length;
    }
    return i;
}

size_t visible_error(char out[VISIBLE_ERROR_MAX], const char *program, const struct error *err)
{
    /* In turn what somebody chose, one line each, and what is ours. */
    const char *const parts[] = {program,    ": ",
                                 err->where, err->where[0] ? ": " : "",
                                 err->text,  err->hint[0] ? "\n  " : "",
                                 err->hint,  "\n"};
    size_t n = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        n += visible_write(out + n, parts[i], strlen(parts[i]),
                           i % 2 ? VISIBLE_LINES : VISIBLE_LINE);
    return n;
}
