/* error: writes the fixed-size sentences of struct error. Start at error_set. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error *err, enum status status, const char *where, const char *format,
                      ...)
{
    va_list args;

    (void)snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->hint[0] = '\0';
    return status;
}

void error_hint(struct error *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
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
    memcpy(err->where, place, sizeof place);
}

enum status error_memory(struct error *err)
{
    return error_set(err, ERR_MEMORY, "", "out of memory");
}

enum status error_system(struct error *err, const char *where, const char *what)
{
    return error_set(err, ERR_SYSTEM, where, "cannot %s: %s", what, strerror(errno));
}
