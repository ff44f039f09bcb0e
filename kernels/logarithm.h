/*
 * logarithm: the natural logarithm, made of +, ×, / and fma only, so that it has the same bits on
 * every machine and with every C library. The error is below 2 units in the last place.
 */
#ifndef KERNELS_LOGARITHM_H
#define KERNELS_LOGARITHM_H

/* -infinity at 0, NaN below, x at infinity and NaN. Subnormal numbers too. */
double logarithm(double x);

#endif
