/*
 * looks: how files and folders looked when something was read from them, so that it is known
 * without reading while they look the same. Of a folder the names in it count, not what they hold.
 *
 * Rule       as of stamp.h: what was changed less than a tick before it was read is never known by
 *            its look. An absent path is one that has to stay absent.
 */
#ifndef ENGINE_PROCESS_LOOKS_H
#define ENGINE_PROCESS_LOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct text;

/* Begins as {.arena = …, .begun_ns = looks_now()}, before the first of them is read. */
struct looks {
    struct arena *arena;
    int64_t begun_ns;
    struct look *list;
    size_t n, capacity;
    bool unsettled; /* one of them may still change unseen: nothing of this can be remembered */
};

int64_t looks_now(void);

/* Notes how the path looks now, before it is read; *there: it is. Links are followed. */
enum status looks_at(struct looks *l, const char *path, bool *there, struct error *err) MUST_CHECK;

/* A line for each into the text. False: they cannot be remembered. */
bool looks_write(const struct looks *l, struct text *t);

/* Whether what looks_write wrote in one line still holds. *line moves behind it. */
bool looks_hold(const char **line, struct arena *arena);

#endif
