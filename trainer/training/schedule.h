/*
 * schedule: the learning rate at a step, linear from lr to zero over all epochs, without warm-up,
 * as transformers' Trainer has it.
 *
 * The position is (epochs done) × (steps of an epoch now), plus the steps of this epoch: so the
 * share of the horizon that is done stays the same where the batch size changes in the middle
 * (PBT). Steps that were skipped do not count; they are measured in epochs too.
 */
#ifndef TRAINER_TRAINING_SCHEDULE_H
#define TRAINER_TRAINING_SCHEDULE_H

#include <stdint.h>

struct schedule {
    double lr;
    int64_t epochs, steps_per_epoch;
    double skipped; /* steps, in epochs */
};

/* step counts from 0; from epochs · steps_per_epoch on the rate is 0. */
double schedule_lr(const struct schedule *s, int64_t step);

/* A step was skipped: the next ones come one earlier. */
void schedule_skip(struct schedule *s);

#endif
