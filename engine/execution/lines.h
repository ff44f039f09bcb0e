/*
 * lines: bytes as they come from a process, cut into lines. A newline or a carriage return ends a
 * line; an empty line is none.
 *
 * Limit      A line of more than LINES_MAX bytes is no line: it is passed over up to its end.
 */
#ifndef ENGINE_EXECUTION_LINES_H
#define ENGINE_EXECUTION_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

enum { LINES_MAX = 1 << 20 };

struct lines {
    struct arena *arena;
    char *bytes; /* of the line that has not ended */
    size_t n, capacity;
    bool passing;  /* over one that is too long */
    bool too_long; /* there has been one */
};

struct lines lines_in(struct arena *arena);

/*
 * Takes bytes from *bytes, of which there are *n, up to the end of a line, and moves both behind
 * it. *line is the line, with a NUL behind it, until the next call; NULL: all bytes were taken and
 * no line has ended.
 */
enum status lines_take(struct lines *l, const char **bytes, size_t *n, const char **line,
                       size_t *n_line, struct error *err) MUST_CHECK;

/* What stands behind the last end of a line, as a line; NULL: nothing. */
const char *lines_rest(struct lines *l, size_t *n_line);

#endif
