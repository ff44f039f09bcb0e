/*
 * bf16_linear: the three products of a linear layer in bfloat16, out of products of pairs.
 *
 * Weights are there rounded, and so are most activations; the others are rounded once an operation,
 * in memory that all threads read. Each product is arranged so that no weight is transposed: only
 * activations are.
 */
#include "kernels/cpu/bf16.h"

enum {
    CHUNK = 2048,                       /* of the index that is summed over, at a time: at most */
    WEIGHT_ROW = CHUNK / 2 + BF16_SKEW, /* floats of a row of weights in scratch */
    FORWARD_ROWS = 96,                  /* of out: whole tiles in both orders */
    ROWS_AT_ONCE = 4096,                /* of dx, times the panels of a task */
    COLUMNS = 1 << 14,                  /* pairs of a row that are transposed at a time */
    COLUMNS_ROW = COLUMNS + BF16_SKEW,
};

static bool in_tiles(const struct cpu *c)
{
    return c->product == OPS_PRODUCT_BF16_TILE;
}

static size_t chunk_of(const struct cpu *c)
{
    return in_tiles(c) ? CHUNK : 2 * BF16_DOT_BLOCK;
}

/* The pairs that n values take. */
static size_t pairs_of(const struct cpu *c, size_t n)
{
    return in_tiles(c) ? bf16_pairs(n) : (n + 1) / 2;
}

static void product(const struct cpu *c, const struct bf16_product *p)
{
#if HPO_DOT
    if (!in_tiles(c)) {
        NAMED(bf16_dot)(p);
        return;
    }
#endif
    (void)c;
    NAMED(bf16_tile)(p);
}

/* Pairs of rows 2j and 2j + 1 of 32 columns, for j below `pairs`; after n rows, zeros. */
static void pack_panel(const bf16 *rows, size_t row, size_t n, size_t pairs, float *out)
{
    for (size_t j = 0; j < (n + 1) / 2; j++)
        NAMED(bf16_interleave)
    (rows + 2 * j * row, 2 * j + 1 < n ? rows + (2 * j + 1) * row : NULL, BF16_PANEL,
     out + j * BF16_PANEL);
    memset(out + (n + 1) / 2 * BF16_PANEL, 0, (pairs - (n + 1) / 2) * BF16_PANEL * sizeof *out);
}

/*
 * Weights come from memory while those before them are multiplied, a piece of 2 KB (32 rows of 32
 * values) after the other: `pieces` of them lie `step` values apart.
 */
struct ahead {
    const bf16 *from;
    size_t step, pieces;
};

/* Of `parts` equal parts the one with this number. */
static void fetch(const struct ahead *a, size_t part, size_t parts)
{
    for (size_t p = a->pieces * part / parts; p < a->pieces * (part + 1) / parts; p++)
        for (size_t i = 0; i < (size_t)CPU_PANEL * CPU_PANEL; i += CPU_PANEL)
            __builtin_prefetch(a->from + p * a->step + i, 0, 2);
}

/* ---- out = x · weightᵀ ---- */

struct forward_task {
    const struct linear_task *of;
    const bf16 *weight;
    const float *x; /* rows of pairs */
    size_t x_row;
};

static void pack_row(void *context, size_t i, size_t worker)
{
    const struct linear_task *t = context;
    bf16 *out = (bf16 *)(t->cpu->bf16_a + i * bf16_row(t->k));

    (void)worker;
    NAMED(bf16_round)(cpu_row(t->a->x, i), t->k, out);
    memset(out + t->k, 0, (2 * bf16_pairs(t->k) - t->k) * sizeof *out);
}

