/* text: a growing string and the project's one form of numbers. Start at text_add_bytes. */
#include "base/text.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct text text_in(struct arena *arena)
{
    return (struct text){.arena = arena};
}

/* Room for n more bytes and a NUL; false after any failure. */
static bool reserve(struct text *t, size_t n)
{
    if (t->failed || n > SIZE_MAX / 4 || t->n + n + 1 < n) {
        t->failed = true;
        return false;
    }
    if (t->n + n + 1 > t->capacity) {
        char *larger = arena_regrow(t->arena, t->bytes, t->n, t->n + n + 1, 1, &t->capacity);
        if (!larger) {
            t->failed = true;
            return false;
        }
        t->bytes = larger;
    }
    return true;
}

void text_add_bytes(struct text *t, const void *bytes, size_t n)
{
    if (!reserve(t, n))
        return;
    if (n > 0)
        memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    t->bytes[t->n] = '\0';
}

void text_add(struct text *t, const char *string)
{
    text_add_bytes(t, string, strlen(string));
}

void text_vprintf(struct text *t, const char *format, va_list args)
{
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0 || !reserve(t, (size_t)n)) {
        t->failed = true;
        return;
    }
    (void)vsnprintf(t->bytes + t->n, (size_t)n + 1, format, args);
    t->n += (size_t)n;
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

/* Rewrites C's "%.{p}e" as shortest-form text: 1.2e-05, 0.0001, 12, 1e+16. */
static size_t layout_number(const char *scientific, char *out)
{
    const char *e = strchr(scientific, 'e');
    char digits[24] = "", *p = out;
    int exponent = (int)strtol(e + 1, NULL, 10), count = 0;

    if (*scientific == '-')
        *p++ = *scientific++;
    for (const char *s = scientific; s < e; s++)
        if (*s != '.')
            digits[count++] = *s;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (exponent < -4 || exponent >= 16) {
        *p++ = digits[0];
        if (count > 1) {
            *p++ = '.';
            memcpy(p, digits + 1, (size_t)count - 1);
            p += count - 1;
        }
        p += sprintf(p, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = -1; i > exponent; i--)
            *p++ = '0';
        memcpy(p, digits, (size_t)count);
        p += count;
    } else {
        for (int i = 0; i < count || i <= exponent; i++) {
            if (i == exponent + 1)
                *p++ = '.';
            *p++ = (char)(i < count ? digits[i] : '0');
        }
    }
    *p = '\0';
    return (size_t)(p - out);
}

size_t text_number(double x, char *out)
{
    char scientific[40];
    /* If 15 digits of a normal number are enough, they less the last zeros are the shortest. */
    const int enough = fabs(x) < DBL_MIN ? 0 : DBL_DIG - 1;

    if (isnan(x))
        return (size_t)sprintf(out, "nan");
    if (isinf(x))
        return (size_t)sprintf(out, x < 0 ? "-inf" : "inf");
    if (x == 0)
        return (size_t)sprintf(out, "0"); /* -0 and 0 are one number here */
    for (int precision = enough; precision < 17; precision++) {
        (void)snprintf(scientific, sizeof scientific, "%.*e", precision, x);
        if (strtod(scientific, NULL) == x)
            break;
    }
    return layout_number(scientific, out);
}

void text_add_number(struct text *t, double x)
{
    char number[NUMBER_TEXT_MAX];

    text_add_bytes(t, number, text_number(x, number));
}

void text_add_integer(struct text *t, int64_t x)
{
    text_printf(t, "%lld", (long long)x);
}

enum status text_finish(struct text *t, char **string, size_t *n, struct error *err)
{
    text_add_bytes(t, "", 0);
    if (t->failed)
        return error_memory(err);
    *string = t->bytes;
    if (n)
        *n = t->n;
    return OK;
}

enum status text_parse_number(const char *string, const char *what, double *x, struct error *err)
{
    char *end;
    double value;

    if (*string && strspn(string, "0123456789.eE+-") == strlen(string)) {
        value = strtod(string, &end);
        if (!*end && isfinite(value)) {
            *x = value;
            return OK;
        }
    }
    return error_set(err, ERR_INPUT, what, "expected a number, found \"%s\"", string);
}

enum status text_parse_integer(const char *string, const char *what, int64_t low, int64_t high,
                               int64_t *x, struct error *err)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(string, &end, 10);
    if (*string && strspn(string, "0123456789-") == strlen(string) && !*end && errno == 0 &&
        value >= low && value <= high) {
        *x = value;
        return OK;
    }
    if (high == INT64_MAX)
        return error_set(err, ERR_INPUT, what, "expected a whole number ≥ %lld, found \"%s\"",
                         (long long)low, string);
    return error_set(err, ERR_INPUT, what,
                     "expected a whole number from %lld to %lld, found \"%s\"", (long long)low,
                     (long long)high, string);
}

/* Unicode 15, table 3-7. */
size_t text_utf8_length(const void *bytes, size_t left)
{
    const unsigned char *s = bytes;
    unsigned char low = 0x80, high = 0xbf;
    size_t n;

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (left < n)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return n;
}

bool text_is_utf8(const void *bytes, size_t n)
{
    const unsigned char *s = bytes;

    for (size_t i = 0; i < n;) {
        size_t step = text_utf8_length(s + i, n - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}
