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

static void forward_panel(void *context, size_t panel, size_t worker)
{
    const struct linear_task *t = context;
    const size_t at = panel * CPU_PANEL;
    float *w = cpu_scratch(t->cpu, worker);

    for (size_t from = 0; from < t->k; from += CHUNK) {
        const size_t k = least(t->k - from, CHUNK), pairs = bf16_pairs(k);
        const float *weight = t->weight + (at * t->k) + from * CPU_PANEL;
        for (size_t j = 0; j < (k + 1) / 2; j++)
            NAMED(bf16_pack_two_rows)
        (weight + 2 * j * CPU_PANEL, 2 * j + 1 < k ? weight + (2 * j + 1) * CPU_PANEL : NULL,
         CPU_PANEL, w + j * CPU_PANEL);
        memset(w + (k + 1) / 2 * CPU_PANEL, 0, (pairs - (k + 1) / 2) * CPU_PANEL * sizeof *w);
        NAMED(bf16_product)
        (&(struct bf16_product){.a = t->cpu->bf16_a + from / 2,
                                .a_row = bf16_row(t->k),
                                .b = w,
                                .b_row = CPU_PANEL,
                                .c = cpu_row(t->a->out, 0) + at,
                                .c_row = t->a->out.stride,
                                .m = t->a->m,
                                .k = pairs,
                                .add = from > 0});
    }
    NAMED(finish_panel)(t, at);
}

void NAMED(bf16_linear)(struct linear_task *t)
{
    const size_t m = t->a->m, cost = m * t->n * t->k;
    struct rows_task rows = {t->a->x.at, t->a->x.stride, m, t->k, t->cpu->bf16_a};

    cpu_run(t->cpu, bf16_tiles(m), cost, pack_row, &rows);
    cpu_run(t->cpu, (t->n + CPU_PANEL - 1) / CPU_PANEL, cost, forward_panel, t);
}

/* ---- dx = dy · weight, as dxᵀ = weightᵀ · dyᵀ ---- */

struct columns_task {
    struct cpu *cpu;
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
    float *rows = cpu_scratch(t->cpu, worker);

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
    const struct linear_input_task *of;
    const float *dy; /* pairs, transposed: [bf16_pairs(n)] rows of dy_row */
    size_t dy_row;
};

/* Pairs along n of 32 columns of the weight, which become rows of `pairs`. */
static void pack_weights(const struct linear_input_task *t, size_t at, size_t from, size_t pairs,
                         float *w)
{
    for (size_t c = 0; c < CPU_PANEL; c++)
        for (size_t j = 0; j < pairs; j += BF16_BLOCK) {
            const float *weight = t->weight + ((from + 2 * j) * t->k + (at + c) * CPU_PANEL);
            const bool there = at + c < t->k;
            NAMED(bf16_pack_row)
            (there ? weight : t->weight, there ? CPU_PANEL : 0, w + c * WEIGHT_ROW + j, BF16_BLOCK);
        }
}

/* dx[first..first + m)[at..at + 32) from its transpose. */
static void put_input(const struct linear_input_args *a, const float *transposed, size_t first,
                      size_t m, size_t at)
{
    float x[BF16_BLOCK][CPU_PANEL];

    for (size_t i = 0; i < m; i += BF16_BLOCK) {
        NAMED(transpose)
        (&(struct transpose){.in = transposed + i,
                             .in_row = TRANSPOSED_ROW,
                             .rows = CPU_PANEL,
                             .out = x[0],
                             .out_row = CPU_PANEL,
                             .m = CPU_PANEL,
                             .n = BF16_BLOCK});
        for (size_t r = 0; r < BF16_BLOCK && i + r < m; r++) {
            const size_t row = first + i + r;
            for (size_t l = 0; l < CPU_PANEL; l += LANES) {
                const lanes sum = lanes_load(x[r] + l);
                lanes_store(cpu_row(a->dx, row) + at + l,
                            a->add.at ? lanes_add(sum, lanes_load(cpu_row(a->add, row) + at + l))
                                      : sum);
            }
        }
    }
}

static void input_columns(void *context, size_t index, size_t worker)
{
    const struct input_task *t = context;
    const struct linear_input_args *a = t->of->a;
    const size_t at = index * CPU_PANEL, n = t->of->n;
    float *w = cpu_scratch(t->of->cpu, worker), *transposed = w + (size_t)CPU_PANEL * WEIGHT_ROW;

    for (size_t first = 0; first < a->m; first += ROWS_AT_ONCE) {
        const size_t m = least(a->m - first, ROWS_AT_ONCE);
        for (size_t from = 0; from < n; from += CHUNK) {
            const size_t pairs = bf16_pairs(least(n - from, CHUNK));
            pack_weights(t->of, at, from, pairs, w);
            for (size_t i = 0; i < m; i += CPU_PANEL)
                NAMED(bf16_product)
            (&(struct bf16_product){.a = w,
                                    .a_row = WEIGHT_ROW,
                                    .b = t->dy + from / 2 * t->dy_row + first + i,
                                    .b_row = t->dy_row,
                                    .c = transposed + i,
                                    .c_row = TRANSPOSED_ROW,
                                    .m = CPU_PANEL,
                                    .k = pairs,
                                    .add = from > 0});
        }
        put_input(a, transposed, first, m, at);
    }
}

void NAMED(bf16_linear_input)(struct linear_input_task *t)
{
    struct cpu *c = t->cpu;
    const struct linear_input_args *a = t->a;
    const size_t cost = a->m * t->n * t->k;
    const size_t blocks = bf16_columns(a->m) / BF16_BLOCK, row = bf16_columns_row(a->m);
    struct columns_task columns = {c, a->dy.at, a->dy.stride, a->m, t->n, false, c->bf16_b, row};
    struct input_task task = {t, c->bf16_b, row};

    cpu_run(c, blocks, cost, pack_columns, &columns);
    cpu_run(c, (t->k + CPU_PANEL - 1) / CPU_PANEL, cost, input_columns, &task);
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
    const struct linear_weight_task *of;
    const float *x, *dy; /* pairs: x transposed */
};

static void weight_panel(void *context, size_t panel, size_t worker)
{
    const struct weight_task *t = context;
    const size_t at = panel * CPU_PANEL, m = t->of->a->m;

    (void)worker;
    NAMED(bf16_product)
    (&(struct bf16_product){.a = t->x,
                            .a_row = bf16_row(m),
                            .b = t->dy + at,
                            .b_row = bf16_columns_row(t->of->n),
                            .c = t->of->dweight + at * t->of->k,
                            .c_row = CPU_PANEL,
                            .m = t->of->k,
                            .k = bf16_pairs(m)});
    NAMED(sum_bias)(t->of, at);
}

void NAMED(bf16_linear_weight)(struct linear_weight_task *t)
{
    struct cpu *c = t->cpu;
    const struct linear_weight_args *a = t->a;
    const size_t cost = a->m * t->n * t->k;
    const size_t pairs = bf16_pairs(a->m), columns = bf16_columns(t->n);
    struct two_rows_task dy = {a->dy.at, a->dy.stride, a->m, columns, c->bf16_b};
    struct columns_task transposed = {c,    a->x.at, a->x.stride, a->m,
                                      t->k, true,    c->bf16_a,   bf16_row(a->m)};
    struct weight_task task = {t, c->bf16_a, c->bf16_b};

    cpu_run(c, pairs, cost, pack_two_rows, &dy);
    cpu_run(c, pairs / BF16_BLOCK, cost, pack_columns, &transposed);
    cpu_run(c, columns / CPU_PANEL, cost, weight_panel, &task);
}
