/*
 * norm: layer normalisation, forward and backward. Sums along a row run over 16 lanes; sums over
 * rows (the gradients of weight and bias) go down one column block at a time, rows ascending.
 */
#include "kernels/cpu/cpu.h"

/* Rows that one task normalises. */
enum { ROWS = 16 };

static size_t round_up(size_t n)
{
    return (n + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL;
}

struct norm_task {
    const struct norm_args *a;
    const float *weight, *bias;
    size_t n;
};

static void norm_row(const struct norm_task *t, size_t i)
{
    const struct norm_args *a = t->a;
    const float *x = cpu_row(a->x, i);
    const lanes zero = lanes_all(0.0f);
    lanes sum = zero, mean, rstd;

    for (size_t j = 0; j < t->n; j += LANES)
        sum = lanes_add(sum, lanes_load(x + j)); /* the padding is zero */
    a->mean[i] = lanes_sum(sum) / (float)t->n;
    mean = lanes_all(a->mean[i]);
    sum = zero;
    for (size_t j = 0; j < t->n; j += LANES) {
        const lanes d = lanes_first(lanes_sub(lanes_load(x + j), mean), t->n - j, zero);
        sum = lanes_fma(d, d, sum);
    }
    a->rstd[i] = 1.0f / sqrtf(lanes_sum(sum) / (float)t->n + a->eps);
    rstd = lanes_all(a->rstd[i]);
    for (size_t j = 0; j < round_up(t->n); j += LANES) {
        const lanes y = lanes_mul(lanes_sub(lanes_load(x + j), mean), rstd);
        /* weight and bias are zero in the padding, and so is the result */
        cpu_put(a->out, i, j, lanes_fma(y, lanes_load(t->weight + j), lanes_load(t->bias + j)));
    }
}

static void norm_rows(void *context, size_t index, size_t worker)
{
    const struct norm_task *t = context;

    (void)worker;
    for (size_t i = index * ROWS; i < t->a->m && i < (index + 1) * ROWS; i++)
        norm_row(t, i);
}

void NAMED(norm)(struct backend *be, const struct norm_args *a)
{
    struct cpu *c = cpu_of(be);
    struct norm_task t = {a, cpu_value(c, a->weight), cpu_value(c, a->bias),
                          c->parameters[a->weight].n};

    cpu_run(c, (a->m + ROWS - 1) / ROWS, 4 * a->m * t.n, norm_rows, &t);
}

struct norm_backward_task {
    const struct norm_backward_args *a;
    const float *weight;
    float *dweight, *dbias;
    size_t n;
};

/* 32 columns of the gradients of weight and bias. */
static void backward_columns(void *context, size_t index, size_t worker)
{
    const struct norm_backward_task *t = context;
    const struct norm_backward_args *a = t->a;

    (void)worker;
    for (size_t j = index * CPU_PANEL; j < (index + 1) * CPU_PANEL; j += LANES) {
        lanes weight = lanes_all(0.0f), bias = weight;
        for (size_t i = 0; i < a->m; i++) {
            const lanes dy = lanes_load(cpu_row(a->dy, i) + j);
            const lanes x = lanes_load(cpu_row(a->x, i) + j);
            const lanes y = lanes_mul(lanes_sub(x, lanes_all(a->mean[i])), lanes_all(a->rstd[i]));
            weight = lanes_fma(dy, y, weight); /* dy is zero in the padding */
            bias = lanes_add(bias, dy);
        }
        lanes_store(t->dweight + j, weight);
        lanes_store(t->dbias + j, bias);
    }
}

/* dx = rstd (g - mean(g) - y mean(g y)) + add, g = dy weight, y = (x - mean) rstd */
static void backward_row(const struct norm_backward_task *t, size_t i)
{
    const struct norm_backward_args *a = t->a;
    const float *x = cpu_row(a->x, i), *dy = cpu_row(a->dy, i);
    const lanes mean = lanes_all(a->mean[i]), rstd = lanes_all(a->rstd[i]);
    lanes g_sum = lanes_all(0.0f), gy_sum = g_sum, g_mean, gy_mean;

    for (size_t j = 0; j < t->n; j += LANES) {
        const lanes g = lanes_mul(lanes_load(dy + j), lanes_load(t->weight + j));
        const lanes y = lanes_mul(lanes_sub(lanes_load(x + j), mean), rstd);
        g_sum = lanes_add(g_sum, g);
        gy_sum = lanes_fma(g, y, gy_sum);
    }
    g_mean = lanes_all(lanes_sum(g_sum) / (float)t->n);
    gy_mean = lanes_all(-(lanes_sum(gy_sum) / (float)t->n));
    for (size_t j = 0; j < round_up(t->n); j += LANES) {
        const lanes g = lanes_mul(lanes_load(dy + j), lanes_load(t->weight + j));
        const lanes y = lanes_mul(lanes_sub(lanes_load(x + j), mean), rstd);
        lanes dx = lanes_mul(rstd, lanes_fma(y, gy_mean, lanes_sub(g, g_mean)));
        if (a->add.at)
            dx = lanes_add(dx, lanes_load(cpu_row(a->add, i) + j));
        dx = lanes_first(dx, t->n > j ? t->n - j : 0, lanes_all(0.0f));
        lanes_store(cpu_row(a->dx, i) + j, dx);
    }
}

static void backward_rows(void *context, size_t index, size_t worker)
{
    const struct norm_backward_task *t = context;

    (void)worker;
    for (size_t i = index * ROWS; i < t->a->m && i < (index + 1) * ROWS; i++)
        backward_row(t, i);
}

void NAMED(norm_backward)(struct backend *be, const struct norm_backward_args *a)
{
    struct cpu *c = cpu_of(be);
    struct norm_backward_task t = {a, cpu_value(c, a->weight), cpu_gradient(c, a->weight),
                                   cpu_gradient(c, a->bias), c->parameters[a->weight].n};

    /* Columns first: dx may be dy. */
    cpu_run(c, round_up(t.n) / CPU_PANEL, 4 * a->m * t.n, backward_columns, &t);
    cpu_run(c, (a->m + ROWS - 1) / ROWS, 8 * a->m * t.n, backward_rows, &t);
}
