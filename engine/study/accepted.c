/* accepted: two rows of the table of failures. Start at accepted_get. */
#include "engine/study/accepted.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"

static enum status key_beside(const struct digest *key, struct digest *out, struct error *err)
{
    char text[32 + DIGEST_HEX], hex[DIGEST_HEX + 1];

    digest_hex(key, hex);
    (void)snprintf(text, sizeof text, "accepted failure 1\n%s\n", hex);
    return digest_bytes(text, strlen(text), out, err);
}

/* The failure of this key; *found false: there is none. */
static enum status find(struct store *store, const struct digest *key, struct arena *arena,
                        struct failure *out, bool *found, struct error *err)
{
    const enum status s = history_failure_get(store, key, arena, out, err);

    *found = s == OK;
    return s == ERR_NOT_FOUND ? OK : s;
}

enum status accepted_get(struct store *store, const struct digest *key, struct arena *arena,
                         const char **sentence, struct error *err)
{
    struct failure failure, mark;
    struct digest beside;
    bool found;

    *sentence = NULL;
    TRY(find(store, key, arena, &failure, &found, err));
    if (!found)
        return OK;
    TRY(key_beside(key, &beside, err));
    TRY(find(store, &beside, arena, &mark, &found, err));
    if (found)
        *sentence = failure.text;
    return OK;
}

/* Writes the row where it is not there yet, or not of today. */
static enum status refresh(struct store *store, struct failure row, int64_t today,
                           struct arena *arena, struct error *err)
{
    struct failure known;
    bool found;

    TRY(find(store, &row.key, arena, &known, &found, err));
    if (found && known.day >= today)
        return OK;
    row.day = today;
    return history_failure_put(store, &row, err);
}

static enum status put(struct store *store, const struct digest *key, int64_t today,
                       struct arena *arena, struct error *err)
{
    struct failure failure, mark;
    bool found;

    TRY(find(store, key, arena, &failure, &found, err));
    if (!found)
        return OK;
    mark = (struct failure){.run = failure.run, .name = failure.name, .text = "accepted"};
    TRY(key_beside(key, &mark.key, err));
    TRY(refresh(store, failure, today, arena, err));
    return refresh(store, mark, today, arena, err);
}

enum status accepted_put(struct store *store, const struct digest *key, int64_t today,
                         struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? put(store, key, today, arena, err) : error_memory(err);

    arena_close(arena);
    return s;
}
