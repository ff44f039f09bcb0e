/*
 * pairs_linear: the three products of a linear layer in bfloat16.
 *
 * Operands are rounded where they are used: weights panel by panel, in each thread's scratch, so
 * that there is no second copy of them to keep; activations once an operation, in memory that all
 * threads read. Each product is laid out so that the larger operand need not be transposed.
 */
#include "kernels/cpu/pairs.h"

enum {
    CHUNK = 2048,                        /* of the sum's index, at a time */
    WEIGHT_ROW = CHUNK / 2 + PAIRS_SKEW, /* floats of a row of weights in scratch */
    ROWS_AT_ONCE = 4096,                 /* of dx */
    TURNED_ROW = ROWS_AT_ONCE + PAIRS_SKEW,
    COLUMNS = 1 << 14, /* pairs of a row that are transposed at a time */
    COLUMNS_ROW = COLUMNS + PAIRS_SKEW,
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- out = x · weightᵀ ---- */

struct rows_task {
    const float *x;
    size_t x_stride, m, n;
    float *out; /* rows of pairs_row(n) */
};

/* A row of pairs, or of zeros behind the last. */
static void pack_row(void *context, size_t i, size_t worker)
{
    const struct rows_task *t = context;
    const bool there = i < t->m;

    (void)worker;
    NAMED(pairs_of_row)
    (t->x + (there ? i : 0) * t->x_stride, there ? t->n : 0, t->out + i * pairs_row(t->n),
     pairs_of(t->n));
}

struct forward_task {
    const struct linear_args *a;
    struct backend *be; /* pairs_a: x */
};

static void forward_panel(void *context, size_t panel, size_t worker)
{
    const struct forward_task *t = context;
    const struct linear_args *a = t->a;
    const size_t at = panel * OPS_PANEL;
    float *w = cpu_scratch(t->be, worker);

    for (size_t from = 0; from < a->k; from += CHUNK) {
        const size_t k = least(a->k - from, CHUNK), pairs = pairs_of(k);
        const float *weight = a->weight + (at * a->k) + from * OPS_PANEL;
        for (size_t j = 0; j < (k + 1) / 2; j++)
            NAMED(pairs_of_rows)
        (weight + 2 * j * OPS_PANEL, 2 * j + 1 < k ? weight + (2 * j + 1) * OPS_PANEL : NULL,
         OPS_PANEL, w + j * OPS_PANEL);
        memset(w + (k + 1) / 2 * OPS_PANEL, 0, (pairs - (k + 1) / 2) * OPS_PANEL * sizeof *w);
        NAMED(pairs_product)
        (&(struct pairs_product){.a = t->be->pairs_a + from / 2,
                                 .a_row = pairs_row(a->k),
                                 .b = w,
                                 .b_row = OPS_PANEL,
                                 .c = a->out + at,
                                 .c_row = a->out_stride,
                                 .m = a->m,
                                 .k = pairs,
                                 .add = from > 0});
    }
    NAMED(finish_panel)(a, at);
}

void NAMED(linear_pairs)(struct backend *be, const struct linear_args *a)
{
    const size_t cost = a->m * a->n * a->k;
    struct rows_task rows = {a->x, a->x_stride, a->m, a->k, be->pairs_a};
    struct forward_task task = {a, be};

    cpu_run(be, pairs_tiles(a->m), cost, pack_row, &rows);
    cpu_run(be, (a->n + OPS_PANEL - 1) / OPS_PANEL, cost, forward_panel, &task);
}

/* ---- dx = dy · weight, as dxᵀ = weightᵀ · dyᵀ ---- */

struct columns_task {
    struct backend *be;
    const float *x;
    size_t x_stride, m, n;
    bool down;  /* pairs are of rows 2i and 2i + 1; else of columns */
    float *out; /* [pairs' columns][out_row] */
    size_t out_row;
};

/* 16 rows of pairs in scratch, then transposed: they become 16 columns. */
static void pack_columns(void *context, size_t block, size_t worker)
{
    const struct columns_task *t = context;
    const size_t first = block * PAIRS_BLOCK, width = t->down ? t->n : pairs_of(t->n);
    float *rows = cpu_scratch(t->be, worker);

    for (size_t from = 0; from < width; from += COLUMNS) {
        const size_t n = least(width - from, COLUMNS), whole = pairs_tiles(n);
        for (size_t i = 0; i < PAIRS_BLOCK; i++) {
            float *row = rows + i * COLUMNS_ROW;
            const size_t even = t->down ? 2 * (first + i) : first + i;
            const float *x = t->x + even * t->x_stride + (t->down ? from : 2 * from);
            const size_t left = t->n > 2 * from ? t->n - 2 * from : 0;
            if (even >= t->m)
                memset(row, 0, whole * sizeof *row);
            else if (!t->down)
                NAMED(pairs_of_row)(x, least(left, 2 * n), row, whole);
            else
                NAMED(pairs_of_rows)(x, even + 1 < t->m ? x + t->x_stride : NULL, n, row);
        }
        NAMED(transpose)
        (&(struct transpose){.in = rows,
                             .in_row = COLUMNS_ROW,
                             .rows = PAIRS_BLOCK,
                             .out = t->out + from * t->out_row + first,
                             .out_row = t->out_row,
                             .m = PAIRS_BLOCK,
                             .n = whole});
    }
}

struct input_task {
    const struct linear_input_args *a;
    const float *dy; /* pairs, transposed: [pairs_of(n)] rows of dy_row */
    size_t dy_row;
    struct backend *be;
};

/* Pairs along n of 32 columns of the weight, which become rows of `pairs`. */
static void pack_weights(const struct linear_input_args *a, size_t at, size_t from, size_t pairs,
                         float *w)
{
    for (size_t c = 0; c < OPS_PANEL; c++)
        for (size_t j = 0; j < pairs; j += PAIRS_BLOCK) {
            const float *weight = a->weight + ((from + 2 * j) * a->k + (at + c) * OPS_PANEL);
            const bool there = at + c < a->k;
            NAMED(pairs_of_row)
            (there ? weight : a->weight, there ? OPS_PANEL : 0, w + c * WEIGHT_ROW + j,
             PAIRS_BLOCK);
        }
}

/* dx[first..first + m)[at..at + 32) from its transpose. */
static void put_input(const struct linear_input_args *a, const float *turned, size_t first,
                      size_t m, size_t at)
{
    float x[PAIRS_BLOCK][OPS_PANEL];

    for (size_t i = 0; i < m; i += PAIRS_BLOCK) {
        NAMED(transpose)
        (&(struct transpose){.in = turned + i,
                             .in_row = TURNED_ROW,
                             .rows = OPS_PANEL,
                             .out = x[0],
                             .out_row = OPS_PANEL,
                             .m = OPS_PANEL,
                             .n = PAIRS_BLOCK});
        for (size_t r = 0; r < PAIRS_BLOCK && i + r < m; r++) {
            const size_t place = (first + i + r) * a->dx_stride + at;
            for (size_t l = 0; l < OPS_PANEL; l += LANES) {
                const lanes sum = lanes_load(x[r] + l);
                lanes_store(a->dx + place + l,
                            a->add ? lanes_add(sum, lanes_load(a->add + place + l)) : sum);
            }
        }
    }
}

static void input_columns(void *context, size_t index, size_t worker)
{
    const struct input_task *t = context;
    const struct linear_input_args *a = t->a;
    const size_t at = index * OPS_PANEL;
    float *w = cpu_scratch(t->be, worker), *turned = w + (size_t)OPS_PANEL * WEIGHT_ROW;

    for (size_t first = 0; first < a->m; first += ROWS_AT_ONCE) {
        const size_t m = least(a->m - first, ROWS_AT_ONCE);
        for (size_t from = 0; from < a->n; from += CHUNK) {
            const size_t pairs = pairs_of(least(a->n - from, CHUNK));
            pack_weights(a, at, from, pairs, w);
            for (size_t i = 0; i < m; i += OPS_PANEL)
                NAMED(pairs_product)
            (&(struct pairs_product){.a = w,
                                     .a_row = WEIGHT_ROW,
                                     .b = t->dy + from / 2 * t->dy_row + first + i,
                                     .b_row = t->dy_row,
                                     .c = turned + i,
                                     .c_row = TURNED_ROW,
                                     .m = OPS_PANEL,
                                     .k = pairs,
                                     .add = from > 0});
        }
        put_input(a, turned, first, m, at);
    }
}

void NAMED(linear_input_pairs)(struct backend *be, const struct linear_input_args *a)
{
    const size_t cost = a->m * a->n * a->k;
    const size_t blocks = pairs_columns(a->m) / PAIRS_BLOCK, row = pairs_columns_row(a->m);
    struct columns_task columns = {be, a->dy, a->dy_stride, a->m, a->n, false, be->pairs_b, row};
    struct input_task task = {a, be->pairs_b, row, be};

    cpu_run(be, blocks, cost, pack_columns, &columns);
    cpu_run(be, (a->k + OPS_PANEL - 1) / OPS_PANEL, cost, input_columns, &task);
}

/* ---- dweight = dyᵀ · x ---- */

struct down_task {
    const float *x;
    size_t x_stride, m, columns;
    float *out; /* rows of pairs_columns_row(columns) */
};

/* The pairs of rows 2i and 2i + 1, or zeros behind the last. */
static void pack_down(void *context, size_t i, size_t worker)
{
    const struct down_task *t = context;
    const float *even = t->x + 2 * i * t->x_stride;
    float *out = t->out + i * pairs_columns_row(t->columns);

    (void)worker;
    if (2 * i < t->m)
        NAMED(pairs_of_rows)(even, 2 * i + 1 < t->m ? even + t->x_stride : NULL, t->columns, out);
    else
        memset(out, 0, t->columns * sizeof *out);
}

struct weight_task {
    const struct linear_weight_args *a;
    const float *x, *dy; /* pairs: x transposed */
};

static void weight_panel(void *context, size_t panel, size_t worker)
{
    const struct weight_task *t = context;
    const struct linear_weight_args *a = t->a;
    const size_t at = panel * OPS_PANEL;

    (void)worker;
    NAMED(pairs_product)
    (&(struct pairs_product){.a = t->x,
                             .a_row = pairs_row(a->m),
                             .b = t->dy + at,
                             .b_row = pairs_columns_row(a->n),
                             .c = a->dweight + at * a->k,
                             .c_row = OPS_PANEL,
                             .m = a->k,
                             .k = pairs_of(a->m),
                             .add = a->accumulate});
    NAMED(sum_bias)(a, at);
}

void NAMED(linear_weight_pairs)(struct backend *be, const struct linear_weight_args *a)
{
    const size_t cost = a->m * a->n * a->k, pairs = pairs_of(a->m), columns = pairs_columns(a->n);
    struct down_task down = {a->dy, a->dy_stride, a->m, columns, be->pairs_b};
    struct columns_task turned = {be,   a->x, a->x_stride, a->m,
                                  a->k, true, be->pairs_a, pairs_row(a->m)};
    struct weight_task task = {a, be->pairs_a, be->pairs_b};

    cpu_run(be, pairs, cost, pack_down, &down);
    cpu_run(be, pairs / PAIRS_BLOCK, cost, pack_columns, &turned);
    cpu_run(be, columns / OPS_PANEL, cost, weight_panel, &task);
}
