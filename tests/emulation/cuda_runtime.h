/*
 * cuda_runtime: what the CUDA backend uses of CUDA, on the processor: the same sources run in tests
 * where no card is. In the place of the toolkit's header (HPO_CUDA=emulated).
 *
 * Threads    of a block are fibers of one thread of the host, and take turns at barriers and
 *            shuffles alone; the blocks of a grid come one after another. The order of both is
 *            HPO_EMULATION_ORDER=forward|backward|shuffled: no result may depend on it.
 * Streams    are queues. What a stream was given is done as late as it may be: when the host waits
 *            for it, or when another stream that is being emptied waits for its event. So what is
 *            read too early is not there yet. CUDA_LAUNCH_BLOCKING=1: at once.
 * Memory     of a device cannot be read or written by the host between operations (PROT_NONE), and
 *            has a page without access on either side. HPO_EMULATION_MEMORY bytes are there.
 *            Shared memory is full of NaNs when a block begins, and has guards.
 * Devices    HPO_EMULATION_DEVICES, else as many as CUDA_VISIBLE_DEVICES names. The compute
 *            capability is HPO_EMULATION_CLASS (90 for 9.0), "75,90" for several devices; the
 *            driver's CUDA HPO_EMULATION_DRIVER (13000; 0: none). HPO_EMULATION_MODE=exclusive:
 *            another process has device 0; see nvml.cc.
 * Faults     HPO_EMULATION_FAIL=N: the N-th call that may fail does, with HPO_EMULATION_ERROR (999,
 *            unknown), and so do all behind it: such an error is sticky. HPO_EMULATION_HANG=N: the
 *            N-th call never returns. A test in one process uses
 *            emulated_fail_at.
 *
 * It cannot show how tensor cores round, races between blocks, or speed.
 */
#ifndef TESTS_EMULATION_CUDA_RUNTIME_H
#define TESTS_EMULATION_CUDA_RUNTIME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- the host's side ---- */

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorDevicesUnavailable = 46,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorECCUncorrectable = 214,
    cudaErrorNvlinkUncorrectable = 220,
    cudaErrorIllegalAddress = 700,
    cudaErrorHardwareStackError = 714,
    cudaErrorLaunchFailure = 719,
    cudaErrorSystemDriverMismatch = 803,
    cudaErrorUnknown = 999,
} cudaError_t;

typedef struct emulated_stream *cudaStream_t;
typedef struct emulated_event *cudaEvent_t;

enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };
enum { cudaMemAttachGlobal = 1 };

typedef struct {
    char bytes[16];
} cudaUUID_t;

struct cudaDeviceProp {
    char name[256];
    cudaUUID_t uuid;
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
    int pciBusID, pciDeviceID, pciDomainID;
};

cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *out, int device);
cudaError_t cudaDriverGetVersion(int *out);
cudaError_t cudaRuntimeGetVersion(int *out);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMalloc(void **out, size_t bytes);
cudaError_t cudaFree(void *at);
cudaError_t cudaMallocManaged(void **out, size_t bytes, unsigned flags);
cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void *at);
cudaError_t cudaMemsetAsync(void *at, int byte, size_t bytes, cudaStream_t stream);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device,
                                size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorString(cudaError_t error);

/* From here on the n-th call fails, and with `sticky` all behind it; 0: none. Returns how many
 * there were. */
long emulated_fail_at(long n, cudaError_t error, int sticky);

/* For libraries that are emulated too: work(context) as an operation of the stream. */
cudaError_t emulated_enqueue(cudaStream_t stream, void (*work)(const void *context),
                             const void *context, size_t bytes);

#ifdef __cplusplus
}

/* ---- the device's side ---- */

#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z)
    {
    }
};

struct __align__(16) float4
{
    float x, y, z, w;
};
struct __align__(8) uint2
{
    unsigned x, y;
};
struct __align__(16) uint4
{
    unsigned x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w)
{
    return float4{x, y, z, w};
}

/* Where the running fiber is. */
struct emulated_place {
    dim3 thread, block, threads, blocks;
    void *shared;
};
extern thread_local emulated_place *emulated_now;

#define threadIdx (emulated_now->thread)
#define blockIdx (emulated_now->block)
#define blockDim (emulated_now->threads)
#define gridDim (emulated_now->blocks)

void emulated_barrier();
uint64_t emulated_shuffle(uint64_t value, unsigned from); /* from: a lane of the warp */
unsigned emulated_lane();

#define __syncthreads() emulated_barrier()

template <class T> static inline T emulated_exchange(T value, unsigned from)
{
    uint64_t bits = 0;
    T result;

    static_assert(sizeof value <= sizeof bits, "a shuffle moves up to 8 bytes");
    memcpy(&bits, &value, sizeof value);
    bits = emulated_shuffle(bits, from);
    memcpy(&result, &bits, sizeof result);
    return result;
}
template <class T> static inline T __shfl_xor_sync(unsigned, T value, int mask, int = 32)
{
    return emulated_exchange(value, emulated_lane() ^ (unsigned)mask);
}
template <class T> static inline T __shfl_sync(unsigned, T value, int from, int width = 32)
{
    const unsigned lane = emulated_lane(), group = lane / (unsigned)width * (unsigned)width;

    return emulated_exchange(value, group + (unsigned)from % (unsigned)width);
}

static inline float __fmaf_rn(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}
static inline double __fma_rn(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}
static inline float __fsqrt_rn(float x)
{
    return __builtin_sqrtf(x);
}
static inline unsigned __float_as_uint(float x)
{
    unsigned bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float __uint_as_float(unsigned bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}
/* fp16 as its instructions have it: to nearest, ties to even. */
static inline uint16_t emulated_fp16(float x)
{
    const unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    unsigned mantissa = (size & 0x7fffff) | 0x800000, shift = 13, rest, half;

    if (size > 0x7f800000)
        return 0x7fff;
    if (size >= 0x477ff000) /* 65520 and more */
        return (uint16_t)(sign | 0x7c00);
    if (size < 0x33000000) /* below half of the smallest */
        return (uint16_t)sign;
    if (size < 0x38800000) { /* subnormal */
        shift += 113 - (size >> 23);
        half = mantissa >> shift;
    } else {
        half = (size - 0x38000000) >> 13;
    }
    rest = mantissa & ((1u << shift) - 1);
    half += rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && (half & 1));
    return (uint16_t)(sign | half);
}
static inline float emulated_fp16_float(uint16_t bits)
{
    const unsigned sign = (bits & 0x8000u) << 16, size = bits & 0x7fffu;
    const float tiny = 5.9604644775390625e-8f; /* 2^-24 */
    float x;

    if (size >= 0x7c00)
        return __uint_as_float(sign | 0x7f800000 | (size & 0x3ff) << 13);
    if (size < 0x400)
        x = (float)size * tiny;
    else
        x = __uint_as_float((size << 13) + 0x38000000);
    return __uint_as_float(__float_as_uint(x) | sign);
}

static inline int __clzll(long long x)
{
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}

/* grid · block threads run body, each in its place. */
cudaError_t emulated_launch(dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                            std::function<void()> body);

/* The call of a kernel with copies of its arguments, as a launch makes them. */
template <class... Parameters, class... Arguments>
static inline std::function<void()> emulated_bind(void (*kernel)(Parameters...),
                                                  Arguments... arguments)
{
    return [=] { kernel(arguments...); };
}

#endif
#endif
