/* study_check: a replayed study's answers beside those that are on record. Start at study_check. */
#include <string.h>

#include "base/arena.h"
#include "engine/study/study_state.h"

enum status study_check(const struct study *study, struct store *store, struct arena *arena,
                        size_t *n, const char **event, const char **was, const char **is,
                        struct error *err)
{
    char name[EVENT_NAME];
    const char *answer, *recorded;
    struct journal journal;

    *n = 0;
    *event = *was = *is = NULL;
    TRY(study_journal(study, store, &journal, err));
    for (size_t i = 0; study_answer(study, i, name, &answer); i++) {
        TRY(journal_follow(&journal, name, arena, &recorded, err));
        if (!recorded)
            return OK;
        ++*n;
        if (strcmp(recorded, answer) == 0)
            continue;
        *event = arena_string(arena, name);
        *was = recorded;
        *is = arena_string(arena, answer);
        return *event && *is ? OK : error_memory(err);
    }
    return OK;
}
