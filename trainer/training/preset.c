/* preset: the table of the header. */
#include "trainer/training/preset.h"

#include <stddef.h>

const char *const preset_names[] = {"default", "seed", NULL};
const char *const loss_denominator_names[] = {"predicted", "labels", NULL};
const char *const loss_mean_names[] = {"window", "rank", NULL};
const char *const decay_names[] = {"applied", "ignored", NULL};
const char *const f1_names[] = {"official", "set", NULL};

static const struct switches table[] = {
    [PRESET_DEFAULT] = {.loss_denominator = DENOMINATOR_PREDICTED,
                        .decay = DECAY_APPLIED,
                        .max_grad_norm = 1,
                        .loss_scale = "dynamic",
                        .pad_prompts = 0,
                        .f1 = F1_OFFICIAL},
    [PRESET_SEED] = {.loss_denominator = DENOMINATOR_LABELS,
                     .decay = DECAY_IGNORED,
                     .max_grad_norm = 0,
                     .loss_scale = "512",
                     .pad_prompts = 512,
                     .f1 = F1_SET},
};

struct switches preset_switches(enum preset preset)
{
    return table[preset];
}
