/* progress: a queue of lines and one status line. Start at progress_flush. */
#include "engine/progress.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "base/visible.h"

/* In messages about results that cannot be written. */
static const char output_name[] = "standard output";

struct progress {
    struct arena *own;   /* of this struct */
    struct arena *arena; /* of the queue; emptied by every flush */
    struct text queue;   /* what a flush says */
    struct text rest;    /* the same without results: what is said when the store failed */
    bool verbose, terminal, color, shown;
    int64_t started_ms, painted_ms;
    char status[512];
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum status progress_open(bool verbose, struct progress **out, struct error *err)
{
    struct arena *own = arena_open();
    struct progress *p = own ? arena_alloc(own, sizeof *p) : NULL;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

    if (!p || !(p->arena = arena_open())) {
        arena_close(own);
        return error_memory(err);
    }
    p->own = own;
    p->queue = p->rest = text_in(p->arena);
    p->verbose = verbose;
    p->terminal = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    p->color = p->terminal && !(no_color && *no_color);
    p->started_ms = now_ms();
    *out = p;
    return OK;
}

static void put(const char *bytes, size_t n)
{
    struct error ignored; /* standard error may be gone: there is nobody left to tell */

    (void)!file_write_all(STDERR_FILENO, "standard error", bytes, n, &ignored);
}

static void hide_status(struct progress *p)
{
    if (p->shown)
        put("\r\033[K", 4);
    p->shown = false;
}

static void show_status(struct progress *p)
{
    if (!p->terminal || !p->status[0])
        return;
    put(p->status, strlen(p->status));
    p->shown = true;
}

void progress_flush(struct progress *p)
{
    struct arena *fresh;

    if (p->queue.n == 0)
        return;
    hide_status(p);
    put(p->queue.bytes, p->queue.n);
    show_status(p);
    if (p->queue.failed)
        put("hpo: out of memory for messages\n", 32);
    if ((fresh = arena_open()) != NULL) {
        arena_close(p->arena);
        p->arena = fresh;
        p->queue = p->rest = text_in(fresh);
    } else {
        p->queue.n = p->rest.n = 0;
    }
}

void progress_clear(struct progress *p)
{
    p->status[0] = '\0';
    progress_flush(p);
    hide_status(p);
}

void progress_close(struct progress *p)
{
    if (!p)
        return;
    hide_status(p);
    if (p->rest.n > 0)
        put(p->rest.bytes, p->rest.n);
    arena_close(p->arena);
    arena_close(p->own);
}

/* Queues what is visible of the text, to the end of its last line; `before` is ours, and stands as
 * it is. */
static void queue(struct text *t, const char *before, const struct text *said,
                  enum visible_lines lines)
{
    text_add(t, before);
    visible_add(t, said->bytes, said->n, lines);
    if (lines == VISIBLE_LINE || said->n == 0 || said->bytes[said->n - 1] != '\n')
        text_add(t, "\n");
    t->failed = t->failed || said->failed;
}

static void add_line(struct progress *p, bool durable, const char *before, const char *format,
                     va_list args)
{
    struct text line = text_in(p->arena);

    text_vprintf(&line, format, args);
    queue(&p->queue, before, &line, VISIBLE_LINE);
    if (!durable)
        queue(&p->rest, before, &line, VISIBLE_LINE);
}

void progress_done(struct progress *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(p, true, "", format, args);
    va_end(args);
}

void progress_line(struct progress *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(p, false, "", format, args);
    va_end(args);
}

void progress_verbose(struct progress *p, const char *format, ...)
{
    va_list args;

    if (!p->verbose)
        return;
    va_start(args, format);
    add_line(p, false, "", format, args);
    va_end(args);
}

void progress_warning(struct progress *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_line(p, false, p->color ? "\033[33mwarning:\033[0m " : "warning: ", format, args);
    va_end(args);
}

void progress_text(struct progress *p, const char *text)
{
    struct text lines = text_in(p->arena);

    text_add(&lines, text);
    if (lines.n == 0 && !lines.failed)
        return;
    queue(&p->queue, "", &lines, VISIBLE_LINES);
    queue(&p->rest, "", &lines, VISIBLE_LINES);
}

static void add_duration(struct text *t, double seconds)
{
    int s = (int)seconds;

    if (s >= 3600)
        text_printf(t, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    else
        text_printf(t, "%d:%02d", s / 60, s % 60);
}

static size_t columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

bool progress_wants_status(const struct progress *p)
{
    return p->terminal && now_ms() - p->painted_ms >= 100;
}

void progress_show(struct progress *p, const struct progress_status *s)
{
    int64_t now = now_ms();
    double elapsed = (double)(now - p->started_ms) / 1000;
    struct text t = text_in(p->arena), shown = text_in(p->arena);

    if (!p->terminal)
        return;
    p->painted_ms = now;
    text_printf(&t, "[%zu/%zu] %zu running", s->done, s->total, s->running);
    if (s->study)
        text_printf(&t, " | %s: %d of %d trials, %d running, %d stopped", s->study, s->trials,
                    s->samples, s->active, s->stopped);
    if (s->study && s->failed)
        text_printf(&t, ", %d failed", s->failed);
    if (s->best)
        text_printf(&t, "; best %s", s->best);
    text_add(&t, " | ");
    add_duration(&t, elapsed);
    if (s->fraction > 0.02 && s->fraction < 1) {
        text_add(&t, ", about ");
        add_duration(&t, elapsed / s->fraction * (1 - s->fraction));
        text_add(&t, " left");
    }
    visible_add(&shown, t.bytes, t.n, VISIBLE_LINE);
    if (t.failed || shown.failed)
        return;
    hide_status(p);
    (void)snprintf(p->status, sizeof p->status, "%.*s", (int)(columns() - 1), shown.bytes);
    show_status(p);
}

static enum status put_out(const void *bytes, size_t n, struct error *err)
{
    return file_write_all(STDOUT_FILENO, output_name, bytes, n, err);
}

enum status progress_result(const char *bytes, size_t n, struct error *err)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena);
    enum status s = arena ? OK : error_memory(err);
    char *shown;

    if (s == OK) {
        visible_add(&t, bytes, n, VISIBLE_LINES);
        s = text_finish(&t, &shown, &n, err);
    }
    if (s == OK)
        s = put_out(shown, n, err);
    arena_close(arena);
    return s;
}

enum status progress_data(const char *bytes, size_t n, struct error *err)
{
    return isatty(STDOUT_FILENO) ? progress_result(bytes, n, err) : put_out(bytes, n, err);
}

bool progress_unread(const struct error *err)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    return strcmp(err->where, output_name) == 0 && poll(&out, 1, 0) > 0 && out.revents & POLLERR;
}

void progress_error(const struct error *err)
{
    char message[VISIBLE_ERROR_MAX];

    put(message, visible_error(message, "hpo", err));
}
