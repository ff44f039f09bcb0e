/*
 * text: a string that grows, and numbers as text in the one way the project knows.
 *
 * A struct text lives on the stack; its bytes live in an arena. It remembers its first failure, and
 * text_finish reports it: a series of text_add calls needs one check.
 *
 * Numbers are written as the shortest decimal that reads back as the same double: whole values
 * without ".0", exponents as in 1e-05 and 1e+16 (below 1e-4 and from 1e16 on). The locale plays no
 * part.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

struct text {
    struct arena *arena;
    char *bytes; /* NUL-terminated once something was added; NULL before */
    size_t n, capacity;
    bool failed;
};

struct text text_in(struct arena *arena);

void text_add(struct text *t, const char *string);
void text_add_bytes(struct text *t, const void *bytes, size_t n);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void text_vprintf(struct text *t, const char *format, va_list args) PRINTF_LIKE(2, 0);
void text_add_number(struct text *t, double x); /* "nan", "inf", "-inf" where not finite */
void text_add_integer(struct text *t, int64_t x);

/* The string (never NULL on success, valid as long as the arena) and its length; n may be NULL. */
enum status text_finish(struct text *t, char **string, size_t *n, struct error *err) MUST_CHECK;

/* Canonical text of x into a buffer of at least NUMBER_TEXT_MAX bytes; returns its length. */
enum { NUMBER_TEXT_MAX = 32 };
size_t text_number(double x, char *out);

/*
 * The whole string as a number: no surrounding space, no hexadecimal, no "nan" or "inf".
 * ERR_INPUT says what was expected; `what` names the thing ("--lr").
 */
enum status text_parse_number(const char *string, const char *what, double *x,
                              struct error *err) MUST_CHECK;
enum status text_parse_integer(const char *string, const char *what, int64_t low, int64_t high,
                               int64_t *x, struct error *err) MUST_CHECK;

/* Bytes (1 to 4) of the well-formed UTF-8 character that begins the bytes left, at least one; or
 * 0. */
size_t text_utf8_length(const void *bytes, size_t left);

/* True when the n bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool text_is_utf8(const void *bytes, size_t n);

#endif
