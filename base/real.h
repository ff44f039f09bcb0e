/*
 * real: log, exp and pow with the same bits on every machine.
 *
 * A suggested learning rate is part of a key, so its last bit counts, and there C libraries differ.
 * These use only + - * / and fma of IEEE doubles, each of which has one right result, and never the
 * library's own functions.
 *
 * Accuracy   The error is below 0.5001 ulp for normal results (tested against a longer format), so
 *            a result that a double can hold is exact: real_pow(3, 5) is 243. Subnormal results are
 *            rounded twice: below 1 ulp.
 * Special    NaN, infinities, zeros and negative numbers as C17 annex F says. errno and the
 *            floating-point flags mean nothing afterwards.
 */
#ifndef BASE_REAL_H
#define BASE_REAL_H

double real_log(double x);
double real_exp(double x);
double real_pow(double x, double y);

/*
 * exp and log within 2 units of the last place, ten times as fast: for sums of thousands of terms.
 * The same bits everywhere too.
 */
double real_quick_exp(double x);
double real_quick_log(double x);

#endif
