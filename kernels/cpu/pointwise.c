/* pointwise: operations on single elements or rows: GELU, embedding, moving rows. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/cpu.h"

/* Rows of one task, so that it has some 8192 elements. */
static size_t rows_at_once(size_t n)
{
    return n < 8192 ? 8192 / (n + 1) + 1 : 1;
}

static size_t tasks_of(size_t m, size_t n)
{
    return (m + rows_at_once(n) - 1) / rows_at_once(n);
}

static void gelu_row(const struct gelu_args *a, size_t i)
{
    for (size_t j = 0; j < a->n; j += LANES)
        cpu_put(a->out, i, j, lanes_gelu(lanes_load(cpu_row(a->x, i) + j)));
}

static void gelu_rows(void *context, size_t index, size_t worker)
{
    const struct gelu_args *a = context;
    const size_t rows = rows_at_once(a->n);

    (void)worker;
    for (size_t i = index * rows; i < a->m && i < (index + 1) * rows; i++)
        gelu_row(a, i);
}

void NAMED(gelu)(struct backend *be, const struct gelu_args *a)
{
    struct gelu_args copy = *a;

    cpu_run(cpu_of(be), tasks_of(a->m, a->n), 32 * a->m * a->n, gelu_rows, &copy);
}

static void gelu_backward_row(const struct gelu_backward_args *a, size_t i)
{
    for (size_t j = 0; j < a->n; j += LANES) {
        const lanes slope = lanes_gelu_slope(lanes_load(cpu_row(a->x, i) + j));
        cpu_put(a->dx, i, j, lanes_mul(lanes_load(cpu_row(a->dy, i) + j), slope));
    }
}

static void gelu_backward_rows(void *context, size_t index, size_t worker)
{
    const struct gelu_backward_args *a = context;
    const size_t rows = rows_at_once(a->n);

    (void)worker;
    for (size_t i = index * rows; i < a->m && i < (index + 1) * rows; i++)
        gelu_backward_row(a, i);
}

void NAMED(gelu_backward)(struct backend *be, const struct gelu_backward_args *a)
{
    struct gelu_backward_args copy = *a;

    cpu_run(cpu_of(be), tasks_of(a->m, a->n), 32 * a->m * a->n, gelu_backward_rows, &copy);
}

struct embed_task {
    const struct embed_args *a;
    const float *weight;
    size_t n;
};

static void embed_row(void *context, size_t i, size_t worker)
{
    const struct embed_task *t = context;
    const float *from = t->weight + cpu_panel_at((size_t)t->a->ids[i], 0, t->n);
    float *out = cpu_row(t->a->out, i);

    (void)worker;
    for (size_t j = 0; j < t->n; j++)
        out[j] = t->a->add ? out[j] + from[j * CPU_PANEL] : from[j * CPU_PANEL];
    for (size_t j = t->n; j % CPU_PANEL != 0; j++)
        out[j] = 0.0f;
}

void NAMED(embed)(struct backend *be, const struct embed_args *a)
{
    struct cpu *c = cpu_of(be);
    struct embed_task t = {a, cpu_value(c, a->weight), c->parameters[a->weight].k};

    cpu_run(c, a->m, 8 * a->m * t.n, embed_row, &t);
}

struct embed_backward_task {
    const struct embed_backward_args *a;
    float *dweight;
    size_t n;
};

/* 32 columns of every row's gradient: rows with the same id are added in one task, in order. */
static void embed_backward_columns(void *context, size_t index, size_t worker)
{
    const struct embed_backward_task *t = context;
    const size_t from = index * CPU_PANEL;
    const size_t to = from + CPU_PANEL < t->n ? from + CPU_PANEL : t->n;

    (void)worker;
    for (size_t i = 0; i < t->a->m; i++) {
        float *row = t->dweight + cpu_panel_at((size_t)t->a->ids[i], 0, t->n);
        const float *dx = cpu_row(t->a->dx, i);
        for (size_t j = from; j < to; j++)
            row[j * CPU_PANEL] += dx[j];
    }
}

void NAMED(embed_backward)(struct backend *be, const struct embed_backward_args *a)
{
    struct cpu *c = cpu_of(be);
    struct embed_backward_task t = {a, cpu_gradient(c, a->weight), c->parameters[a->weight].k};

    cpu_run(c, (t.n + CPU_PANEL - 1) / CPU_PANEL, 8 * a->m * t.n, embed_backward_columns, &t);
}

void NAMED(put_row)(struct ops_rows r, size_t i, size_t j, const float *x, size_t n)
{
    char *to = (char *)r.at + (i * r.stride + j) * cpu_size(r.type);

    if (!x)
        memset(to, 0, n * cpu_size(r.type));
    else if (r.type == OPS_BF16)
        NAMED(bf16_round)(x, n, (bf16 *)to);
    else
        memcpy(to, x, n * sizeof *x);
}

/* Copies row `from` of one matrix to row `to` of another of the same type and stride. */
static void copy_row(struct ops_rows x, size_t from, struct ops_rows out, size_t to)
{
    const size_t bytes = x.stride * cpu_size(x.type);

    memcpy((char *)out.at + to * bytes, (const char *)x.at + from * bytes, bytes);
}

void NAMED(take_rows)(struct backend *be, const struct rows_args *a)
{
    (void)be;
    for (size_t i = 0; i < a->m; i++)
        copy_row(a->x, (size_t)a->rows[i], a->out, i);
}

void NAMED(put_rows)(struct backend *be, const struct rows_args *a)
{
    (void)be;
    memset(a->out.at, 0, a->zero_rows * a->out.stride * cpu_size(a->out.type));
    for (size_t i = 0; i < a->m; i++)
        copy_row(a->x, i, a->out, (size_t)a->rows[i]);
}
