/* schedule: one line of arithmetic, in double, as LambdaLR does it. */
#include "trainer/training/schedule.h"

#include <math.h>

double schedule_lr(const struct schedule *s, int64_t step)
{
    const int64_t total = s->epochs * s->steps_per_epoch;

    step -= llround(s->skipped * (double)s->steps_per_epoch);
    return step < total ? s->lr * ((double)(total - step) / (double)total) : 0;
}

void schedule_skip(struct schedule *s)
{
    s->skipped += 1 / (double)s->steps_per_epoch;
}