static void forward_panel(void *context, size_t panel, size_t worker)
{
    const struct forward_task *task = context;
    const struct linear_task *t = task->of;
    const size_t at = panel * CPU_PANEL, m = t->a->m, chunk = chunk_of(t->cpu);
    float *w = cpu_scratch(t->cpu, worker);

    for (size_t from = 0; from < t->k; from += chunk) {
        const size_t k = bf16_least(t->k - from, chunk), pairs = pairs_of(t->cpu, k);
        const bf16 *weight = task->weight + at * t->k + from * CPU_PANEL;
        const struct ahead next = {weight + k * CPU_PANEL, (size_t)CPU_PANEL * CPU_PANEL,
                                   k / CPU_PANEL};
        pack_panel(weight, CPU_PANEL, k, pairs, w);
        for (size_t i = 0; i < m; i += FORWARD_ROWS) {
            fetch(&next, i / FORWARD_ROWS, (m + FORWARD_ROWS - 1) / FORWARD_ROWS);
            product(t->cpu, &(struct bf16_product){.a = task->x + i * task->x_row + from / 2,
                                                   .a_row = task->x_row,
                                                   .b = w,
                                                   .b_row = CPU_PANEL,
                                                   .c = cpu_row(t->a->out, i) + at,
                                                   .c_row = t->a->out.stride,
                                                   .m = bf16_least(m - i, FORWARD_ROWS),
                                                   .k = pairs,
                                                   .columns = CPU_PANEL,
                                                   .add = from > 0});
        }
    }
    NAMED(finish_panel)(t, at);
}

void NAMED(bf16_linear)(struct linear_task *t)
{
    struct cpu *c = t->cpu;
    const struct ops_rows x = t->a->x;
    const bool there = x.type == OPS_BF16;
    const size_t m = t->a->m, cost = m * t->n * t->k;
    struct forward_task task = {t, cpu_rounded(c, t->a->weight), there ? x.at : c->bf16_a,
                                there ? x.stride / 2 : bf16_row(t->k)};

    if (!there)
        cpu_run(c, m, cost, pack_row, t);
    cpu_run(c, (t->n + CPU_PANEL - 1) / CPU_PANEL, cost, forward_panel, &task);
}

/* ---- dx = dy · weight, as dxᵀ = weightᵀ · dyᵀ ---- */

/* Where 16 rows of dy, from row 16 · block on, become columns: they lie in panels [pairs][32], of
 * which the last has 16 columns where those are enough. */
struct place {
    size_t at, row;
};

struct input_task {
    const struct linear_input_task *of;
    const bf16 *weight;
    size_t columns; /* of dyᵀ: m in whole vectors, for tiles in whole panels */
    size_t pairs;   /* of a row of dy, in whole blocks */
    size_t panels;  /* of 32 columns of dx that are one task */
};

static struct place place_of(const struct input_task *t, size_t row)
{
    const size_t panel = row / BF16_PANEL, width = t->columns - panel * BF16_PANEL;

    return (struct place){panel * BF16_PANEL * t->pairs + row % BF16_PANEL,
                          bf16_least(width, BF16_PANEL)};
}

static void transpose_rows(const float *rows, size_t row, size_t there, size_t n, float *out,
                           size_t out_row)
{
    NAMED(transpose)
    (&(struct transpose){.in = rows,
                         .in_row = row,
                         .rows = there,
                         .out = out,
                         .out_row = out_row,
                         .m = BF16_BLOCK,
                         .n = n});
}

static void pack_columns(void *context, size_t block, size_t worker)
{
    const struct input_task *t = context;
    const struct ops_rows dy = t->of->a->dy;
    const size_t first = block * BF16_BLOCK, n = t->of->n;
    const size_t there = t->of->a->m > first ? t->of->a->m - first : 0;
    const struct place to = place_of(t, first);
    float *out = t->of->cpu->bf16_b + to.at, *rows = cpu_scratch(t->of->cpu, worker);

    if (dy.type == OPS_BF16) {
        const float *from = (const float *)dy.at + (there ? first : 0) * dy.stride / 2;
        transpose_rows(from, dy.stride / 2, there, t->pairs, out, to.row);
        return;
    }
    for (size_t from = 0; from < t->pairs; from += COLUMNS) {
        const size_t pairs = bf16_least(t->pairs - from, COLUMNS);
        const size_t width = bf16_least(n - 2 * from, 2 * pairs);
        for (size_t i = 0; i < BF16_BLOCK && i < there; i++) {
            bf16 *row = (bf16 *)(rows + i * COLUMNS_ROW);
            NAMED(bf16_round)(cpu_row(dy, first + i) + 2 * from, width, row);
            memset(row + width, 0, (2 * pairs - width) * sizeof *row);
        }
        transpose_rows(rows, COLUMNS_ROW, there, pairs, out + from * to.row, to.row);
    }
}

