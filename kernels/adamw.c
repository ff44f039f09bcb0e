/* adamw: bias corrections and factors. */
#include "kernels/adamw.h"

#include <math.h>

/* beta^n by squaring: n is a count of steps, and libm's pow is not the same everywhere. */
static double power(double beta, int64_t n)
{
    double result = 1;

    for (; n > 0; n /= 2, beta *= beta)
        if (n % 2 != 0)
            result *= beta;
    return result;
}

struct adamw_numbers adamw_numbers(const struct adamw_args *a)
{
    const double correction1 = 1 - power(a->beta1, a->step);
    const double correction2 = 1 - power(a->beta2, a->step);

    return (struct adamw_numbers){
        .decay = (float)(1 - a->lr * a->weight_decay),
        .beta1_rest = (float)(1 - a->beta1),
        .beta2 = (float)a->beta2,
        .beta2_rest = (float)(1 - a->beta2),
        .minus_step = (float)-(a->lr / correction1),
        .root = (float)sqrt(correction2),
        .eps = (float)a->eps,
        .scale = a->grad_scale,
    };
}
