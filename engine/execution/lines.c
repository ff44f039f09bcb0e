/* lines: a buffer for the line that is still growing. */
#include "engine/execution/lines.h"

#include <string.h>

#include "base/arena.h"

struct lines lines_in(struct arena *arena)
{
    return (struct lines){.arena = arena};
}

static enum status append(struct lines *l, const char *bytes, size_t n, struct error *err)
{
    if (l->passing || l->n + n > LINES_MAX) {
        l->passing = l->too_long = true;
        l->n = 0;
        return OK;
    }
    if (l->n + n + 1 > l->capacity) {
        char *larger = arena_grow(l->arena, l->bytes, l->n, l->n + n + 1, 1, &l->capacity);
        if (!larger)
            return error_memory(err);
        l->bytes = larger;
    }
    memcpy(l->bytes + l->n, bytes, n);
    l->n += n;
    l->bytes[l->n] = '\0';
    return OK;
}

static size_t length_of_line(const char *bytes, size_t n)
{
    size_t i = 0;

    while (i < n && bytes[i] != '\n' && bytes[i] != '\r')
        i++;
    return i;
}

enum status lines_take(struct lines *l, const char **bytes, size_t *n, const char **line,
                       size_t *n_line, struct error *err)
{
    *line = NULL;
    while (*n > 0 && !*line) {
        const size_t part = length_of_line(*bytes, *n);
        const bool ends = part < *n;
        TRY(append(l, *bytes, part, err));
        *bytes += part + ends;
        *n -= part + ends;
        if (ends)
            *line = lines_rest(l, n_line);
    }
    return OK;
}

const char *lines_rest(struct lines *l, size_t *n_line)
{
    const char *line = !l->passing && l->n > 0 ? l->bytes : NULL;

    *n_line = l->n;
    l->n = 0;
    l->passing = false;
    return line;
}
