/*
 * progress: what people see. Messages go to standard error, results to standard output; nothing of
 * hpo prints but this and engine/screen.h.
 *
 * Lines are queued and come out with progress_flush, which the loop calls after the store is
 * durable: nobody is told of a result that a power cut could take back. On a terminal the status
 * stands below them, as engine/board.h draws it; elsewhere lines are all there is. NO_COLOR and
 * TERM=dumb are respected.
 *
 * Whatever is printed for people is made visible first (base/visible.h): a name that anybody chose
 * cannot command a terminal. Only progress_data leaves bytes alone, where no terminal reads them.
 */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct board;
struct progress; /* opaque: the queue, the terminal's state */

enum status progress_open(bool verbose, struct progress **out, struct error *err) MUST_CHECK;

/* Says what is queued but for results: they were not flushed, so they are not durable. NULL is
 * allowed. */
void progress_close(struct progress *p);

/* From now on nothing is said, and the status alone is shown. */
void progress_be_quiet(struct progress *p);

/* A result: said by a flush or never. */
void progress_done(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_line(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_verbose(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_warning(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* Many lines, such as the end of a log; a newline is added where the last lacks one. */
void progress_text(struct progress *p, const char *text);

void progress_flush(struct progress *p);

/* Flushes, and takes the status away: results are about to be printed. */
void progress_clear(struct progress *p);

/* Whether there is a terminal that shows the status. */
bool progress_wants_status(const struct progress *p);

/* Whether it has another size than when the status was drawn. */
bool progress_was_resized(const struct progress *p);

/* Draws the status anew: a table in the lower half of the terminal, or a line where it is small. */
void progress_show(struct progress *p, const struct board *board);

/*
 * A result for people or one line of JSON (an escape means the same character there), to standard
 * output. ERR_SYSTEM when it cannot be written.
 */
enum status progress_result(const char *bytes, size_t n, struct error *err) MUST_CHECK;

/* The same for bytes that programs read as they are: a log, CSV. */
enum status progress_data(const char *bytes, size_t n, struct error *err) MUST_CHECK;

/*
 * Whether the error is that nobody reads standard output any more, as in "hpo log ... | head". That
 * is no failure: the program ends as by SIGPIPE, without a word.
 */
bool progress_unread(const struct error *err);

/* "hpo: WHERE: TEXT" and the hint. */
void progress_error(const struct error *err);

#endif
