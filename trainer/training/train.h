/*
 * train: epochs of steps, a report and perhaps a checkpoint after each.
 *
 * A step is accumulate micro-batches of batch_size examples, in the order torch.randperm draws from
 * seed + epoch; its loss and gradient are means over all their labels (or, with MEAN_RANK, means of
 * the micro-batches' means). Ranks take micro-batches in turn. A step that fp16 skips does not
 * advance the learning rate, as under DeepSpeed. Which epochs one process trains, and with how many
 * threads or ranks, changes no result: a run that is cut anywhere and resumed from a checkpoint
 * gives the same bits.
 *
 * Reports    {"t": 3, "eval_loss": 0.5, "info": {...}} after epoch 3. A report that names a
 *            checkpoint comes when that is whole: it is written while the evaluation and the next
 *            steps go on. What is in info is measured.
 * Going on   With `more` the last report says so, and is without a checkpoint, which is written
 *            when that is asked for: {"saved": "t3"} names it.
 * Ends       train_run ends after `until` epochs, or with ERR_INTERRUPTED between two steps.
 */
#ifndef TRAINER_TRAINING_TRAIN_H
#define TRAINER_TRAINING_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "trainer/model/batch.h"
#include "trainer/model/network.h"
#include "trainer/model/team.h"
#include "trainer/training/checkpoint.h"
#include "trainer/training/optimizer.h"
#include "trainer/training/preset.h"
#include "trainer/training/schedule.h"

struct arena;
struct model;

struct train {
    struct arena *arena; /* of rank 0's others have pieces too: it stays until all have ended */
    struct team team;
    struct network network; /* opened for training, weights read */
    const struct model *model;
    struct dataset data, validation;
    struct batch batch;
    struct optimizer optimizer;
    double lr;
    double skipped; /* of the schedule, at the start */
    enum loss_denominator loss_denominator;
    enum loss_mean loss_mean;
    int64_t batch_size, eval_batch_size, accumulate, epochs, seed;
    int64_t from, until; /* epochs done at the start and at the end */
    bool log_steps;
    /* Checkpoints: `out` becomes one at the end; or folders t3, t5 in it, each named in its report,
     * the last always, others where checkpoint_seconds have passed since the one before. */
    const char *out;
    bool named;
    bool more; /* after `until` it may be asked to train on: see word.h */
    int64_t checkpoint_seconds;
};

/* Room for a batch of this training and evaluation. */
enum status train_measure(const struct dataset *data, int64_t batch_size,
                          const struct dataset *validation, int64_t eval_batch_size,
                          struct batch_limits *out, struct error *err) MUST_CHECK;

enum status train_run(struct train *t, struct error *err) MUST_CHECK;

#endif
