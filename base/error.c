/* error: writes the fixed-size sentences of struct error. Start at error_set. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* snprintf cuts by bytes: takes away the beginning of a letter whose end did not fit. */
static void end_with_a_letter(char *field)
{
    const size_t n = strlen(field);
    size_t start = n;

    while (start > 0 && n - start < 3 && ((unsigned char)field[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0) {
        const unsigned char first = (unsigned char)field[start - 1];
        const size_t whole = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        if (n - (start - 1) < whole)
            field[start - 1] = '\0';
    }
}

enum status error_set(struct error *err, enum status status, const char *where, const char *format,
                      ...)
{
    struct error fresh = {.text = ""}; /* the arguments may be parts of *err */
    va_list args;

    (void)snprintf(fresh.where, sizeof fresh.where, "%s", where ? where : "");
    va_start(args, format);
    (void)vsnprintf(fresh.text, sizeof fresh.text, format, args);
    va_end(args);
    end_with_a_letter(fresh.where);
    end_with_a_letter(fresh.text);
    *err = fresh;
    return status;
}

void error_hint(struct error *err, const char *format, ...)
{
    char hint[sizeof err->hint];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(hint, sizeof hint, format, args);
    va_end(args);
    end_with_a_letter(hint);
    memcpy(err->hint, hint, sizeof hint);
}

void error_place(struct error *err, const char *format, ...)
{
    char place[sizeof err->where];
    va_list args;
    size_t n;

    va_start(args, format);
    (void)vsnprintf(place, sizeof place, format, args);
    va_end(args);
    n = strlen(place);
    if (err->where[0])
        (void)snprintf(place + n, sizeof place - n, ": %.200s", err->where);
    end_with_a_letter(place);
    memcpy(err->where, place, sizeof place);
}

enum status error_memory(struct error *err)
{
    return error_set(err, ERR_MEMORY, "", "out of memory");
}

enum status error_system(struct error *err, const char *where, const char *what)
{
    const int reason = errno;
    const enum status s =
        error_set(err, ERR_SYSTEM, where, "cannot %s: %s", what, strerror(reason));

    if (reason == EFBIG)
        error_hint(err, "a limit on the size of files is set: \"ulimit -f\" shows it");
    return s;
}
