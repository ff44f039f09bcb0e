/*
 * logarithm: the natural logarithm, made of +, ×, / and fma only, so that it has the same bits on
 * every machine and with every C library. The error is below 2 units in the last place.
 *
 * x = m 2^e with m in [√½, √2); log m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172, by its odd
 * series up to s^21 (the rest is below 1e-17).
 */
#ifndef KERNELS_LOGARITHM_H
#define KERNELS_LOGARITHM_H

#include <math.h>

/* Kernels of a GPU define it before they include this. */
#ifndef LOGARITHM
#define LOGARITHM static inline
#endif

/* -infinity at 0, NaN below, x at infinity and NaN. Subnormal numbers too. */
LOGARITHM double logarithm(double x)
{
    const double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    double m, s, z, series = 1.0 / 21;
    int e;

    if (!(x > 0))
        return x == 0 ? -INFINITY : NAN;
    if (isinf(x))
        return x;
    m = frexp(x, &e); /* exact */
    if (m < 0.70710678118654752440) {
        m *= 2;
        e--;
    }
    s = (m - 1) / (m + 1);
    z = s * s;
    for (int odd = 19; odd >= 1; odd -= 2)
        series = fma(series, z, 1.0 / odd);
    return fma((double)e, ln2_high, fma(2 * s, series, (double)e * ln2_low));
}

#endif
