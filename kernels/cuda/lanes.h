/*
 * lanes: the arithmetic of formulas.h for a thread of a GPU: one lane. And what sixteen threads,
 * half a warp, do together as the sixteen lanes of a row (cpu/cpu.h).
 */
#ifndef KERNELS_CUDA_LANES_H
#define KERNELS_CUDA_LANES_H

#include <math.h>

#include "kernels/cuda/device.h"

typedef float lanes;

#define FORMULA static __device__ __forceinline__

enum { LANES = 16 };

FORMULA float lanes_all(float x)
{
    return x;
}
FORMULA float lanes_add(float a, float b)
{
    return a + b;
}
FORMULA float lanes_sub(float a, float b)
{
    return a - b;
}
FORMULA float lanes_mul(float a, float b)
{
    return a * b;
}
FORMULA float lanes_div(float a, float b)
{
    return a / b;
}
FORMULA float lanes_sqrt(float a)
{
    return __fsqrt_rn(a);
}
FORMULA float lanes_fma(float a, float b, float c)
{
    return __fmaf_rn(a, b, c);
}
FORMULA float lanes_max(float a, float b)
{
    return a > b ? a : b;
}
FORMULA float lanes_if_less(float x, float limit, float yes, float no)
{
    return x < limit ? yes : no;
}
FORMULA float lanes_abs(float x)
{
    return __uint_as_float(__float_as_uint(x) & 0x7fffffffu);
}
FORMULA float lanes_sign(float x, float s)
{
    return __uint_as_float(__float_as_uint(x) | (__float_as_uint(s) & 0x80000000u));
}
/* y · 2^n, where n is the whole number in the low bits of t = n + 1.5·2^23; no overflow */
FORMULA float lanes_scale(float y, float t)
{
    return __uint_as_float(__float_as_uint(y) + (__float_as_uint(t) << 23));
}

#include "kernels/formulas.h"

/* The fixed tree over the lanes: l and l+8, then l+4, l+2, l+1; every lane gets the result. All
 * threads of a warp call it together. */
FORMULA float lanes_sum(float x)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, half, LANES);
    return __shfl_sync(0xffffffffu, x, 0, LANES);
}

FORMULA float lanes_largest(float x)
{
    for (int half = LANES / 2; half > 0; half /= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, x, half, LANES);
        x = x > other ? x : other;
    }
    return __shfl_sync(0xffffffffu, x, 0, LANES);
}

#endif
