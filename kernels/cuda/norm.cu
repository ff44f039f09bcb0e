/*
 * norm: layer normalisation, forward and backward. Half a warp is the sixteen lanes of a row; a
 * thread sums one column of the gradients of weight and bias, rows ascending.
 */
#include "kernels/cuda/rows.h"

namespace
{

enum { THREADS = 128, ROWS = THREADS / LANES };

__global__ void norm_kernel(struct norm_args a, const float *weight, const float *bias, size_t n,
                            float count)
{
    const size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / LANES, lane = threadIdx.x % LANES;
    const bool there = row < a.m;
    const size_t i = there ? row : 0; /* all of a warp must come to its sums */
    const float *x = cuda_row(a.x, i);
    float sum = 0, mean, rstd;

    for (size_t j = lane; j < n; j += LANES)
        sum += x[j];
    mean = lanes_sum(sum) / count;
    sum = 0;
    for (size_t j = lane; j < n; j += LANES) {
        const float d = x[j] - mean;
        sum = __fmaf_rn(d, d, sum);
    }
    rstd = 1.0f / __fsqrt_rn(lanes_sum(sum) / count + a.eps);
    if (!there)
        return;
    if (lane == 0) {
        a.mean[i] = mean;
        a.rstd[i] = rstd;
    }
    for (size_t j = lane; j < a.out.stride; j += LANES)
        cuda_put(a.out, i, j, j < n ? __fmaf_rn((x[j] - mean) * rstd, weight[j], bias[j]) : 0.0f);
}

/* The gradients of weight and bias. */
__global__ void columns_kernel(struct norm_backward_args a, float *dweight, float *dbias, size_t n)
{
    const size_t j = cuda_thread();
    float weight = 0, bias = 0;

    if (j >= n)
        return;
    for (size_t i = 0; i < a.m; i++) {
        const float dy = cuda_row(a.dy, i)[j];
        const float y = (cuda_row(a.x, i)[j] - a.mean[i]) * a.rstd[i];
        weight = __fmaf_rn(dy, y, weight);
        bias += dy;
    }
    dweight[j] = weight;
    dbias[j] = bias;
}

/* dx = rstd (g - mean(g) - y mean(g y)) + add, g = dy weight, y = (x - mean) rstd */
__global__ void rows_kernel(struct norm_backward_args a, const float *weight, size_t n, float count)
{
    const size_t row = (size_t)blockIdx.x * ROWS + threadIdx.x / LANES, lane = threadIdx.x % LANES;
    const bool there = row < a.m;
    const size_t i = there ? row : 0;
    const float *x = cuda_row(a.x, i), *dy = cuda_row(a.dy, i);
    const float mean = a.mean[i], rstd = a.rstd[i];
    float g_sum = 0, gy_sum = 0, g_mean, gy_mean;

    for (size_t j = lane; j < n; j += LANES) {
        const float g = dy[j] * weight[j], y = (x[j] - mean) * rstd;
        g_sum += g;
        gy_sum = __fmaf_rn(g, y, gy_sum);
    }
    g_mean = lanes_sum(g_sum) / count;
    gy_mean = -(lanes_sum(gy_sum) / count);
    if (!there)
        return;
    for (size_t j = lane; j < a.dx.stride; j += LANES) {
        float dx = 0;
        if (j < n) {
            const float g = dy[j] * weight[j], y = (x[j] - mean) * rstd;
            dx = rstd * __fmaf_rn(y, gy_mean, g - g_mean);
            if (a.add.at)
                dx += cuda_row(a.add, i)[j];
        }
        cuda_row(a.dx, i)[j] = dx;
    }
}

} // namespace

void cuda_norm(struct backend *be, const struct norm_args *a)
{
    struct cuda *c = cuda_of(be);
    const size_t n = c->parameters[a->weight].n;
    const float *weight = cuda_value(c, a->weight), *bias = cuda_value(c, a->bias);

    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m, ROWS), THREADS, 0, norm_kernel, *a, weight, bias, n, (float)n);
}

void cuda_norm_backward(struct backend *be, const struct norm_backward_args *a)
{
    struct cuda *c = cuda_of(be);
    const size_t n = c->parameters[a->weight].n;
    float *dweight = cuda_gradient(c, a->weight), *dbias = cuda_gradient(c, a->bias);
    const float *weight = cuda_value(c, a->weight);

    /* Columns first: dx may be dy. */
    LAUNCH(c, cuda_blocks(n, THREADS), THREADS, 0, columns_kernel, *a, dweight, dbias, n);
    if (a->m > 0)
        LAUNCH(c, cuda_blocks(a->m, ROWS), THREADS, 0, rows_kernel, *a, weight, n, (float)n);
    cuda_written(c, a->weight, dweight);
    cuda_written(c, a->bias, dbias);
}
