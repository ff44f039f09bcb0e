/*
 * real: log, exp and pow work on unevaluated sums of two doubles (some 104 bits) and round once, at
 * the end. Sums and products without error: Dekker, Numer. Math. 18 (1971), and Knuth;
 * arithmetic of pairs: Hida, Li & Bailey, "Algorithms for quad-double precision arithmetic",
 * ARITH-15 (2001). Reduction by multiples of ln 2 in parts whose products are exact: Cody & Waite,
 * "Software manual for the elementary functions" (1980). Start at log_of and exp_of. The quick ones
 * use plain doubles.
 */
#include "base/real.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");

/* high + low, |low| at most half an ulp of high. */
struct pair {
    double high, low;
};

/* ln 2 = the sum; the first two have 40 bits, so their product with an exponent is exact. */
static const double ln2_parts[3] = {0x1.62e42fefa2p-1, 0x1.9ef35793c6p-41, 0x1.673007e5ed5e8p-81};
static const double inverse_ln2 = 0x1.71547652b82fep+0;
static const struct pair one = {1, 0};

/* a + b for |a| >= |b|. */
static struct pair sum_ordered(double a, double b)
{
    double s = a + b;

    return (struct pair){s, b - (s - a)};
}

static struct pair sum(double a, double b)
{
    double s = a + b, t = s - a;

    return (struct pair){s, (a - (s - t)) + (b - t)};
}

static struct pair add(struct pair a, struct pair b)
{
    struct pair s = sum(a.high, b.high), t = sum(a.low, b.low);

    s = sum_ordered(s.high, s.low + t.high);
    return sum_ordered(s.high, s.low + t.low);
}

static struct pair multiply(struct pair a, struct pair b)
{
    double p = a.high * b.high, e = fma(a.high, b.high, -p);

    return sum_ordered(p, e + (a.high * b.low + a.low * b.high));
}

static struct pair divide(struct pair a, struct pair b)
{
    double q = a.high / b.high;
    double rest = fma(-q, b.high, a.high) + (a.low - q * b.low);

    return sum_ordered(q, rest / b.high);
}

/* 1/n for a small whole n. */
static struct pair reciprocal(int n)
{
    return divide(one, (struct pair){n, 0});
}

