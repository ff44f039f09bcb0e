/*
 * checkpoint: a folder from which training resumes to the same bits.
 *
 * Files      config.json, tokenizer.json, ...   a Hugging Face folder, as transformers loads it
 *            model.safetensors                  the weights, F32
 *            optimizer.safetensors              AdamW's moments, as exp_avg.NAME, exp_avg_sq.NAME
 *            trainer_state.json                 {"epoch": epochs done, "updates": AdamW's steps};
 *                                               in fp16 also "skipped" and "loss_scale"
 *            Its bytes depend on nothing but the training. No random state is kept: the order of an
 *            epoch follows from the seed and the epoch's number.
 * Writing    All or nothing: into a folder beside it, every file synced, then renamed.
 */
#ifndef TRAINER_TRAINING_CHECKPOINT_H
#define TRAINER_TRAINING_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "trainer/training/loss_scale.h"

struct model;
struct network;
struct snapshot;

struct position {
    int64_t epoch, updates;
    double skipped;               /* steps that overflowed, in epochs */
    struct loss_scale loss_scale; /* a dynamic one; window 0: there is none */
};

/* Writes the weights alone, with config.json and the companions of `model`. */
enum status checkpoint_write_model(const char *folder, const struct model *model,
                                   const struct network *network, struct error *err) MUST_CHECK;

/*
 * Writes a whole checkpoint of the network's parameters as the snapshot has them, and releases that
 * as soon as it is read, or where it fails. folder may exist if it is empty; its parents must
 * exist. In any thread.
 */
enum status checkpoint_write(const char *folder, const struct model *model,
                             const struct network *network, struct snapshot *snapshot,
                             const struct position *at, struct error *err) MUST_CHECK;

/*
 * Makes the folder for a checkpoint, with its parents. ERR_INPUT: it holds something, or, where it
 * is to become the checkpoint itself, it cannot be replaced by one: which is better reported before
 * the training than after. what: the flag that named it.
 */
enum status checkpoint_check_folder(const char *what, const char *folder, bool replaced,
                                    struct error *err) MUST_CHECK;

/* Only the position: cheap. */
enum status checkpoint_read_position(const char *folder, struct position *at,
                                     struct error *err) MUST_CHECK;

/* Uploads weights and moments. */
enum status checkpoint_read(const char *folder, const struct network *network,
                            struct error *err) MUST_CHECK;

#endif
