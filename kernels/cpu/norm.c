/*
 * norm: layer normalisation, forward and backward. Sums along a row run over 16 lanes; sums over
 * rows (the gradients of weight and bias) go down one column block at a time, rows ascending.
 */
#include "kernels/cpu/cpu.h"

/* Rows that one task normalises. */
enum { ROWS = 16 };

static size_t round_up(size_t n)
{
    return (n + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;
}

static void norm_row(const struct norm_args *a, size_t i)
{
    const float *x = a->x + i * a->stride;
    float *out = a->out + i * a->stride;
    const lanes zero = lanes_all(0.0f);
    lanes sum = zero, mean, rstd;

    for (size_t j = 0; j < a->n; j += LANES)
        sum = lanes_add(sum, lanes_load(x + j)); /* the padding is zero */
    a->mean[i] = lanes_sum(sum) / (float)a->n;
    mean = lanes_all(a->mean[i]);
    sum = zero;
    for (size_t j = 0; j < a->n; j += LANES) {
        const lanes d = lanes_first(lanes_sub(lanes_load(x + j), mean), a->n - j, zero);
        sum = lanes_fma(d, d, sum);
    }
    a->rstd[i] = 1.0f / sqrtf(lanes_sum(sum) / (float)a->n + a->eps);
    rstd = lanes_all(a->rstd[i]);
    for (size_t j = 0; j < round_up(a->n); j += LANES) {
        const lanes y = lanes_mul(lanes_sub(lanes_load(x + j), mean), rstd);
        /* weight and bias are zero in the padding, and so is the result */
        lanes_store(out + j, lanes_fma(y, lanes_load(a->weight + j), lanes_load(a->bias + j)));
    }
}

static void norm_rows(void *context, size_t index, size_t worker)
{
    const struct norm_args *a = context;

    (void)worker;
    for (size_t i = index * ROWS; i < a->m && i < (index + 1) * ROWS; i++)
        norm_row(a, i);
}

void NAMED(norm)(struct backend *be, const struct norm_args *a)
{
    struct norm_args copy = *a;

    cpu_run(be, (a->m + ROWS - 1) / ROWS, 4 * a->m * a->n, norm_rows, &copy);
}

/* 32 columns of the gradients of weight and bias. */
static void backward_columns(void *context, size_t index, size_t worker)
{
    const struct norm_backward_args *a = context;

    (void)worker;
    for (size_t j = index * OPS_PANEL; j < (index + 1) * OPS_PANEL; j += LANES) {
        lanes weight = a->accumulate ? lanes_load(a->dweight + j) : lanes_all(0.0f);
        lanes bias = a->accumulate ? lanes_load(a->dbias + j) : lanes_all(0.0f);
        for (size_t i = 0; i < a->m; i++) {
            const lanes dy = lanes_load(a->dy + i * a->stride + j);
            const lanes x = lanes_load(a->x + i * a->stride + j);
            const lanes y = lanes_mul(lanes_sub(x, lanes_all(a->mean[i])), lanes_all(a->rstd[i]));
            weight = lanes_fma(dy, y, weight); /* dy is zero in the padding */
            bias = lanes_add(bias, dy);
        }
        lanes_store(a->dweight + j, weight);
        lanes_store(a->dbias + j, bias);
    }
}

/* dx = rstd (g - mean(g) - y mean(g y)) + add, g = dy weight, y = (x - mean) rstd */
static void backward_row(const struct norm_backward_args *a, size_t i)
{
    const float *x = a->x + i * a->stride, *dy = a->dy + i * a->stride;
    const lanes mean = lanes_all(a->mean[i]), rstd = lanes_all(a->rstd[i]);
    lanes g_sum = lanes_all(0.0f), gy_sum = g_sum, g_mean, gy_mean;

    for (size_t j = 0; j < a->n; j += LANES) {
        const lanes g = lanes_mul(lanes_load(dy + j), lanes_load(a->weight + j));
        const lanes y = lanes_mul(lanes_sub(lanes_load(x + j), mean), rstd);
        g_sum = lanes_add(g_sum, g);
        gy_sum = lanes_fma(g, y, gy_sum);
    }
    g_mean = lanes_all(lanes_sum(g_sum) / (float)a->n);
    gy_mean = lanes_all(-(lanes_sum(gy_sum) / (float)a->n));
    for (size_t j = 0; j < round_up(a->n); j += LANES) {
        const lanes g = lanes_mul(lanes_load(dy + j), lanes_load(a->weight + j));
        const lanes y = lanes_mul(lanes_sub(lanes_load(x + j), mean), rstd);
        lanes dx = lanes_mul(rstd, lanes_fma(y, gy_mean, lanes_sub(g, g_mean)));
        if (a->add)
            dx = lanes_add(dx, lanes_load(a->add + i * a->stride + j));
        dx = lanes_first(dx, a->n > j ? a->n - j : 0, lanes_all(0.0f));
        lanes_store(a->dx + i * a->stride + j, dx);
    }
}

static void backward_rows(void *context, size_t index, size_t worker)
{
    const struct norm_backward_args *a = context;

    (void)worker;
    for (size_t i = index * ROWS; i < a->m && i < (index + 1) * ROWS; i++)
        backward_row(a, i);
}

void NAMED(norm_backward)(struct backend *be, const struct norm_backward_args *a)
{
    struct norm_backward_args copy = *a;

    /* Columns first: dx may be dy. */
    cpu_run(be, round_up(a->n) / OPS_PANEL, 4 * a->m * a->n, backward_columns, &copy);
    cpu_run(be, (a->m + ROWS - 1) / ROWS, 8 * a->m * a->n, backward_rows, &copy);
}
