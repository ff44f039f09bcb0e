/* input: one buffer, which grows to the longest line. */
#include "trainer/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"

#ifdef HPO_SMALL
enum { ROOM = 7 };
#else
enum { ROOM = 64 * 1024 };
#endif

struct input input_of(struct arena *arena)
{
    return (struct input){.arena = arena};
}

const char *input_place(const struct input *in, char place[INPUT_PLACE_MAX])
{
    (void)snprintf(place, INPUT_PLACE_MAX, "line %" PRId64, in->line);
    return place;
}

/* Makes room, and reads what there is behind what is there. */
static enum status fill(struct input *in, struct error *err)
{
    ssize_t got;
    char place[INPUT_PLACE_MAX];

    if (in->start > 0) {
        memmove(in->bytes, in->bytes + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->end > INPUT_LINE_MAX) {
        in->line++;
        return error_set(err, ERR_INPUT, input_place(in, place),
                         "expected a line of at most %d bytes", INPUT_LINE_MAX);
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

enum status input_next(struct input *in, struct arena *one, struct json **value, struct error *err)
{
    size_t seen = 0, n; /* bytes from start that hold no line feed */
    char *feed = NULL;
    char place[INPUT_PLACE_MAX];

    for (;;) {
        const size_t left = in->end - in->start;
        if (left > seen && (feed = memchr(in->bytes + in->start + seen, '\n', left - seen)))
            break;
        seen = left;
        if (in->ended)
            break;
        TRY(fill(in, err));
    }
    *value = NULL;
    if (!feed && seen == 0)
        return OK;
    in->line++;
    n = feed ? (size_t)(feed - in->bytes) - in->start : seen;
    TRY(json_parse(in->bytes + in->start, n, input_place(in, place), JSON_STRICT, one, value, err));
    in->start += n + (feed != NULL);
    return OK;
}
