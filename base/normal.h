/*
 * normal: the standard normal distribution, with the same bits on every machine.
 *
 * Built on base/real's quick functions: + - * / and sqrt of IEEE doubles alone.
 *
 * Accuracy   Relative errors, tested against a longer format where the result is above 1e-300:
 *            normal_cdf 1e-13, normal_mass 1e-11, normal_quantile 1e-12.
 */
#ifndef BASE_NORMAL_H
#define BASE_NORMAL_H

/* The probability of a value below x. */
double normal_cdf(double x);

/* The probability of a value from a to b, a <= b; NaN for a NaN. */
double normal_mass(double a, double b);

/* The x with normal_cdf(x) = p; the infinities for 0 and 1, NaN outside of [0, 1]. */
double normal_quantile(double p);

/*
 * The quantile u in [0, 1) of the normal distribution with this mean and deviation, cut off outside
 * of [low, high], which holds the mean.
 */
double normal_between(double mean, double deviation, double low, double high, double u);

#endif
