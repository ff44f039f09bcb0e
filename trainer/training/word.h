/*
 * word: what the engine asks of a run that could train on, a line of standard input.
 *
 *     {"until": 9}       train on, up to t = 9
 *     {"save": "t3"}     write the checkpoint into that folder, and wait for the next word
 *     {"end": "save"}    write the checkpoint, and end
 *     {"end": "stop"}    end; so does the end of the input
 */
#ifndef TRAINER_TRAINING_WORD_H
#define TRAINER_TRAINING_WORD_H

#include <stdint.h>

#include "base/error.h"

enum { WORD_FOLDER = 256 };

enum word_kind { WORD_UNTIL, WORD_KEEP, WORD_SAVE, WORD_STOP };

struct word {
    enum word_kind kind;
    int64_t until;
    char folder[WORD_FOLDER]; /* of KEEP */
};

/* Waits for it. ERR_INPUT: it is none of these. ERR_INTERRUPTED: a signal asks to end. */
enum status word_read(struct word *out, struct error *err) MUST_CHECK;

#endif
