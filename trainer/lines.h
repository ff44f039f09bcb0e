/*
 * lines: the only file of hpo-trainer that prints.
 *
 * Standard output carries results: one line of JSON a report. Standard error carries messages for a
 * person. Everyone else builds a struct text and hands it over.
 *
 * lines_put     a line of many: buffered. Call lines_flush when the last one is out.
 * lines_report  a line that somebody waits for: out at once.
 *
 * Errors: ERR_SYSTEM when standard output cannot be written (a full disk, a closed pipe);
 * ERR_MEMORY when the text had failed.
 */
#ifndef TRAINER_LINES_H
#define TRAINER_LINES_H

#include <stdint.h>

#include "base/error.h"

struct text;

enum status lines_put(struct text *line, struct error *err) MUST_CHECK;
enum status lines_flush(struct error *err) MUST_CHECK;
enum status lines_report(struct text *line, struct error *err) MUST_CHECK;

/* A number of a report: canonical, or NaN, Infinity, -Infinity, as the engine reads them. */
void lines_number(struct text *line, double x);

/* Text as it is, without JSON: help and version. */
enum status lines_plain(const char *string, struct error *err) MUST_CHECK;

/* "hpo-trainer: WHERE: TEXT" and the hint on its own line, to standard error. */
void lines_error(const struct error *err);

/* "hpo-trainer: warning: TEXT", to standard error. */
void lines_warning(const char *format, ...) PRINTF_LIKE(1, 2);

/* What the program ends with. */
int lines_exit_status(enum status s);

/* "hpo-trainer: TEXT", to standard error. */
void lines_note(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
