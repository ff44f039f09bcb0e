/*
 * bf16_linear: the three products of a linear layer in bfloat16.
 *
 * Operands are rounded where they are used: weights panel by panel, in each thread's scratch, so
 * that no second copy of them is kept; activations once an operation, in memory that all threads
 * read. Each product is arranged so that the larger operand need not be transposed.
 */
#include "kernels/cpu/bf16.h"

enum {
    CHUNK = 2048,                       /* of the index that is summed over, at a time */
    WEIGHT_ROW = CHUNK / 2 + BF16_SKEW, /* floats of a row of weights in scratch */
    ROWS_AT_ONCE = 4096,                /* of dx */
    TRANSPOSED_ROW = ROWS_AT_ONCE + BF16_SKEW,
    COLUMNS = 1 << 14, /* pairs of a row that are transposed at a time */
    COLUMNS_ROW = COLUMNS + BF16_SKEW,
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- out = x · weightᵀ ---- */

struct rows_task {
    const float *x;
    size_t x_stride, m, n;
    float *out; /* rows of bf16_row(n) */
};

/* A row of pairs; after the last row, zeros. */
static void pack_row(void *context, size_t i, size_t worker)
{
    const struct rows_task *t = context;
    const bool there = i < t->m;

    (void)worker;
    NAMED(bf16_pack_row)
    (t->x + (there ? i : 0) * t->x_stride, there ? t->n : 0, t->out + i * bf16_row(t->n),
     bf16_pairs(t->n));
}

struct forward_task {
    const struct linear_args *a;
    struct backend *be; /* bf16_a: x */
};

static void forward_panel(void *context, size_t panel, size_t worker)
{
    const struct forward_task *t = context;
    const struct linear_args *a = t->a;
    const size_t at = panel * OPS_PANEL;
    float *w = cpu_scratch(t->be, worker);

    for (size_t from = 0; from < a->k; from += CHUNK) {
        const size_t k = least(a->k - from, CHUNK), pairs = bf16_pairs(k);
        const float *weight = a->weight + (at * a->k) + from * OPS_PANEL;
        for (size_t j = 0; j < (k + 1) / 2; j++)
            NAMED(bf16_pack_two_rows)
        (weight + 2 * j * OPS_PANEL, 2 * j + 1 < k ? weight + (2 * j + 1) * OPS_PANEL : NULL,
         OPS_PANEL, w + j * OPS_PANEL);
        memset(w + (k + 1) / 2 * OPS_PANEL, 0, (pairs - (k + 1) / 2) * OPS_PANEL * sizeof *w);
        NAMED(bf16_product)
        (&(struct bf16_product){.a = t->be->bf16_a + from / 2,
                                .a_row = bf16_row(a->k),
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

void NAMED(bf16_linear)(struct backend *be, const struct linear_args *a)
{
    const size_t cost = a->m * a->n * a->k;
    struct rows_task rows = {a->x, a->x_stride, a->m, a->k, be->bf16_a};
    struct forward_task task = {a, be};

    cpu_run(be, bf16_tiles(a->m), cost, pack_row, &rows);
    cpu_run(be, (a->n + OPS_PANEL - 1) / OPS_PANEL, cost, forward_panel, &task);
}

/* ---- dx = dy · weight, as dxᵀ = weightᵀ · dyᵀ ---- */

struct columns_task {
    struct backend *be;
    const float *x;
    size_t x_stride, m, n;
    bool two_rows; /* a pair is of rows 2i and 2i + 1; otherwise of columns 2i and 2i + 1 */
    float *out;    /* [pairs' columns][out_row] */
    size_t out_row;
};

/* 16 rows of pairs in scratch, then transposed: they become 16 columns. */
static void pack_columns(void *context, size_t block, size_t worker)
{
    const struct columns_task *t = context;
    const size_t first = block * BF16_BLOCK, width = t->two_rows ? t->n : bf16_pairs(t->n);
    float *rows = cpu_scratch(t->be, worker);

    for (size_t from = 0; from < width; from += COLUMNS) {
        const size_t n = least(width - from, COLUMNS), whole = bf16_tiles(n);
        for (size_t i = 0; i < BF16_BLOCK; i++) {
            float *row = rows + i * COLUMNS_ROW;
            const size_t even = t->two_rows ? 2 * (first + i) : first + i;
            const float *x = t->x + even * t->x_stride + (t->two_rows ? from : 2 * from);
            const size_t left = t->n > 2 * from ? t->n - 2 * from : 0;
            if (even >= t->m)
                memset(row, 0, whole * sizeof *row);
            else if (!t->two_rows)
                NAMED(bf16_pack_row)(x, least(left, 2 * n), row, whole);
            else
                NAMED(bf16_pack_two_rows)(x, even + 1 < t->m ? x + t->x_stride : NULL, n, row);
        }
        NAMED(transpose)
        (&(struct transpose){.in = rows,
                             .in_row = COLUMNS_ROW,
                             .rows = BF16_BLOCK,
                             .out = t->out + from * t->out_row + first,
                             .out_row = t->out_row,
                             .m = BF16_BLOCK,
                             .n = whole});
    }
}

struct input_task {
    const struct linear_input_args *a;
    const float *dy; /* pairs, transposed: [bf16_pairs(n)] rows of dy_row */
    size_t dy_row;
    struct backend *be;
};

/* Pairs along n of 32 columns of the weight, which become rows of `pairs`. */
static void pack_weights(const struct linear_input_args *a, size_t at, size_t from, size_t pairs,
                         float *w)
{
    for (size_t c = 0; c < OPS_PANEL; c++)
        for (size_t j = 0; j < pairs; j += BF16_BLOCK) {
            const float *weight = a->weight + ((from + 2 * j) * a->k + (at + c) * OPS_PANEL);
            const bool there = at + c < a->k;
            NAMED(bf16_pack_row)
            (there ? weight : a->weight, there ? OPS_PANEL : 0, w + c * WEIGHT_ROW + j, BF16_BLOCK);
        }
}

/* dx[first..first + m)[at..at + 32) from its transpose. */
static void put_input(const struct linear_input_args *a, const float *transposed, size_t first,
                      size_t m, size_t at)
{
    float x[BF16_BLOCK][OPS_PANEL];

    for (size_t i = 0; i < m; i += BF16_BLOCK) {
        NAMED(transpose)
        (&(struct transpose){.in = transposed + i,
                             .in_row = TRANSPOSED_ROW,
                             .rows = OPS_PANEL,
                             .out = x[0],
                             .out_row = OPS_PANEL,
                             .m = OPS_PANEL,
                             .n = BF16_BLOCK});
        for (size_t r = 0; r < BF16_BLOCK && i + r < m; r++) {
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
    float *w = cpu_scratch(t->be, worker), *transposed = w + (size_t)OPS_PANEL * WEIGHT_ROW;

    for (size_t first = 0; first < a->m; first += ROWS_AT_ONCE) {
        const size_t m = least(a->m - first, ROWS_AT_ONCE);
        for (size_t from = 0; from < a->n; from += CHUNK) {
            const size_t pairs = bf16_pairs(least(a->n - from, CHUNK));
            pack_weights(a, at, from, pairs, w);
            for (size_t i = 0; i < m; i += OPS_PANEL)
                NAMED(bf16_product)
            (&(struct bf16_product){.a = w,
                                    .a_row = WEIGHT_ROW,
                                    .b = t->dy + from / 2 * t->dy_row + first + i,
                                    .b_row = t->dy_row,
                                    .c = transposed + i,
                                    .c_row = TRANSPOSED_ROW,
                                    .m = OPS_PANEL,
                                    .k = pairs,
                                    .add = from > 0});
        }
        put_input(a, transposed, first, m, at);
    }
}

void NAMED(bf16_linear_input)(struct backend *be, const struct linear_input_args *a)
{
    const size_t cost = a->m * a->n * a->k;
    const size_t blocks = bf16_columns(a->m) / BF16_BLOCK, row = bf16_columns_row(a->m);
    struct columns_task columns = {be, a->dy, a->dy_stride, a->m, a->n, false, be->bf16_b, row};
    struct input_task task = {a, be->bf16_b, row, be};

    cpu_run(be, blocks, cost, pack_columns, &columns);
    cpu_run(be, (a->k + OPS_PANEL - 1) / OPS_PANEL, cost, input_columns, &task);
}

/* ---- dweight = dyᵀ · x ---- */

struct two_rows_task {
    const float *x;
    size_t x_stride, m, columns;
    float *out; /* rows of bf16_columns_row(columns) */
};

/* The pairs of rows 2i and 2i + 1; after the last row, zeros. */
static void pack_two_rows(void *context, size_t i, size_t worker)
{
    const struct two_rows_task *t = context;
    const float *even = t->x + 2 * i * t->x_stride;
    float *out = t->out + i * bf16_columns_row(t->columns);

    (void)worker;
    if (2 * i < t->m)
        NAMED(bf16_pack_two_rows)
    (even, 2 * i + 1 < t->m ? even + t->x_stride : NULL, t->columns, out);
    else memset(out, 0, t->columns * sizeof *out);
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
    NAMED(bf16_product)
    (&(struct bf16_product){.a = t->x,
                            .a_row = bf16_row(a->m),
                            .b = t->dy + at,
                            .b_row = bf16_columns_row(a->n),
                            .c = a->dweight + at * a->k,
                            .c_row = OPS_PANEL,
                            .m = a->k,
                            .k = bf16_pairs(a->m),
                            .add = a->accumulate});
    NAMED(sum_bias)(a, at);
}

void NAMED(bf16_linear_weight)(struct backend *be, const struct linear_weight_args *a)
{
    const size_t cost = a->m * a->n * a->k, pairs = bf16_pairs(a->m), columns = bf16_columns(a->n);
    struct two_rows_task dy = {a->dy, a->dy_stride, a->m, columns, be->bf16_b};
    struct columns_task transposed = {be,   a->x, a->x_stride, a->m,
                                      a->k, true, be->bf16_a,  bf16_row(a->m)};
    struct weight_task task = {a, be->bf16_a, be->bf16_b};

    cpu_run(be, pairs, cost, pack_two_rows, &dy);
    cpu_run(be, pairs / BF16_BLOCK, cost, pack_columns, &transposed);
    cpu_run(be, columns / OPS_PANEL, cost, weight_panel, &task);
}
