/*
 * loss: softmax cross entropy of the rows that have a target, and its gradient in place; and the
 * largest of a row. One block a row: all of its threads compute exponentials into shared memory,
 * sixteen add them, as the lanes of the row.
 */
#include <math.h>

#include "kernels/cuda/rows.h"
#define LOGARITHM static __device__ __forceinline__
#include "kernels/logarithm.h"

namespace
{

constexpr size_t THREADS = 256, TILE = 2048;

struct loss_shared {
    float tile[TILE];
    float of[THREADS]; /* each thread's largest, and the place of it */
    size_t place[THREADS];
    float factor;
};

/* The largest of a row, at its first place; a NaN counts as -infinity. All threads get both. */
FORMULA float largest_of(struct loss_shared *s, const float *x, size_t n, size_t *place)
{
    const unsigned t = threadIdx.x;
    float top = -INFINITY;
    size_t at = 0;

    for (size_t j = t; j < n; j += THREADS)
        if (x[j] > top) {
            top = x[j];
            at = j;
        }
    s->of[t] = top;
    s->place[t] = at;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (t < half) {
            const float other = s->of[t + half];
            const size_t there = s->place[t + half];
            if (other > s->of[t] || (other == s->of[t] && there < s->place[t])) {
                s->of[t] = other;
                s->place[t] = there;
            }
        }
        __syncthreads();
    }
    *place = s->place[0];
    return s->of[0];
}

/* e^(x - largest) of a row, into it where `keep`; the sum, to the first sixteen threads. */
FORMULA float exponentials(struct loss_shared *s, float *x, size_t n, float largest, bool keep)
{
    const unsigned t = threadIdx.x;
    float sum = 0;

    for (size_t from = 0; from < n; from += TILE) {
        const size_t count = n - from < TILE ? n - from : TILE;
        for (size_t j = t; j < count; j += THREADS) {
            const float e = lanes_exp(x[from + j] - largest);
            s->tile[j] = e;
            if (keep)
                x[from + j] = e;
        }
        __syncthreads();
        for (size_t j = t; t < LANES && j < count; j += LANES)
            sum += s->tile[j];
        __syncthreads();
    }
    return sum;
}

__global__ void loss_kernel(struct cross_entropy_args a)
{
    SHARED(struct loss_shared, s);
    const size_t i = blockIdx.x;
    const unsigned t = threadIdx.x;
    const int32_t target = a.targets[i];
    float *x = cuda_row(a.logits, i);
    double loss = 0;
    float largest, sum;
    size_t place;

    if (target < 0) {
        if (t == 0)
            a.losses[i] = 0;
        for (size_t j = t; a.gradient && j < a.logits.stride; j += THREADS)
            x[j] = 0;
        return;
    }
    largest = largest_of(s, x, a.n, &place);
    if (t == 0)
        loss = (double)largest - (double)x[target];
    __syncthreads(); /* exponentials take its place */
    sum = exponentials(s, x, a.n, largest, a.gradient);
    if (t < 32)
        sum = lanes_sum(sum);
    if (t == 0) {
        a.losses[i] = loss + logarithm((double)sum);
        s->factor = a.scale / sum;
    }
    if (!a.gradient)
        return;
    __syncthreads();
    for (size_t j = t; j < a.n; j += THREADS) {
        const float p = x[j] * s->factor;
        x[j] = j == (size_t)target ? p - a.scale : p;
    }
}

__global__ void largest_kernel(struct largest_args a)
{
    SHARED(struct loss_shared, s);
    size_t place;

    (void)largest_of(s, cuda_row(a.x, blockIdx.x), a.n, &place);
    if (threadIdx.x == 0)
        a.out[blockIdx.x] = (int32_t)place;
}

} // namespace

void cuda_cross_entropy(struct backend *be, const struct cross_entropy_args *a)
{
    struct cuda *c = cuda_of(be);

    if (a->m > 0)
        LAUNCH(c, (unsigned)a->m, THREADS, sizeof(struct loss_shared), loss_kernel, *a);
}

void cuda_largest(struct backend *be, const struct largest_args *a)
{
    struct cuda *c = cuda_of(be);

    if (a->m > 0)
        LAUNCH(c, (unsigned)a->m, THREADS, sizeof(struct loss_shared), largest_kernel, *a);
}
