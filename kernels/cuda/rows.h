/* rows: elements of matrices of activations, of any type, in kernels. */
#ifndef KERNELS_CUDA_ROWS_H
#define KERNELS_CUDA_ROWS_H

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/lanes.h"

/* Row i of a matrix of fp32. */
FORMULA float *cuda_row(struct ops_rows r, size_t i)
{
    return static_cast<float *>(r.at) + i * r.stride;
}

/* Rounded to nearest, ties to even; NaN stays NaN. */
FORMULA uint16_t bf16_of(float x)
{
    const unsigned bits = __float_as_uint(x), rounded = bits + 0x7fff + (bits >> 16 & 1);

    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded >> 16);
}
FORMULA float bf16_float(uint16_t x)
{
    return __uint_as_float((unsigned)x << 16);
}

#ifdef __CUDACC__
FORMULA uint16_t fp16_of(float x)
{
    uint16_t bits;

    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
FORMULA float fp16_float(uint16_t bits)
{
    float x;

    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
#else
FORMULA uint16_t fp16_of(float x)
{
    return emulated_fp16(x);
}
FORMULA float fp16_float(uint16_t bits)
{
    return emulated_fp16_float(bits);
}
#endif

FORMULA uint16_t half_of(enum ops_type type, float x)
{
    return type == OPS_BF16 ? bf16_of(x) : fp16_of(x);
}

/* Element [i][j] of a matrix of any type; it is rounded to it. */
FORMULA void cuda_put(struct ops_rows r, size_t i, size_t j, float x)
{
    if (r.type == OPS_FP32)
        cuda_row(r, i)[j] = x;
    else
        static_cast<uint16_t *>(r.at)[i * r.stride + j] = half_of(r.type, x);
}
FORMULA float cuda_get(struct ops_rows r, size_t i, size_t j)
{
    const uint16_t *half = static_cast<const uint16_t *>(r.at) + i * r.stride + j;

    if (r.type == OPS_FP32)
        return cuda_row(r, i)[j];
    return r.type == OPS_BF16 ? bf16_float(*half) : fp16_float(*half);
}

/* This thread's number, among all. */
FORMULA size_t cuda_thread()
{
    return (size_t)blockIdx.x * blockDim.x + threadIdx.x;
}

#endif
