/*
 * loss_scale: what fp16 multiplies the loss by, so that small gradients do not vanish.
 *
 * A step whose scaled gradients do not fit is skipped. A static scale stays as it is. A dynamic one
 * follows DeepSpeed 0.19: an overflow first uses up the patience, then halves the scale; `window`
 * steps without one double it and restore the patience. Where the smallest scale overflows too,
 * training ends.
 *
 *     struct loss_scale scale = loss_scale_dynamic();
 *     ... TRY(loss_scale_update(&scale, overflow, err)); after every step
 *
 * The state of a dynamic scale is part of a checkpoint.
 */
#ifndef TRAINER_TRAINING_LOSS_SCALE_H
#define TRAINER_TRAINING_LOSS_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct json;
struct text;

struct loss_scale {
    /* Rules, of a dynamic scale only; window 0: the scale is static. */
    int64_t window, hysteresis;
    double minimum;
    /* State. */
    double scale; /* 0: there is none */
    int64_t steps;
    int64_t last_overflow; /* the step, from 0; -1: none yet */
    int64_t patience;      /* an overflow takes one, and halves the scale where it is the last */
};

/* DeepSpeed's defaults: 65536 at first, window 1000, hysteresis 2, minimum 1. */
struct loss_scale loss_scale_dynamic(void);

/* "dynamic", or a number > 0: a static scale. where is the flag, for ERR_INPUT. */
enum status loss_scale_parse(const char *word, const char *where, struct loss_scale *out,
                             struct error *err) MUST_CHECK;

/* The largest gradient, before it is scaled, that fp16 holds once it is. scale > 0. */
double loss_scale_limit(const struct loss_scale *s);

/* Counts one step. ERR_FAILED: it overflowed with the smallest scale. */
enum status loss_scale_update(struct loss_scale *s, bool overflow, struct error *err) MUST_CHECK;

/* The state of a dynamic scale, written as a JSON object and read back. */
void loss_scale_write(struct text *t, const struct loss_scale *s);
enum status loss_scale_read(const struct json *state, const char *where, struct loss_scale *out,
                            struct error *err) MUST_CHECK;

#endif
