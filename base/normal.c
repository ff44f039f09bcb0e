/*
 * normal: the tail is e^(-t^2/2) times a smooth function of t. One polynomial gives that function
 * for all t >= 0, in y: t = 4 (1+y)/(1-y), -1 <= y < 1 (as Schonfelder, Math. Comp. 32 (1978), did
 * for erfc). Start at tail.
 */
#include "base/normal.h"

#include <math.h>
#include <stddef.h>

#include "base/real.h"

/* (t + 4) e^(t^2/2) cdf(-t) in powers of y; Chebyshev's series to degree 25, some 4e-18. */
static const double tail_powers[] = {
    0x1.82b4bb8c94dcep-1,  -0x1.373e3a893c28ap-1,  0x1.8c6dbf2cfc2b6p-2,   -0x1.7dff2bff68311p-3,
    0x1.eec4cc3e4d100p-5,  -0x1.ee276104a7147p-8,  -0x1.c81719d54e26dp-9,  0x1.ab825fcb95989p-10,
    0x1.17a4ae564635ep-13, -0x1.e4a42886a77bbp-13, -0x1.001ed86a94b4ep-19, 0x1.26d0df4329307p-15,
    0x1.80c0d49e14b3ep-21, -0x1.8d52e6e2d2a2fp-18, -0x1.522419ffbc3fbp-21, 0x1.127dd113b1ab8p-20,
    0x1.248e0cffdb33bp-22, -0x1.501615b7e11f5p-23, -0x1.7516b1aa4ba8bp-24, 0x1.f6b53d3f020bcp-27,
    0x1.701f992bd400cp-26, 0x1.89e5d6118cf23p-30,  -0x1.005e33ccf11adp-28, -0x1.d5d99a465f454p-31,
    0x1.7632b9ac0e68ap-32, 0x1.027d9597f93e8p-33,
};

static const double inverse_sqrt_2pi = 0x1.9884533d43651p-2;

/* cdf(-t) for t >= 0. */
static double tail(double t)
{
    double y = (t - 4) / (t + 4), p = 0;

    if (t > 39)
        return 0;
    for (size_t i = sizeof tail_powers / sizeof *tail_powers; i > 0; i--)
        p = tail_powers[i - 1] + y * p;
    return real_quick_exp(-0.5 * t * t) * p / (t + 4);
}

double normal_cdf(double x)
{
    if (isnan(x))
        return x;
    return x <= 0 ? tail(-x) : 1 - tail(x);
}

double normal_mass(double a, double b)
{
    double width = b - a, m;

    if (isnan(a) || isnan(b))
        return NAN;
    m = a + 0.5 * width;
    /* the density's Taylor series about the midpoint: no difference of nearly equal numbers */
    if (width * (1 + fabs(m)) < 0.05) {
        double s = m * m, w = width * width;
        return width * inverse_sqrt_2pi * real_quick_exp(-0.5 * s) *
               (1 + w * ((s - 1) / 24 + w * ((s * (s - 6) + 3) / 1920)));
    }
    if (a > 0)
        return tail(a) - tail(b);
    return b <= 0 ? tail(-b) - tail(-a) : 1 - tail(-a) - tail(b);
}

/* The t >= 0 with cdf(-t) = p, for 0 < p <= 1/2. Hastings' rational function (Approximations for
 * digital computers, 1955, sheet 68), off by 4.5e-4, then Halley's steps. */
static double tail_quantile(double p)
{
    double s = sqrt(-2 * real_quick_log(p));
    double t = s - (2.515517 + s * (0.802853 + s * 0.010328)) /
                       (1 + s * (1.432788 + s * (0.189269 + s * 0.001308)));

    for (int i = 0; i < 3; i++) {
        double step = (tail(t) - p) / (inverse_sqrt_2pi * real_quick_exp(-0.5 * t * t));
        t += step / (1 + 0.5 * t * step);
    }
    return t;
}

double normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1))
        return NAN;
    if (p == 0 || p == 1)
        return p == 0 ? -HUGE_VAL : HUGE_VAL;
    return p <= 0.5 ? -tail_quantile(p) : tail_quantile(1 - p);
}

double normal_between(double mean, double deviation, double low, double high, double u)
{
    double from = normal_cdf((low - mean) / deviation), to = normal_cdf((mean - high) / deviation);
    double mass = 1 - from - to, below = from + u * mass, above = to + (1 - u) * mass;
    double z = below < 0.5 ? normal_quantile(below) : -normal_quantile(above);

    return fmin(fmax(mean + deviation * z, low), high);
}