/* Pairs along n, from row `from` on, of 32 columns of the weight, which become rows. */
static void pack_weights(const struct input_task *t, size_t at, size_t from, size_t pairs, float *w)
{
    const size_t k = t->of->k, columns = bf16_least(k - at, CPU_PANEL);

    for (size_t j = 0; j < pairs; j += BF16_BLOCK) {
        const bf16 *panel = t->weight + (from + 2 * j) * k + at * CPU_PANEL;
        for (size_t c = 0; c < columns; c++)
            memcpy(w + c * WEIGHT_ROW + j, panel + c * CPU_PANEL, CPU_PANEL * sizeof *panel);
    }
    for (size_t c = columns; c < CPU_PANEL; c++)
        memset(w + c * WEIGHT_ROW, 0, pairs * sizeof *w);
}

/* dx[first..first + m)[at..at + 32) from its transpose. */
static void put_input(const struct linear_input_args *a, const float *transposed, size_t row,
                      size_t first, size_t m, size_t at)
{
    float x[BF16_BLOCK][CPU_PANEL];

    for (size_t i = 0; i < m; i += BF16_BLOCK) {
        NAMED(transpose)
        (&(struct transpose){.in = transposed + i,
                             .in_row = row,
                             .rows = CPU_PANEL,
                             .out = x[0],
                             .out_row = CPU_PANEL,
                             .m = CPU_PANEL,
                             .n = BF16_BLOCK});
        for (size_t r = 0; r < BF16_BLOCK && i + r < m; r++) {
            const size_t to = first + i + r;
            for (size_t l = 0; l < CPU_PANEL; l += LANES) {
                const lanes sum = lanes_load(x[r] + l);
                lanes_store(cpu_row(a->dx, to) + at + l,
                            a->add.at ? lanes_add(sum, lanes_load(cpu_row(a->add, to) + at + l))
                                      : sum);
            }
        }
    }
}

/* Rows [from, from + n) of the weight: what they add to 32 columns, for rows [first, first + m). */
static void add_rows(const struct input_task *t, size_t at, size_t from, size_t n, size_t first,
                     size_t m, float *w, float *out, size_t out_row)
{
    const size_t pairs = pairs_of(t->of->cpu, n), k = t->of->k;
    const struct ahead next = {t->weight + from * k + (at + CPU_PANEL) * CPU_PANEL, CPU_PANEL * k,
                               n / CPU_PANEL};

    pack_weights(t, at, from, pairs, w);
    for (size_t i = 0; i < m; i += BF16_PANEL) {
        const struct place dy = place_of(t, first + i);
        fetch(&next, i / BF16_PANEL, (m + BF16_PANEL - 1) / BF16_PANEL);
        product(t->of->cpu,
                &(struct bf16_product){.a = w,
                                       .a_row = WEIGHT_ROW,
                                       .b = t->of->cpu->bf16_b + dy.at + from / 2 * dy.row,
                                       .b_row = dy.row,
                                       .c = out + i,
                                       .c_row = out_row,
                                       .m = CPU_PANEL,
                                       .k = pairs,
                                       .columns = dy.row,
                                       .add = from > 0});
    }
}

/* Some panels of dx: all of them meet a chunk of dyᵀ while it is in cache. */
static void input_columns(void *context, size_t index, size_t worker)
{
    const struct input_task *t = context;
    const struct linear_input_args *a = t->of->a;
    const size_t begin = index * t->panels * CPU_PANEL, n = t->of->n, chunk = chunk_of(t->of->cpu);
    const size_t end = bf16_least(t->of->k, begin + t->panels * CPU_PANEL);
    const size_t rows = ROWS_AT_ONCE / t->panels / BF16_PANEL * BF16_PANEL, row = rows + BF16_SKEW;
    float *w = cpu_scratch(t->of->cpu, worker), *transposed = w + (size_t)CPU_PANEL * WEIGHT_ROW;

    for (size_t first = 0; first < a->m; first += rows) {
        const size_t m = bf16_least(a->m - first, rows);
        for (size_t from = 0; from < n; from += chunk)
            for (size_t at = begin; at < end; at += CPU_PANEL)
                add_rows(t, at, from, bf16_least(n - from, chunk), first, m, w,
                         transposed + (at - begin) * row, row);
        for (size_t at = begin; at < end; at += CPU_PANEL)
            put_input(a, transposed + (at - begin) * row, row, first, m, at);
    }
}

/* As many panels as leave every thread some tasks. */
static size_t panels_of_task(struct cpu *c, size_t panels)
{
    const size_t wanted = panels / (4 * threads_count(c->threads));

    return wanted < 1 ? 1 : bf16_least(wanted, 16);
}

