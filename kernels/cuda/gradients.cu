/*
 * gradients: those of all parameters at once: their sum over micro-batches, the norms that clipping
 * needs, in the processor's order. Start at cuda_gradient_norms.
 */
#include <math.h>

#include "kernels/cuda/rows.h"

namespace
{

enum { THREADS = 256, NORM_LANES = 8 };

__global__ void add_kernel(float *window, const float *gradient, size_t n)
{
    const size_t i = cuda_thread();

    if (i < n)
        window[i] += gradient[i];
}

struct norms_shared {
    float lane[NORM_LANES];
    float largest[THREADS];
};

/* A block a parameter. Eight threads have a chain each, all of them look for the largest. */
__global__ void norms_kernel(struct gradient_norms_args a, const struct cuda_parameter *parameters,
                             const float *gradient)
{
    SHARED(struct norms_shared, s);
    const struct cuda_parameter p = parameters[blockIdx.x];
    const float *x = gradient + p.offset;
    const unsigned t = threadIdx.x;
    /* a vector and a matrix of one column are one row */
    const size_t rows = p.k > 1 ? p.n : 1, columns = p.k > 1 ? p.k : p.n;
    const size_t row = p.k > 1 ? p.pitch : 0, column = p.k > 1 ? 1 : p.pitch;
    float largest = 0, sum = 0;

    for (size_t i = 0; i < rows && t < NORM_LANES; i++)
        for (size_t j = t; j < columns; j += NORM_LANES) {
            const float g = x[i * row + j * column];
            sum = __fmaf_rn(g, g, sum);
        }
    for (size_t i = t; i < p.floats; i += THREADS)
        largest = lanes_max(lanes_abs(x[i]), largest);
    if (t < NORM_LANES)
        s->lane[t] = sum;
    s->largest[t] = largest;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (t < half)
            s->largest[t] = lanes_max(s->largest[t], s->largest[t + half]);
        __syncthreads();
    }
    if (t > 0)
        return;
    for (unsigned l = 1; l < NORM_LANES; l++)
        sum += s->lane[l];
    a.norms[blockIdx.x] = __fsqrt_rn(sum);
    a.largest[blockIdx.x] = isnan(sum) ? INFINITY : s->largest[0];
}

} // namespace

void cuda_add_gradients(struct backend *be, bool first)
{
    struct cuda *c = cuda_of(be);
    float *micro = c->gradient;

    if (first) {
        c->gradient = c->window;
        c->window = micro;
        return;
    }
    LAUNCH(c, cuda_blocks(c->floats, THREADS), THREADS, 0, add_kernel, c->window, c->gradient,
           c->floats);
}

void cuda_gradient_norms(struct backend *be, const struct gradient_norms_args *a)
{
    struct cuda *c = cuda_of(be);

    LAUNCH(c, (unsigned)c->n_parameters, THREADS, sizeof(struct norms_shared), norms_kernel, *a,
           c->on_device, cuda_part(c, OPS_GRADIENT));
}
