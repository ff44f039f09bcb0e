/*
 * bf16_wide: dot without an instruction for it. Operands are rounded to bfloat16 but held in fp32,
 * with the two places of each pair exchanged: so the fp32 product computes dot's sums, at its own
 * speed. Weights are widened panel by panel in scratch; activations once an operation.
 */
#include "kernels/cpu/bf16.h"

enum { CHUNK = 2 * BF16_DOT_BLOCK, ROWS_AT_ONCE = 4096 /* of dx */ };

static void product(const struct product *p)
{
    const unsigned mode = bf16_flush();

    NAMED(product)(p);
    bf16_put_back(mode);
}

/* n of the index that is summed over, in whole pairs. */
static size_t even(size_t n)
{
    return (n + 1) / 2 * 2;
}

static void widen(const bf16 *x, size_t n, float *out)
{
    for (size_t j = 0; j < n; j += LANES)
        lanes_store(out + j, lanes_load_bf16(x + j));
}

/* out[i] = row (i ^ 1) of 32 columns, for i below even(n); zeros where there is no such row. */
static void widen_rows(const bf16 *rows, size_t n, float *out)
{
    for (size_t i = 0; i < even(n); i++)
        if ((i ^ 1) < n)
            widen(rows + (i ^ 1) * CPU_PANEL, CPU_PANEL, out + i * CPU_PANEL);
        else
            memset(out + i * CPU_PANEL, 0, CPU_PANEL * sizeof *out);
}

/* ---- activations ---- */

struct activations {
    struct ops_rows x; /* [m] rows of n */
    size_t m, n;
    float *out;
};

static size_t row_of(const struct activations *t)
{
    return cpu_fp32_stride(even(t->n));
}

/* A row whose neighbours change places. */
static void exchange_places(void *context, size_t i, size_t worker)
{
    const struct activations *t = context;
    float *out = t->out + i * row_of(t);

    (void)worker;
    if (t->x.type == OPS_BF16) {
        const bf16 *x = (const bf16 *)t->x.at + i * t->x.stride; /* zero after its columns */
        widen(x, even(t->n), out);
    } else {
        bf16 rounded[LANES];
        const float *x = cpu_row(t->x, i);
        for (size_t j = 0; j < even(t->n); j += LANES) {
            lanes_store_bf16(rounded, lanes_load(x + j));
            widen(rounded, LANES, out + j);
        }
    }
    for (size_t j = 0; j < even(t->n); j += 2) {
        const float first = out[j];
        out[j] = out[j + 1];
        out[j + 1] = first;
    }
}

/* Row i becomes row i ^ 1; zeros in place of one after the last. */
static void exchange_rows(void *context, size_t i, size_t worker)
{
    const struct activations *t = context;
    const size_t columns = bf16_columns(t->n);
    float *out = t->out + i * row_of(t);
    bf16 rounded[LANES];

    (void)worker;
    if ((i ^ 1) >= t->m)
        memset(out, 0, columns * sizeof *out);
    else if (t->x.type == OPS_BF16)
        widen((const bf16 *)t->x.at + (i ^ 1) * t->x.stride, columns, out);
    else
        for (size_t j = 0; j < columns; j += LANES) {
            lanes_store_bf16(rounded, lanes_load(cpu_row(t->x, i ^ 1) + j));
            widen(rounded, LANES, out + j);
        }
}

/* ---- out = x · weightᵀ ---- */

struct forward_task {
    const struct linear_task *of;
    const bf16 *weight;
    size_t x_row;
};

static void forward_panel(void *context, size_t panel, size_t worker)
{
    const struct forward_task *task = context;
    const struct linear_task *t = task->of;
    const size_t at = panel * CPU_PANEL;
    float *w = cpu_scratch(t->cpu, worker);

    for (size_t from = 0; from < t->k; from += CHUNK) {
        const size_t k = bf16_least(t->k - from, CHUNK);
        widen_rows(task->weight + at * t->k + from * CPU_PANEL, k, w);
        product(&(struct product){.a = t->cpu->bf16_a + from,
                                  .a_row = task->x_row,
                                  .a_step = 1,
                                  .b = w,
                                  .b_step = CPU_PANEL,
                                  .c = cpu_row(t->a->out, 0) + at,
                                  .c_row = t->a->out.stride,
                                  .m = t->a->m,
                                  .k = even(k),
                                  .add = from > 0});
    }
    NAMED(finish_panel)(t, at);
}

void NAMED(bf16_wide_linear)(struct linear_task *t)
{
    struct cpu *c = t->cpu;
    const size_t cost = t->a->m * t->n * t->k;
    struct activations x = {t->a->x, t->a->m, t->k, c->bf16_a};
    struct forward_task task = {t, cpu_rounded(c, t->a->weight), row_of(&x)};

    cpu_run(c, x.m, cost, exchange_places, &x);
    cpu_run(c, (t->n + CPU_PANEL - 1) / CPU_PANEL, cost, forward_panel, &task);
}

/* ---- dx = dy · weight ---- */

struct input_task {
    const struct linear_input_task *of;
    const bf16 *weight;
    size_t dy_row;
};