void NAMED(bf16_linear_input)(struct linear_input_task *t)
{
    struct cpu *c = t->cpu;
    const size_t m = t->a->m, cost = m * t->n * t->k;
    const size_t panels = (t->k + CPU_PANEL - 1) / CPU_PANEL;
    struct input_task task = {t, cpu_rounded(c, t->a->weight),
                              in_tiles(c) ? bf16_columns(m) : bf16_tiles(m), bf16_pairs(t->n),
                              panels_of_task(c, panels)};

    cpu_run(c, task.columns / BF16_BLOCK, cost, pack_columns, &task);
    cpu_run(c, (panels + task.panels - 1) / task.panels, cost, input_columns, &task);
}

/* ---- dweight = dyᵀ · x ---- */

/* 16 pairs of rows of x in scratch, then transposed: they become 16 columns. */
static void pack_pairs(void *context, size_t block, size_t worker)
{
    const struct linear_weight_task *t = context;
    const size_t m = t->a->m, first = block * BF16_BLOCK, width = bf16_columns(t->k);
    float *rows = cpu_scratch(t->cpu, worker);
    bf16 *even = (bf16 *)(rows + (size_t)BF16_BLOCK * COLUMNS_ROW), *odd = even + COLUMNS;

    for (size_t from = 0; from < width; from += COLUMNS) {
        const size_t n = bf16_least(width - from, COLUMNS);
        for (size_t i = 0; i < BF16_BLOCK && 2 * (first + i) < m; i++) {
            const size_t row = 2 * (first + i);
            NAMED(bf16_interleave)
            (bf16_operand(t->a->x, row, from, n, even),
             row + 1 < m ? bf16_operand(t->a->x, row + 1, from, n, odd) : NULL, n,
             rows + i * COLUMNS_ROW);
        }
        transpose_rows(rows, COLUMNS_ROW, (m + 1) / 2 > first ? (m + 1) / 2 - first : 0,
                       bf16_least(n, bf16_tiles(t->k) - from),
                       t->cpu->bf16_a + from * bf16_row(m) + first, bf16_row(m));
    }
}

/* Rows [from, from + m) of 32 columns of dy as pairs. */
static void pack_outputs(const struct linear_weight_task *t, size_t at, size_t from, size_t m,
                         size_t pairs, float *out)
{
    const struct ops_rows dy = t->a->dy;
    bf16 *rows = (bf16 *)(out + (size_t)CHUNK / 2 * BF16_PANEL);

    if (dy.type == OPS_BF16) {
        pack_panel((const bf16 *)dy.at + from * dy.stride + at, dy.stride, m, pairs, out);
        return;
    }
    for (size_t i = 0; i < m; i++)
        NAMED(bf16_round)(cpu_row(dy, from + i) + at, CPU_PANEL, rows + i * CPU_PANEL);
    pack_panel(rows, CPU_PANEL, m, pairs, out);
}

static void weight_panel(void *context, size_t panel, size_t worker)
{
    const struct linear_weight_task *t = context;
    const size_t at = panel * CPU_PANEL, m = t->a->m, chunk = chunk_of(t->cpu);
    float *dy = cpu_scratch(t->cpu, worker);

    for (size_t from = 0; from < m; from += chunk) {
        const size_t rows = bf16_least(m - from, chunk), pairs = pairs_of(t->cpu, rows);
        pack_outputs(t, at, from, rows, pairs, dy);
        product(t->cpu, &(struct bf16_product){.a = t->cpu->bf16_a + from / 2,
                                               .a_row = bf16_row(m),
                                               .b = dy,
                                               .b_row = BF16_PANEL,
                                               .c = t->dweight + at * t->k,
                                               .c_row = CPU_PANEL,
                                               .m = t->k,
                                               .k = pairs,
                                               .columns = CPU_PANEL,
                                               .add = from > 0,
                                               .stream = m <= chunk});
    }
    NAMED(sum_bias)(t, at);
}

void NAMED(bf16_linear_weight)(struct linear_weight_task *t)
{
    struct cpu *c = t->cpu;
    const size_t cost = t->a->m * t->n * t->k;

    cpu_run(c, bf16_pairs(t->a->m) / BF16_BLOCK, cost, pack_pairs, t);
    cpu_run(c, (t->n + CPU_PANEL - 1) / CPU_PANEL, cost, weight_panel, t);
}
