/*
 * decision: what a scheduler says about a trial, and how a trial ended by itself.
 *
 * Lua, the journal and tables have them as words, the engine as numbers: words are parsed where
 * they come in and written where they go out, here alone.
 */
#ifndef ENGINE_RECIPE_DECISION_H
#define ENGINE_RECIPE_DECISION_H

#include <stdbool.h>

enum decision_kind {
    DECISION_CONTINUE,
    DECISION_STOP,
    DECISION_COMPLETE, /* stopped, having had all that its scheduler gives */
    DECISION_PAUSE,
    DECISION_EXPLOIT, /* goes on from another trial's checkpoint */
    DECISION_DROP,    /* a paused trial is given up */
};

struct decision {
    int trial;
    enum decision_kind kind;
    int parent;         /* the donor of an exploit, or -1 */
    int t;              /* of the donor's unit that it goes on from; 0: its last */
    const char *params; /* JSON, or NULL: unchanged */
    const char *why;    /* in words, where recipe_why was asked; else NULL */
};

/* "continue", ...; false: no such word. NULL is none. */
bool decision_parse(const char *word, enum decision_kind *kind);
const char *decision_word(enum decision_kind kind);

/* How a trial ended whatever its scheduler says. */
enum trial_end {
    END_NONE,
    END_COMPLETED, /* it met the study's stop */
    END_ENDED,     /* its process ended by itself instead of reporting t */
    END_FAILED,    /* t is the unit that did */
};

/* "completed", "ended", "failed", NULL. */
const char *trial_end_word(enum trial_end end);

#endif
