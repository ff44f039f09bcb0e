/* progress: a queue of lines, and the status below them. Start at progress_flush. */
#include "engine/progress.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "base/visible.h"
#include "engine/screen.h"

/* In messages about results that cannot be written. */
static const char output_name[] = "standard output";

struct progress {
    struct arena *own;   /* of this struct */
    struct arena *arena; /* of the queue; emptied by every flush */
    struct text queue;   /* what a flush says */
    struct text rest;    /* the same without results: what is said when the store failed */
    bool verbose, quiet, terminal, color, shown;
    struct arena *lines;         /* holds those of: */
    struct region status, drawn; /* what the terminal shows, and what it is to show */
    struct board_size size;      /* for which that was drawn */
};

enum status progress_open(bool verbose, struct progress **out, struct error *err)
{
    struct arena *own = arena_open();
    struct progress *p = own ? arena_alloc(own, sizeof *p) : NULL;

    if (!p || !(p->arena = arena_open())) {
        arena_close(own);
        return error_memory(err);
    }
    p->own = own;
    p->queue = p->rest = text_in(p->arena);
    p->verbose = verbose;
    p->terminal = screen_is_terminal(STDERR_FILENO);
    p->color = screen_has_colors(STDERR_FILENO);
    *out = p;
    return OK;
}

void progress_be_quiet(struct progress *p)
{
    p->quiet = true;
}

static void put(const char *bytes, size_t n)
{
    struct error ignored; /* standard error may be gone: there is nobody left to tell */

    (void)!file_write_all(STDERR_FILENO, "standard error", bytes, n, &ignored);
}

/* In one piece, so that a terminal shows no moment in between: the status goes, the lines come, the
 * status comes again where it is wanted. */
static void repaint(struct progress *p, const struct text *lines, bool status)
{
    struct arena *arena = arena_open();
    struct text t = text_in(arena), none = text_in(arena);

    if (p->quiet)
        lines = &none;
    if (arena && p->shown)
        screen_hide(&t, &p->status, screen_size(STDERR_FILENO).columns);
    if (arena && lines->n > 0)
        text_add_bytes(&t, lines->bytes, lines->n);
    if (arena && status)
        screen_show(&t, &p->drawn);
    if (arena && !t.failed && t.n > 0)
        put(t.bytes, t.n);
    else if (lines->n > 0)
        put(lines->bytes, lines->n);
    p->shown = status && p->drawn.n > 0;
    p->status = p->drawn;
    arena_close(arena);
}

void progress_flush(struct progress *p)
{
    struct arena *fresh;

    if (p->queue.n == 0)
        return;
    repaint(p, &p->queue, true);
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
    p->drawn.n = 0;
    repaint(p, &p->queue, false);
    p->queue.n = p->rest.n = 0;
}

void progress_close(struct progress *p)
{
    if (!p)
        return;
    p->drawn.n = 0;
    repaint(p, &p->rest, false);
    arena_close(p->lines);
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

bool progress_wants_status(const struct progress *p)
{
    return p->terminal;
}

bool progress_was_resized(const struct progress *p)
{
    const struct board_size size = screen_size(STDERR_FILENO);

    return size.columns != p->size.columns || size.rows != p->size.rows;
}

/* The last columns stay free, so that no line wraps, with a ^C behind it neither; the upper half is
 * for what scrolls. */
void progress_show(struct progress *p, const struct board *board)
{
    const struct board_size size = screen_size(STDERR_FILENO);
    const struct board_size half = {size.columns - 3, (size.rows + 1) / 2, p->color};
    const struct text nothing = {0};
    struct arena *lines = arena_open(), *before = p->lines;
    struct region drawn;
    struct error ignored;

    if (!lines || board_draw(board, &half, lines, &drawn.lines, &drawn.n, &ignored) != OK) {
        arena_close(lines);
        return;
    }
    p->lines = lines;
    p->drawn = drawn;
    p->size = size;
    repaint(p, &nothing, true);
    arena_close(before);
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
