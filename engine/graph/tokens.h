/*
 * tokens: the digest of the tokens of a Python source: what is left of it without comments, blank
 * lines and white space between tokens. Two sources with one digest are the same program to Python,
 * but for the numbers of its lines. Docstrings are strings, and count.
 *
 * Careful    It need not know all of Python: a source that has anything in it which this file does
 *            not read exactly as every Python 3 does has no digest, and so is the same as nothing.
 *            That is: a byte below a blank but tab and newline (so CRLF), a byte order mark, a
 *            comment that may name an encoding, indentation by tabs here and blanks there, brackets
 *            that do not fit, a string without an end, a comment behind a joined line or without a
 *            newline at the end, and in the {} of an f-string a quote of its own kind, a backslash,
 *            a comment. A first line that begins with #! is no comment.
 */
#ifndef ENGINE_GRAPH_TOKENS_H
#define ENGINE_GRAPH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

/* *known false: the source has no digest. ERR_MEMORY. */
enum status tokens_digest(const char *source, size_t n, bool *known, struct digest *out,
                          struct error *err) MUST_CHECK;

#endif
