/*
 * report: what a line of a trainer says. A report is an object on a line of its own, with a whole
 * number t; anything else is log.
 *
 *     {"t": 3, "eval_loss": 9.72, "checkpoint": "t3"}
 *
 * Going on       "more": true says that the trainer can train on, and waits for a word where its
 *                run is over; "more": "save", that it can save then and wait on. "saved": "t3", on
 *                a line of its own, names the checkpoint that it was asked for.
 * Around it      Escape sequences of terminals, blanks and a byte order mark do no harm.
 * Numbers        at the top are the result; nulls and NaN are numbers that are missing. The rest is
 *                not kept.
 */
#ifndef ENGINE_EXECUTION_REPORT_H
#define ENGINE_EXECUTION_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/study/unit.h"

struct arena;

enum more { MORE_NOT, MORE, MORE_AND_SAVES, MORE_UNREADABLE };

struct report_line {
    int t;
    const char *text;       /* t and the numbers, as canonical JSON */
    struct numbers numbers; /* the same, parsed once */
    const char *checkpoint; /* a folder that it names, or NULL */
    enum more more;
};

enum line_kind {
    LINE_LOG,
    LINE_REPORT,
    LINE_SAVED,  /* only the checkpoint is set */
    LINE_ALMOST, /* someone may have meant a report: *why says what it lacks */
    LINE_MAYBE   /* log, unless no report comes at all: *why as well */
};

/* A number as programs print it, "nan" and "inf" among them; false: it is none. */
bool report_number(const char *text, double *x);

/* The *n bytes of the line without what terminals are told: escape sequences, backspaces, a byte
 * order mark. NULL: no memory. */
char *report_plain(const char *line, size_t *n, struct arena *arena);

/* Reads a line of n bytes. What it gives lives in the arena. ERR_MEMORY. */
enum status report_read(const char *line, size_t n, struct arena *arena, enum line_kind *kind,
                        struct report_line *out, const char **why, struct error *err) MUST_CHECK;

/* A copy in another arena, without the checkpoint. */
enum status report_copy(const struct report_line *report, struct arena *arena,
                        struct report_line *out, struct error *err) MUST_CHECK;

#endif
