/*
 * formulas: functions of a number, and the update of AdamW, written once for all backends: on
 * `lanes`, which are 16 floats on the processor (cpu/lanes.h) and one on a GPU (cuda/lanes.h). Each
 * step is one IEEE operation a lane, so the bits are the same. FORMULA is what a function there
 * begins with.
 */
#ifndef KERNELS_FORMULAS_H
#define KERNELS_FORMULAS_H

#include "kernels/adamw.h"

/*
 * e^x: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 7 (error below
 * 1 unit in the last place), times 2^n. Below -87 it is 0, above 88 infinity; NaN stays.
 */
FORMULA lanes lanes_exp(lanes x)
{
    const lanes magic = lanes_all(12582912.0f); /* 1.5·2^23: adding it rounds to whole numbers */
    const lanes low = lanes_all(-87.0f), high = lanes_all(88.0f);
    const lanes inside = lanes_if_less(x, low, low, lanes_if_less(high, x, high, x));
    const lanes t = lanes_fma(inside, lanes_all(1.44269504f), magic);
    const lanes n = lanes_sub(t, magic);
    lanes r, y;

    r = lanes_fma(n, lanes_all(-0.693359375f), inside);
    r = lanes_fma(n, lanes_all(2.12194440e-4f), r);
    y = lanes_all(1.0f / 5040);
    y = lanes_fma(y, r, lanes_all(1.0f / 720));
    y = lanes_fma(y, r, lanes_all(1.0f / 120));
    y = lanes_fma(y, r, lanes_all(1.0f / 24));
    y = lanes_fma(y, r, lanes_all(1.0f / 6));
    y = lanes_fma(y, r, lanes_all(0.5f));
    y = lanes_fma(y, r, lanes_all(1.0f));
    y = lanes_fma(y, r, lanes_all(1.0f));
    y = lanes_fma(inside, lanes_all(0.0f), lanes_scale(y, t)); /* NaN stays NaN */
    y = lanes_if_less(x, low, lanes_all(0.0f), y);
    return lanes_if_less(high, x, lanes_all(INFINITY), y);
}

/*
 * tanh: below 0.625 the odd polynomial of Cephes (Moshier), above (1 - e) / (1 + e) with
 * e = exp(-2|x|); error below 2 units in the last place. NaN stays NaN.
 */
FORMULA lanes lanes_tanh(lanes x)
{
    const lanes one = lanes_all(1.0f), size = lanes_abs(x), square = lanes_mul(x, x);
    const lanes e = lanes_exp(lanes_mul(size, lanes_all(-2.0f)));
    const lanes large = lanes_div(lanes_sub(one, e), lanes_add(one, e));
    lanes p = lanes_all(-5.70498872745e-3f);

    p = lanes_fma(p, square, lanes_all(2.06390887954e-2f));
    p = lanes_fma(p, square, lanes_all(-5.37397155531e-2f));
    p = lanes_fma(p, square, lanes_all(1.33314422036e-1f));
    p = lanes_fma(p, square, lanes_all(-3.33332819422e-1f));
    p = lanes_fma(lanes_mul(p, square), x, x);
    return lanes_if_less(size, lanes_all(0.625f), p, lanes_sign(large, x));
}

/* tanh(0.79788456 x (1 + 0.044715 x²)) */
FORMULA lanes lanes_gelu_tanh(lanes x, lanes square)
{
    const lanes inner = lanes_fma(lanes_all(0.044715f), square, lanes_all(1.0f));

    return lanes_tanh(lanes_mul(lanes_mul(lanes_all(0.79788456f), x), inner));
}

/* x · 0.5 · (1 + tanh(0.79788456 x (1 + 0.044715 x²))), Hendrycks & Gimpel 2016 */
FORMULA lanes lanes_gelu(lanes x)
{
    const lanes half = lanes_mul(x, lanes_all(0.5f));

    return lanes_fma(half, lanes_gelu_tanh(x, lanes_mul(x, x)), half);
}

/* Its derivative: 0.5 x (1 - t²) (0.79788456 + 0.1070322243 x²) + 0.5 (1 + t) */
FORMULA lanes lanes_gelu_slope(lanes x)
{
    const lanes half = lanes_all(0.5f), one = lanes_all(1.0f), square = lanes_mul(x, x);
    const lanes t = lanes_gelu_tanh(x, square);
    const lanes slope = lanes_fma(lanes_all(0.1070322243f), square, lanes_all(0.79788456f));
    const lanes bend = lanes_sub(one, lanes_mul(t, t));
    const lanes first = lanes_mul(lanes_mul(half, x), lanes_mul(bend, slope));

    return lanes_fma(half, lanes_add(one, t), first);
}

/* Loshchilov & Hutter 2019, algorithm 2, in the rounding of PyTorch's fused kernel. */
FORMULA void lanes_adamw(const struct adamw_numbers *f, lanes grad, lanes *param, lanes *m,
                         lanes *v)
{
    const lanes g = lanes_mul(grad, lanes_all(f->scale));
    lanes root;

    *m = lanes_fma(lanes_all(f->beta1_rest), lanes_sub(g, *m), *m);
    *v = lanes_fma(lanes_mul(lanes_all(f->beta2_rest), g), g, lanes_mul(*v, lanes_all(f->beta2)));
    root = lanes_add(lanes_div(lanes_sqrt(*v), lanes_all(f->root)), lanes_all(f->eps));
    *param = lanes_add(lanes_mul(*param, lanes_all(f->decay)),
                       lanes_div(lanes_mul(lanes_all(f->minus_step), *m), root));
}

#endif
