/*
 * made_up: an executor without processes and results without a store, whose every freedom is a
 * random draw: which task speaks next, how its lines are cut, when it dies, hangs or is lost, what
 * is answered later, whose claim comes first, which checkpoint is gone. A
 * trainer of parameters {"x": X} reports a loss that X and the checkpoint it began with decide; so
 * does a script that is run with X, as often as X says, and then ends by itself; so may a trainer.
 */
#ifndef TESTS_UNIT_ENGINE_MADE_UP_H
#define TESTS_UNIT_ENGINE_MADE_UP_H

#include "engine/executor/executor.h"
#include "engine/results/results.h"

struct arena;

struct made_up {
    struct executor executor;
    struct results results;
    struct arena *arena; /* everything lives here */
    uint64_t random;
    int slots, running, resting; /* of the running, that wait for a word */
    int faults;                  /* how many more things may go wrong */
    int deaths, hangs, losses, gone, late, refused, starts, gone_on, kept;
    int paused, ended; /* so many scripts, and those that ended by themselves */
    int64_t now_ns;
    struct made_up_task *tasks;
    struct made_up_row *rows;
    size_t n_rows, row_capacity;
    struct made_up_question *questions; /* to be answered later */
    size_t n_questions, question_capacity;
};

/* slots: how many tasks run at once. */
void made_up_open(struct made_up *m, struct arena *arena, uint64_t seed, int slots, int faults);

#endif