static double from_bits(uint64_t bits)
{
    double x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t to_bits(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* 2^k for k from -1022 to 1023. */
static double power_of_two(int k)
{
    return from_bits((uint64_t)(k + 1023) << 52);
}

/* ln x for a finite x > 0: x = m 2^e with m from sqrt(1/2) to sqrt(2), ln m = 2
 * artanh((m-1)/(m+1)). */
static struct pair log_of(double x)
{
    int e = 0;
    double m, tail = 0;
    struct pair s, z, p, result;

    if (x < DBL_MIN) {
        x *= 0x1p54;
        e = -54;
    }
    e += (int)(to_bits(x) >> 52) - 1023;
    m = from_bits((to_bits(x) & 0xfffffffffffffu) | (uint64_t)1023 << 52);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        e++;
    }
    s = divide((struct pair){m - 1, 0}, sum(m, 1));
    z = multiply(s, s);
    /* artanh s = s (1 + z/3 + z^2/5 + ...), z < 0.0295: 23 terms, a plain double for the last 13 */
    for (int k = 22; k >= 10; k--)
        tail = 1.0 / (2 * k + 1) + z.high * tail;
    p = (struct pair){tail, 0};
    for (int k = 9; k >= 0; k--)
        p = add(reciprocal(2 * k + 1), multiply(z, p));
    p = multiply((struct pair){2 * s.high, 2 * s.low}, p);
    result = sum(e * ln2_parts[0], e * ln2_parts[1]);
    result = add(result, (struct pair){e * ln2_parts[2], 0});
    return add(result, p);
}

/* e^x for |x| < 800: the pair times 2^*k. */
static struct pair exp_of(struct pair x, int *k)
{
    double n = x.high * inverse_ln2, tail = 1;
    struct pair r, q;

    *k = (int)(n + (n < 0 ? -0.5 : 0.5));
    r = add(x, (struct pair){-*k * ln2_parts[0], 0});
    r = add(r, (struct pair){-*k * ln2_parts[1], 0});
    r = add(r, (struct pair){-*k * ln2_parts[2], 0});
    /* e^r - 1 for r/64, |r/64| < 0.0055, by Taylor's series, then six times (1 + q)^2 - 1 = 2q +
     * q^2 */
    r = (struct pair){r.high * 0x1p-6, r.low * 0x1p-6};
    for (int i = 12; i >= 7; i--)
        tail = 1 + r.high / i * tail;
    q = (struct pair){tail, 0};
    for (int i = 6; i >= 2; i--)
        q = add(one, multiply(multiply(r, reciprocal(i)), q));
    q = multiply(r, q);
    for (int i = 0; i < 6; i++)
        q = add((struct pair){2 * q.high, 2 * q.low}, multiply(q, q));
    return add(one, q);
}

/* e^x rounded to a double. */
static double exp_rounded(struct pair x)
{
    int k;
    double y;

    if (x.high > 710)
        return HUGE_VAL;
    if (x.high < -746)
        return 0;
    y = exp_of(x, &k).high;
    /* 2^k in two factors that exist; only the second product can round */
    return y * power_of_two(k / 2) * power_of_two(k - k / 2);
}

double real_log(double x)
{
    if (isnan(x) || x < 0)
        return NAN;
    if (x == 0)
        return -HUGE_VAL;
    if (isinf(x))
        return x;
    return log_of(x).high;
}

double real_exp(double x)
{
    return isnan(x) ? x : exp_rounded((struct pair){x, 0});
}

static bool is_odd(double y)
{
    return fabs(y) < 0x1p53 && (double)(int64_t)y == y && ((int64_t)y & 1);
}

static bool is_whole(double y)
{
    return fabs(y) >= 0x1p52 || (double)(int64_t)y == y;
}

/* x^y where x or y is a zero or an infinity; neither is NaN, y is not 0. */
static double pow_at_edge(double x, double y)
{
    double size = fabs(x);
    double result = (size > 1) == (y > 0) ? HUGE_VAL : 0;

    if (isinf(y) && size == 1)
        return 1;
    return signbit(x) && is_odd(y) ? -result : result;
}

double real_pow(double x, double y)
{
    struct pair l, p;
    double result;

    if (x == 1 || y == 0)
        return 1;
    if (isnan(x) || isnan(y))
        return NAN;
    if (x == 0 || isinf(x) || isinf(y))
        return pow_at_edge(x, y);
    if (x < 0 && !is_whole(y))
        return NAN;
    l = log_of(fabs(x));
    p = (struct pair){y * l.high, 0};
    if (fabs(p.high) < 800) {
        p.low = fma(y, l.high, -p.high) + y * l.low;
        p = sum_ordered(p.high, p.low);
    }
    result = exp_rounded(p);
    return x < 0 && is_odd(y) ? -result : result;
}

/* 2^(j/32), rounded. */
static const double roots_of_two[32] = {
    0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
    0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
    0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
    0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
    0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
    0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
    0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
    0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
};

double real_quick_exp(double x)
{
    double r, tail;
    int k;

    if (!(x > -700 && x < 700))
        return real_exp(x);
    k = (int)(x * 0x1.71547652b82fep+5 + (x < 0 ? -0.5 : 0.5));
    r = x - k * 0x1.62e42feep-6 - k * 0x1.a39ef35793c76p-38; /* the first product is exact */
    /* |r| < 0.011: six terms of Taylor's series */
    tail = r * (1 + r * (1. / 2 + r * (1. / 6 + r * (1. / 24 + r * (1. / 120 + r / 720)))));
    r = roots_of_two[k & 31];
    return (r + r * tail) * power_of_two((k - (k & 31)) / 32);
}

double real_quick_log(double x)
{
    double m, s, z, tail = 0;
    int e;

    if (!(x >= DBL_MIN && x <= DBL_MAX))
        return real_log(x);
    e = (int)(to_bits(x) >> 52) - 1023;
    m = from_bits((to_bits(x) & 0xfffffffffffffu) | (uint64_t)1023 << 52);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        e++;
    }
    s = (m - 1) / (m + 1);
    z = s * s;
    for (int k = 10; k >= 1; k--)
        tail = z * (1.0 / (2 * k + 1) + tail);
    return e * ln2_parts[0] + (2 * s + (2 * s * tail + e * (ln2_parts[1] + ln2_parts[2])));
}
