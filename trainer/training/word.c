/* word: one line, read byte by byte: what lies behind it is for later. Start at word_read. */
#include "trainer/training/word.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "trainer/interrupt.h"

enum { LONGEST = 4096, LOOK_MS = 100 };

static const char where[] = "standard input";

/* Without its newline; *ended: there is no whole line any more. */
static enum status read_line(char line[LONGEST], size_t *n, bool *ended, struct error *err)
{
    *ended = false;
    for (*n = 0; *n < LONGEST;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        const int came = poll(&input, 1, LOOK_MS); /* read would sleep on after a signal */
        ssize_t got;
        TRY(interrupt_check(err));
        if (came == 0 || (came < 0 && errno == EINTR))
            continue;
        got = came < 0 ? -1 : read(STDIN_FILENO, line + *n, 1);
        if (got < 0)
            return error_system(err, where, "read");
        if (got == 0) {
            *ended = true;
            return OK;
        }
        if (line[*n] == '\n') {
            line[*n] = '\0';
            return OK;
        }
        ++*n;
    }
    return error_set(err, ERR_INPUT, where, "expected a line of less than %d bytes", (int)LONGEST);
}

static struct word keep_in(const char *folder)
{
    struct word word = {.kind = WORD_KEEP};

    (void)snprintf(word.folder, sizeof word.folder, "%s", folder);
    return word;
}

static enum status parse(const char *line, size_t n, struct arena *arena, struct word *out,
                         struct error *err)
{
    const struct json *until, *save, *end;
    struct json *object;

    TRY(json_parse(line, n, where, JSON_STRICT, arena, &object, err));
    until = json_get(object, "until");
    save = json_get(object, "save");
    end = json_get(object, "end");
    if (until && until->kind == JSON_NUMBER && until->whole)
        *out = (struct word){.kind = WORD_UNTIL, .until = until->integer};
    else if (save && save->kind == JSON_STRING && file_is_inner_path(save->string) &&
             strlen(save->string) < WORD_FOLDER)
        *out = keep_in(save->string);
    else if (end && end->kind == JSON_STRING && strcmp(end->string, "save") == 0)
        *out = (struct word){.kind = WORD_SAVE};
    else if (end && end->kind == JSON_STRING && strcmp(end->string, "stop") == 0)
        *out = (struct word){.kind = WORD_STOP};
    else
        return error_set(err, ERR_INPUT, where,
                         "expected {\"until\": N}, {\"save\": NAME}, {\"end\": \"save\"} or "
                         "{\"end\": \"stop\"}, "
                         "found %.80s",
                         line);
    return OK;
}

enum status word_read(struct word *out, struct error *err)
{
    struct arena *arena;
    char line[LONGEST];
    enum status s;
    bool ended;
    size_t n;

    *out = (struct word){.kind = WORD_STOP};
    TRY(read_line(line, &n, &ended, err));
    if (ended)
        return OK;
    if (!(arena = arena_open()))
        return error_memory(err);
    s = parse(line, n, arena, out, err);
    arena_close(arena);
    return s;
}
