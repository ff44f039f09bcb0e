/* schedule: one line of arithmetic, in double, as LambdaLR does it. */
#include "trainer/schedule.h"

double schedule_lr(const struct schedule *s, int64_t step)
{
    const int64_t total = s->epochs * s->steps_per_epoch;

    return step < total ? s->lr * ((double)(total - step) / (double)total) : 0;
}