/* Rows [from, from + 32) of the weight become 32 rows of its columns [at, at + 32). */
static void widen_columns(const struct input_task *t, size_t from, size_t at, float *out)
{
    const size_t k = t->of->k;
    float columns[CPU_PANEL][CPU_PANEL], rows[CPU_PANEL][CPU_PANEL];

    for (size_t c = 0; c < CPU_PANEL && at + c < k; c++)
        widen(t->weight + from * k + (at + c) * CPU_PANEL, CPU_PANEL, columns[c]);
    NAMED(transpose)
    (&(struct transpose){.in = columns[0],
                         .in_row = CPU_PANEL,
                         .rows = bf16_least(k - at, CPU_PANEL),
                         .out = rows[0],
                         .out_row = CPU_PANEL,
                         .m = CPU_PANEL,
                         .n = CPU_PANEL});
    for (size_t i = 0; i < CPU_PANEL; i++)
        memcpy(out + i * CPU_PANEL, rows[i ^ 1], sizeof rows[i]);
}

/* dx[first..first + m)[at..at + 32); the sums are elsewhere until then, for dx may be `add`. */
static void put_input(const struct linear_input_args *a, const float *sums, size_t first, size_t m,
                      size_t at)
{
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < CPU_PANEL; l += LANES) {
            lanes x = lanes_load(sums + i * CPU_PANEL + l);
            if (a->add.at)
                x = lanes_add(x, lanes_load(cpu_row(a->add, first + i) + at + l));
            lanes_store(cpu_row(a->dx, first + i) + at + l, x);
        }
}

static void input_columns(void *context, size_t index, size_t worker)
{
    const struct input_task *task = context;
    const struct linear_input_task *t = task->of;
    const size_t at = index * CPU_PANEL;
    float *w = cpu_scratch(t->cpu, worker), *sums = w + (size_t)CHUNK * CPU_PANEL;

    for (size_t first = 0; first < t->a->m; first += ROWS_AT_ONCE) {
        const size_t m = bf16_least(t->a->m - first, ROWS_AT_ONCE);
        for (size_t from = 0; from < t->n; from += CHUNK) {
            const size_t n = bf16_least(t->n - from, CHUNK);
            for (size_t row = 0; row < n; row += CPU_PANEL)
                widen_columns(task, from + row, at, w + row * CPU_PANEL);
            product(&(struct product){.a = t->cpu->bf16_b + first * task->dy_row + from,
                                      .a_row = task->dy_row,
                                      .a_step = 1,
                                      .b = w,
                                      .b_step = CPU_PANEL,
                                      .c = sums,
                                      .c_row = CPU_PANEL,
                                      .m = m,
                                      .k = even(n),
                                      .add = from > 0});
        }
        put_input(t->a, sums, first, m, at);
    }
}

void NAMED(bf16_wide_linear_input)(struct linear_input_task *t)
{
    struct cpu *c = t->cpu;
    const size_t cost = t->a->m * t->n * t->k;
    struct activations dy = {t->a->dy, t->a->m, t->n, c->bf16_b};
    struct input_task task = {t, cpu_rounded(c, t->a->weight), row_of(&dy)};

    cpu_run(c, dy.m, cost, exchange_places, &dy);
    cpu_run(c, (t->k + CPU_PANEL - 1) / CPU_PANEL, cost, input_columns, &task);
}

/* ---- dweight = dyᵀ · x ---- */

struct weight_task {
    const struct linear_weight_task *of;
    size_t x_row;
};

/* Row i of 32 columns of dy, widened; zeros after the last. */
static void widen_dy(const struct linear_weight_task *t, size_t i, size_t at, float *out)
{
    bf16 rounded[CPU_PANEL];

    if (i < t->a->m)
        widen(bf16_operand(t->a->dy, i, at, CPU_PANEL, rounded), CPU_PANEL, out);
    else
        memset(out, 0, CPU_PANEL * sizeof *out);
}

static void weight_panel(void *context, size_t panel, size_t worker)
{
    const struct weight_task *task = context;
    const struct linear_weight_task *t = task->of;
    const size_t at = panel * CPU_PANEL, m = t->a->m;
    float *dy = cpu_scratch(t->cpu, worker);

    for (size_t from = 0; from < m; from += CHUNK) {
        const size_t rows = even(bf16_least(m - from, CHUNK));
        for (size_t i = 0; i < rows; i++)
            widen_dy(t, from + (i ^ 1), at, dy + i * CPU_PANEL);
        product(&(struct product){.a = t->cpu->bf16_a + from * task->x_row,
                                  .a_row = 1,
                                  .a_step = task->x_row,
                                  .b = dy,
                                  .b_step = CPU_PANEL,
                                  .c = t->dweight + at * t->k,
                                  .c_row = CPU_PANEL,
                                  .m = t->k,
                                  .k = rows,
                                  .add = from > 0});
    }
    NAMED(sum_bias)(t, at);
}

void NAMED(bf16_wide_linear_weight)(struct linear_weight_task *t)
{
    struct cpu *c = t->cpu;
    const size_t m = t->a->m, cost = m * t->n * t->k;
    struct activations x = {t->a->x, m, t->k, c->bf16_a};
    struct weight_task task = {t, row_of(&x)};

    cpu_run(c, even(m), cost, exchange_rows, &x);
    cpu_run(c, (t->n + CPU_PANEL - 1) / CPU_PANEL, cost, weight_panel, &task);
}
