/* journal: a chain of hashes, each naming one stored answer. Start at journal_follow. */
#include "engine/study/journal.h"

#include "base/arena.h"
#include "cache/records/history.h"

enum status journal_open(struct journal *j, struct store *store, const char *identity,
                         const char *source, int64_t today, struct error *err)
{
    struct arena *arena = arena_open();
    char *root = arena ? arena_printf(arena, "study 1\n%s\n%s\n", source, identity) : NULL;
    enum status s;

    j->store = store;
    j->today = today;
    s = root ? digest_bytes(root, __builtin_strlen(root), &j->row, err) : error_memory(err);
    arena_close(arena);
    return s;
}

enum status journal_follow(struct journal *j, const char *event, struct arena *arena,
                           const char **answer, struct error *err)
{
    char hex[DIGEST_HEX + 1];
    enum status s;
    char *row;

    *answer = NULL;
    digest_hex(&j->row, hex);
    if (!(row = arena_printf(arena, "%s %s\n", hex, event)))
        return error_memory(err);
    TRY(digest_bytes(row, __builtin_strlen(row), &j->row, err));
    if (!j->store)
        return OK;
    s = history_journal_get(j->store, &j->row, arena, answer, err);
    if (s == ERR_NOT_FOUND)
        *answer = NULL;
    return s == ERR_NOT_FOUND ? OK : s;
}

enum status journal_write(struct journal *j, const char *answer, struct error *err)
{
    if (!j->store)
        return OK;
    return history_journal_put(j->store, &j->row, answer, j->today, err);
}
