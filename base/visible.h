/*
 * visible: text as a person can safely be shown it.
 *
 * Names come from anywhere: a server's branches, a recipe, a command line, another program's log.
 * A terminal obeys some of the characters in them. So what people read shows such characters as
 * escapes:
 *
 *     \u001B   control characters (C0, DEL, C1), and those that reorder a line (U+202A to U+202E,
 *              U+2066 to U+2069)
 *     \xE4     a byte that is not part of well-formed UTF-8
 *
 * All else, backslashes too, stands as it is: to make visible what is visible changes nothing, and
 * inside a string of JSON the escape means the character.
 */
#ifndef BASE_VISIBLE_H
#define BASE_VISIBLE_H

#include <stddef.h>

#include "base/error.h"

struct text;

enum visible_lines {
    VISIBLE_LINE, /* one line: newlines and tabs are escaped, too */
    VISIBLE_LINES /* many: newlines and tabs stand */
};

/* A byte becomes at most so many. */
enum { VISIBLE_GROWTH = 6 };

/* Writes n bytes made visible, and a NUL, to out, which has room for VISIBLE_GROWTH * n + 1 bytes;
 * returns the length. */
size_t visible_write(char *out, const void *bytes, size_t n, enum visible_lines lines);

/* The same at the end of a text. */
void visible_add(struct text *t, const void *bytes, size_t n, enum visible_lines lines);

/*
 * How many of the n bytes, well-formed and visible, stand in `most` columns of a terminal;
 * *columns: what they take. Wide characters take two, and the colours that we add (ESC [ ... m)
 * none.
 */
size_t visible_fit(const char *bytes, size_t n, size_t most, size_t *columns);

/*
 * "PROGRAM: WHERE: TEXT" and, behind two spaces, the hint on a line of its own: what both programs
 * print of an error. It needs no memory, for memory may be what lacks. PROGRAM, and all that
 * is ours in the message, have 64 bytes. Returns the length.
 */
enum { VISIBLE_ERROR_MAX = VISIBLE_GROWTH * sizeof(struct error) + 64 };
size_t visible_error(char out[VISIBLE_ERROR_MAX], const char *program, const struct error *err);

#endif
