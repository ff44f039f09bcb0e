/*
 * saver: one checkpoint, written by a thread of its own.
 *
 * Weights and moments are not copied first, so they may only be read (by another forward pass)
 * until saver_wait_read returns. It returns when all bytes are in the kernel's page cache; the rest
 * of the disk's work goes on in the background.
 *
 *     TRY(saver_start(&save, &saver, err));
 *     ...                                    weights are read only
 *     saver_wait_read(saver);
 *     ...                                    anything
 *     TRY(saver_finish(saver, err));
 */
#ifndef TRAINER_TRAINING_SAVER_H
#define TRAINER_TRAINING_SAVER_H

#include <stdbool.h>

#include "base/error.h"
#include "trainer/training/checkpoint.h"

struct saver; /* opaque */

/* What checkpoint_write asks for. Model and bloom outlive the saver; the rest is copied, but for
 * the folder's name. */
struct save {
    const char *folder;
    const struct model *model;
    const struct bloom *bloom;
    struct position at;
};

enum status saver_start(const struct save *save, struct saver **out, struct error *err) MUST_CHECK;
void saver_wait_read(struct saver *s);
bool saver_ended(struct saver *s);

/* Waits for the end and says what checkpoint_write said. Frees the saver either way. */
enum status saver_finish(struct saver *s, struct error *err) MUST_CHECK;

#endif
