/*
 * progress: what people see. The only file of hpo that prints: messages on standard error, results
 * on standard output.
 *
 * Lines are queued and come out with progress_flush, which the loop calls after the store is
 * durable: nobody is told of a result that a power cut could take back. On a terminal a status line
 * stands below them; elsewhere lines are all there is. NO_COLOR and TERM=dumb are respected.
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

struct progress; /* opaque: the queue, the terminal's state */

struct progress_status {
    size_t done, total, running; /* actions and runs of units */
    const char *study;           /* NULL: none is under way */
    int trials, samples, active, stopped, failed;
    const char *best; /* "eval_loss 0.83 (trial 7)", or NULL */
    double fraction;  /* of the whole work, estimated; 0: unknown */
};

enum status progress_open(bool verbose, struct progress **out, struct error *err) MUST_CHECK;

/* Says what is queued but for results: they were not flushed, so they are not durable. NULL is
 * allowed. */
void progress_close(struct progress *p);

/* A result: said by a flush or never. */
void progress_done(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_line(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_verbose(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_warning(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* Many lines, such as the end of a log; a newline is added where the last lacks one. */
void progress_text(struct progress *p, const char *text);

void progress_flush(struct progress *p);

/* Flushes, and takes the status line away: results are about to be printed. */
void progress_clear(struct progress *p);

/* Whether a status line is due: there is a terminal, and a tenth of a second has passed. */
bool progress_wants_status(const struct progress *p);

/* Repaints the status line. */
void progress_show(struct progress *p, const struct progress_status *status);

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
