/* pointwise: operations on single elements or rows: GELU, embedding, moving rows, filling. */
#include "kernels/cpu/cpu.h"

enum { CHUNK = 8192 }; /* elements of one task; a multiple of 32 */

static size_t chunks(size_t n)
{
    return (n + CHUNK - 1) / CHUNK;
}

static size_t chunk_end(size_t index, size_t n)
{
    return (index + 1) * CHUNK < n ? (index + 1) * CHUNK : n;
}

/* tanh(0.79788456 x (1 + 0.044715 x²)) */
static lanes gelu_tanh(lanes x, lanes square)
{
    const lanes inner = lanes_fma(lanes_all(0.044715f), square, lanes_all(1.0f));

    return lanes_tanh(lanes_mul(lanes_mul(lanes_all(0.79788456f), x), inner));
}

static void gelu_chunk(void *context, size_t index, size_t worker)
{
    const struct gelu_args *a = context;

    (void)worker;
    for (size_t i = index * CHUNK; i < chunk_end(index, a->n); i += LANES) {
        const lanes x = lanes_load(a->x + i);
        const lanes t = gelu_tanh(x, lanes_mul(x, x));
        const lanes half = lanes_mul(x, lanes_all(0.5f));
        lanes_store(a->out + i, lanes_fma(half, t, half));
    }
}

void NAMED(gelu)(struct backend *be, const struct gelu_args *a)
{
    struct gelu_args copy = *a;

    cpu_run(be, chunks(a->n), 32 * a->n, gelu_chunk, &copy);
}

/* dy (0.5 x (1 - t²) (0.79788456 + 0.1070322243 x²) + 0.5 (1 + t)) */
static void gelu_backward_chunk(void *context, size_t index, size_t worker)
{
    const struct gelu_backward_args *a = context;
    const lanes half = lanes_all(0.5f), one = lanes_all(1.0f);

    (void)worker;
    for (size_t i = index * CHUNK; i < chunk_end(index, a->n); i += LANES) {
        const lanes x = lanes_load(a->x + i), square = lanes_mul(x, x);
        const lanes t = gelu_tanh(x, square);
        const lanes slope = lanes_fma(lanes_all(0.1070322243f), square, lanes_all(0.79788456f));
        const lanes bend = lanes_sub(one, lanes_mul(t, t));
        const lanes first = lanes_mul(lanes_mul(half, x), lanes_mul(bend, slope));
        const lanes d = lanes_fma(half, lanes_add(one, t), first);
        lanes_store(a->dx + i, lanes_mul(lanes_load(a->dy + i), d));
    }
}

void NAMED(gelu_backward)(struct backend *be, const struct gelu_backward_args *a)
{
    struct gelu_backward_args copy = *a;

    cpu_run(be, chunks(a->n), 32 * a->n, gelu_backward_chunk, &copy);
}

static void embed_row(void *context, size_t i, size_t worker)
{
    const struct embed_args *a = context;
    const float *from = a->weight + ops_panel_at((size_t)a->ids[i], 0, a->n);
    float *out = a->out + i * a->out_stride;

    (void)worker;
    for (size_t j = 0; j < a->n; j++)
        out[j] = from[j * OPS_PANEL];
    for (size_t j = a->n; j % OPS_PANEL != 0; j++)
        out[j] = 0.0f;
}

void NAMED(embed)(struct backend *be, const struct embed_args *a)
{
    struct embed_args copy = *a;

    cpu_run(be, a->m, 8 * a->m * a->n, embed_row, &copy);
}

/* 32 columns of every row's gradient: rows with the same id are added in one task, in order. */
static void embed_backward_columns(void *context, size_t index, size_t worker)
{
    const struct embed_backward_args *a = context;
    const size_t from = index * OPS_PANEL;
    const size_t to = from + OPS_PANEL < a->n ? from + OPS_PANEL : a->n;

    (void)worker;
    for (size_t i = 0; i < a->m; i++) {
        float *row = a->dweight + ops_panel_at((size_t)a->ids[i], 0, a->n);
        for (size_t j = from; j < to; j++)
            row[j * OPS_PANEL] += a->dx[i * a->dx_stride + j];
    }
}

void NAMED(embed_backward)(struct backend *be, const struct embed_backward_args *a)
{
    struct embed_backward_args copy = *a;

    cpu_run(be, (a->n + OPS_PANEL - 1) / OPS_PANEL, 8 * a->m * a->n, embed_backward_columns, &copy);
}

void NAMED(take_rows)(struct backend *be, const struct rows_args *a)
{
    (void)be;
    for (size_t i = 0; i < a->m; i++)
        memcpy(a->out + i * a->stride, a->x + (size_t)a->rows[i] * a->stride,
               a->stride * sizeof(float));
}

void NAMED(put_rows)(struct backend *be, const struct rows_args *a)
{
    (void)be;
    memset(a->out, 0, a->zero_rows * a->stride * sizeof(float));
    for (size_t i = 0; i < a->m; i++)
        memcpy(a->out + (size_t)a->rows[i] * a->stride, a->x + i * a->stride,
               a->stride * sizeof(float));
}

void NAMED(fill)(struct backend *be, const struct fill_args *a)
{
    (void)be;
    for (size_t i = 0; i < a->n; i++)
        a->x[i] = a->value;
}
