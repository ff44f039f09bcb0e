/*
 * preset: where the scripts of the original experiment differ from what is right, both ways exist.
 * A preset chooses one for all of them; a single flag given beside it wins.
 *
 * matter             default                       seed
 * loss denominator   labels that are predicted     labels other than -100: the first token's too
 * weight decay       applied                       accepted, and not applied
 * clipping           to a norm of 1                none
 * fp16's loss scale  dynamic                       512, always
 * prompts            as they are                   padded on the right to 512 tokens: the first new
 *                                                  token is taken from a padding position
 * F1                 the official scorer's         over sets of words, first accepted answer
 *
 * Its ranks each took the mean over their own labels, and then the mean of those: --loss-mean rank
 * does so, micro-batch by micro-batch, whatever the ranks are. No preset chooses it: it means
 * something only where a window has several micro-batches.
 *
 * The labels, and what a long prompt loses, are in the data already (see squad.h).
 */
#ifndef TRAINER_TRAINING_PRESET_H
#define TRAINER_TRAINING_PRESET_H

#include <stdint.h>

enum preset { PRESET_DEFAULT, PRESET_SEED };
enum loss_denominator { DENOMINATOR_PREDICTED, DENOMINATOR_LABELS };
enum loss_mean { MEAN_WINDOW, MEAN_RANK };
enum decay { DECAY_APPLIED, DECAY_IGNORED };
enum f1 { F1_OFFICIAL, F1_SET };

/* Each enum's words, as flags spell them; NULL ends them. */
extern const char *const preset_names[];
extern const char *const loss_denominator_names[];
extern const char *const loss_mean_names[];
extern const char *const decay_names[];
extern const char *const f1_names[];

struct switches {
    enum loss_denominator loss_denominator;
    enum decay decay;
    double max_grad_norm;   /* 0: no clipping */
    const char *loss_scale; /* "dynamic", or a number */
    int64_t pad_prompts;    /* to this many tokens; 0: not */
    enum f1 f1;
};

struct switches preset_switches(enum preset preset);

#endif
