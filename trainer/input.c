/*
 * input: one buffer, which grows to the longest line, and an arena for the lines, which is replaced
 * by an empty one when enough was taken from it.
 */
#include "trainer/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"

#ifdef HPO_SMALL
enum { ROOM = 7, LINES = 1 };
#else
enum {
    ROOM = 64 * 1024,
    LINES = 256 * 1024, /* bytes of input whose lines share an arena */
};
#endif

struct input {
    struct arena *arena; /* of this and the buffer */
    char *bytes;         /* start to end: read, not yet returned */
    size_t start, end, room;
    bool ended;
    struct arena *lines;
    size_t in_lines; /* bytes of input that went into it */
    int64_t line;    /* the number of the last line given, from 1 */
    char place[32];
};

enum status input_open(struct input **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct input *in = arena ? arena_alloc(arena, sizeof *in) : NULL;

    if (!in) {
        arena_close(arena);
        return error_memory(err);
    }
    in->arena = arena;
    *out = in;
    return OK;
}

void input_close(struct input *in)
{
    if (!in)
        return;
    arena_close(in->lines);
    arena_close(in->arena);
}

struct arena *input_arena(const struct input *in)
{
    return in->lines;
}

const char *input_place(const struct input *in)
{
    return in->place;
}

static void number_line(struct input *in)
{
    in->line++;
    (void)snprintf(in->place, sizeof in->place, "line %" PRId64, in->line);
}

/* Makes room, and appends what can be read to the buffer. */
static enum status fill(struct input *in, struct error *err)
{
    ssize_t got;

    if (in->start > 0) {
        memmove(in->bytes, in->bytes + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->end > INPUT_LINE_MAX) {
        number_line(in);
        return error_set(err, ERR_INPUT, in->place, "expected a line of at most %d bytes",
                         INPUT_LINE_MAX);
    }
    if (in->room - in->end < ROOM) {
        size_t room = in->room;
        char *bytes = arena_grow(in->arena, in->bytes, in->end, in->end + ROOM, 1, &room);
        if (!bytes)
            return error_memory(err);
        in->bytes = bytes;
        in->room = room;
    }
    do
        got = read(STDIN_FILENO, in->bytes + in->end, in->room - in->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_system(err, "standard input", "read");
    in->ended = got == 0;
    in->end += (size_t)got;
    return OK;
}

/* The next line, n bytes at in->start; *feeds is 1 where a line feed ends it. n + feeds is 0 after
 * the last. */
static enum status find_line(struct input *in, size_t *n, size_t *feeds, struct error *err)
{
    for (*n = 0, *feeds = 0;;) {
        const size_t left = in->end - in->start;
        const char *feed = NULL; /* nothing is there before the first fill, not even a buffer */
        if (left > *n)
            feed = memchr(in->bytes + in->start + *n, '\n', left - *n);
        *n = feed ? (size_t)(feed - (in->bytes + in->start)) : left;
        *feeds = feed != NULL;
        if (feed || in->ended)
            return OK;
        TRY(fill(in, err));
    }
}

enum status input_next(struct input *in, struct json **value, struct error *err)
{
    size_t n, feeds;

    *value = NULL;
    TRY(find_line(in, &n, &feeds, err));
    if (n + feeds == 0)
        return OK;
    if (in->in_lines >= LINES) {
        arena_close(in->lines);
        in->lines = NULL;
        in->in_lines = 0;
    }
    if (!in->lines && !(in->lines = arena_open()))
        return error_memory(err);
    number_line(in);
    TRY(json_parse(in->bytes + in->start, n, in->place, JSON_STRICT, in->lines, value, err));
    in->start += n + feeds;
    in->in_lines += n + feeds;
    return OK;
}
