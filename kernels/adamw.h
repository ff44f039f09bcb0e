/* adamw: the numbers of one update, computed in double on the host, for every backend. */
#ifndef KERNELS_ADAMW_H
#define KERNELS_ADAMW_H

#include "kernels/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct adamw_numbers {
    float decay, beta1_rest, beta2, beta2_rest, minus_step, root, eps, scale;
};

struct adamw_numbers adamw_numbers(const struct adamw_args *a);

#ifdef __cplusplus
}
#endif

#endif
