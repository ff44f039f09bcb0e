/*
 * device: what all CUDA sources begin with: the runtime, or what stands for it in tests, and what
 * these spell differently.
 *
 *     LAUNCH(c, grid, threads, shared, kernel, argument...)
 *
 * is a kernel on the backend's stream, with `shared` bytes; arguments are copied, and its failure
 * is remembered (cuda_fail). SHARED(type, name) is the block's shared memory, as a type. EMULATED
 * says whether this stands for a card, in tests.
 *
 * Kernels are compiled without contraction (-fmad=false): only __fmaf_rn is fused. They have no
 * atomic operations on floats, and use no approximate functions: their bits are part of results.
 */
#ifndef KERNELS_CUDA_DEVICE_H
#define KERNELS_CUDA_DEVICE_H

#include <cuda_runtime.h>

#ifdef __CUDACC__

#define EMULATED false

#define UNROLL _Pragma("unroll")

#define LAUNCH(c, grid, threads, shared, kernel, ...)                                              \
    do {                                                                                           \
        (kernel)<<<(grid), (threads), (shared), (c)->stream>>>(__VA_ARGS__);                       \
        cuda_check((c), cudaGetLastError(), #kernel);                                              \
    } while (0)

#define SHARED(type, name)                                                                         \
    extern __shared__ __align__(16) unsigned char shared_bytes[];                                  \
    type *const name = reinterpret_cast<type *>(shared_bytes)

#else

#define EMULATED true

#ifndef UNROLL /* sanitized builds have none: there it takes minutes to compile */
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define LAUNCH(c, grid, threads, shared, kernel, ...)                                              \
    cuda_check((c),                                                                                \
               emulated_launch((grid), (threads), (shared), (c)->stream,                           \
                               emulated_bind((kernel), __VA_ARGS__)),                              \
               #kernel)

#define SHARED(type, name) type *const name = static_cast<type *>(emulated_now->shared)

#endif

#endif
