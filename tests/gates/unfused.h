/*
 * unfused: the fma that sources name, as a product and a sum, which -fmad=false keeps apart. Read
 * before a source, it leaves no fma in the PTX but those that the compiler or its libraries bring.
 */
#ifndef TESTS_GATES_UNFUSED_H
#define TESTS_GATES_UNFUSED_H

#include <cuda_runtime.h>
#include <math.h>

template <class T> static __device__ __forceinline__ T unfused(T a, T b, T c)
{
    return a * b + c;
}

#define __fmaf_rn unfused<float>
#define __fma_rn unfused<double>
#define fma unfused<double>

#endif
