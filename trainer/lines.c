/* lines: standard output and standard error. Nothing here can lose a failed write. */
#include "trainer/lines.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

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
    (void)fprintf(stderr, "hpo-trainer: %s%s%s\n", err->where, err->where[0] ? ": " : "",
                  err->text);
    if (err->hint[0])
        (void)fprintf(stderr, "%s\n", err->hint);
}

void lines_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fputs("hpo-trainer: warning: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)putc('\n', stderr);
    va_end(arguments);
}
