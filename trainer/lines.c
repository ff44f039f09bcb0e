/* lines: standard output and standard error. Nothing here can lose a failed write. */
#include "trainer/lines.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "base/visible.h"

static enum status put(const char *bytes, size_t n, struct error *err)
{
    if (fwrite(bytes, 1, n, stdout) == n && putc('\n', stdout) != EOF)
        return OK;
    return error_system(err, "standard output", "write");
}

enum status lines_put(struct text *line, struct error *err)
{
    char *bytes;
    size_t n;

    TRY(text_finish(line, &bytes, &n, err));
    return put(bytes, n, err);
}

enum status lines_flush(struct error *err)
{
    return fflush(stdout) == 0 ? OK : error_system(err, "standard output", "write");
}

enum status lines_report(struct text *line, struct error *err)
{
    TRY(lines_put(line, err));
    return lines_flush(err);
}

void lines_number(struct text *line, double x)
{
    if (isfinite(x))
        text_add_number(line, x);
    else
        text_add(line, isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity");
}

enum status lines_plain(const char *string, struct error *err)
{
    if (fputs(string, stdout) < 0)
        return error_system(err, "standard output", "write");
    return lines_flush(err);
}

void lines_error(const struct error *err)
{
    char message[VISIBLE_ERROR_MAX];

    (void)fwrite(message, 1, visible_error(message, "hpo-trainer", err), stderr);
}

static void say(const char *where, const char *format, va_list arguments)
{
    struct error line = {.where = ""};

    (void)snprintf(line.where, sizeof line.where, "%s", where);
    (void)vsnprintf(line.text, sizeof line.text, format, arguments);
    lines_error(&line);
}

void lines_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("warning", format, arguments);
    va_end(arguments);
}

void lines_note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

int lines_exit_status(enum status s)
{
    switch (s) {
    case OK:
        return 0;
    case ERR_INPUT:
    case ERR_NOT_FOUND:
    case ERR_MEMORY: /* too large a model or batch: the caller asked for it */
        return 2;
    case ERR_CORRUPT:
        return 4;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_BUSY: /* EX_TEMPFAIL: who gave the device may try again */
        return 75;
    case ERR_DEVICE:
        return 76;
    case ERR_FAILED:
    case ERR_SYSTEM:
    case ERR_DIFFERS: /* of an audit: nothing here says so */
    case ERR_UNCLEAR:
        break;
    }
    return 1;
}
