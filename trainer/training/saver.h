/*
 * saver: one checkpoint, written by a thread of its own.
 *
 * It is of the parameters as they are at saver_start: a snapshot of the backend, which is released
 * when all bytes are in the kernel's page cache; the rest of the disk's work goes on in the
 * background. Whoever changes parameters waits for that by the backend's `settle`.
 *
 *     TRY(saver_start(&save, &saver, err));
 *     ...                                    parameters are read only
 *     be->ops->settle(be);
 *     ...                                    anything
 *     TRY(saver_finish(saver, err));
 */
#ifndef TRAINER_TRAINING_SAVER_H
#define TRAINER_TRAINING_SAVER_H

#include <stdbool.h>

#include "base/error.h"
#include "trainer/training/checkpoint.h"

struct saver; /* opaque */

/* What checkpoint_write asks for. Model and network outlive the saver; the rest is copied, but for
 * the folder's name. */
struct save {
    const char *folder;
    const struct model *model;
    const struct network *network;
    struct position at;
};

enum status saver_start(const struct save *save, struct saver **out, struct error *err) MUST_CHECK;
bool saver_ended(struct saver *s);

/* Waits for the end and says what checkpoint_write said. Frees the saver either way. */
enum status saver_finish(struct saver *s, struct error *err) MUST_CHECK;

#endif
