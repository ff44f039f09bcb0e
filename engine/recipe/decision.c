/* decision: the words, in the order of the enum. */
#include "engine/recipe/decision.h"

#include <stddef.h>
#include <string.h>

static const char *const words[] = {"continue", "stop", "complete", "pause", "exploit", "drop"};

bool decision_parse(const char *word, enum decision_kind *kind)
{
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) {
            *kind = (enum decision_kind)i;
            return true;
        }
    return false;
}

const char *decision_word(enum decision_kind kind)
{
    return words[kind];
}

const char *trial_end_word(enum trial_end end)
{
    static const char *const ends[] = {NULL, "completed", "ended", "failed"};

    return ends[end];
}
