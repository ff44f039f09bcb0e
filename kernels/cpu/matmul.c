/*
 * matmul: the three products of a linear layer, each out of one product of rows by a panel of 32
 * columns. A tile of the product lives in registers: 12 × 32 with AVX-512, 6 × 16 with AVX2. Rows
 * are dealt to tiles as evenly as they go. Tiling changes no bit: an element is the same chains of
 * fused multiply-adds, whichever tile it falls into. Start at struct product, then linear.
 */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tiles.h"

/* cpu.h promises sums over blocks of 512 in k: short chains round less, and a panel's block stays
 * in cache while all rows pass over it. */
enum { BLOCK_K = 512, PANEL_LANES = CPU_PANEL / LANES };

/* rows and by_column are constants where this is expanded. */
INLINE void tile(size_t rows, bool by_column, const struct product *p, const float *a,
                 const float *b, float *c, size_t k)
{
    const size_t a_row = by_column ? 1 : p->a_row, a_step = by_column ? p->a_step : 1;
    lanes sum[TILE_ROWS][TILE_LANES];

    UNROLLED
    for (size_t i = 0; i < rows; i++) {
        UNROLLED
        for (size_t l = 0; l < TILE_LANES; l++)
            sum[i][l] = lanes_all(0.0f);
    }
    for (size_t j = 0; j < k; j++) {
        lanes column[TILE_LANES];
        UNROLLED
        for (size_t l = 0; l < TILE_LANES; l++)
            column[l] = lanes_load(b + l * LANES);
        UNROLLED
        for (size_t i = 0; i < rows; i++) {
            const lanes factor = lanes_all(a[i * a_row]);
            UNROLLED
            for (size_t l = 0; l < TILE_LANES; l++)
                sum[i][l] = lanes_fma(factor, column[l], sum[i][l]);
        }
        a += a_step;
        b += p->b_step;
    }
    UNROLLED
    for (size_t i = 0; i < rows; i++) {
        UNROLLED
        for (size_t l = 0; l < TILE_LANES; l++) {
            float *at = c + i * p->c_row + l * LANES;
            lanes_store(at, p->add ? lanes_add(lanes_load(at), sum[i][l]) : sum[i][l]);
        }
    }
}

#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        tile(n, by_column, p, a, b, c, p->k);                                                      \
        break;

INLINE void tile_of(size_t rows, bool by_column, const struct product *p, const float *a,
                    const float *b, float *c)
{
    switch (rows) {
        TILE_CASES
    default:
        break;
    }
}

INLINE void all_tiles(bool by_column, const struct product *p)
{
    for (size_t t = 0, done = 0, rows; done < p->m; t++, done += rows) {
        rows = tile_rows(p->m, done, t);
        for (size_t l = 0; l < PANEL_LANES; l += TILE_LANES)
            tile_of(rows, by_column, p, p->a + done * p->a_row, p->b + l * LANES,
                    p->c + done * p->c_row + l * LANES);
    }
}

static void by_columns(const struct product *p)
{
    all_tiles(true, p);
}

static void by_rows(const struct product *p)
{
    all_tiles(false, p);
}

void NAMED(product)(const struct product *p)
{
    struct product block = *p;

    for (size_t from = 0; from < p->k || from == 0; from += BLOCK_K) {
        block.k = p->k - from < BLOCK_K ? p->k - from : BLOCK_K;
        block.a = p->a + from * p->a_step;
        block.b = p->b + from * p->b_step;
        if (p->a_row == 1)
            by_columns(&block);
        else
            by_rows(&block);
        block.add = true;
    }
}

static bool in_pairs(const struct cpu *c)
{
    return c->product == OPS_PRODUCT_BF16_TILE || (HPO_DOT && c->product == OPS_PRODUCT_BF16_DOT);
}

static void linear_panel(void *context, size_t panel, size_t worker)
{
    const struct linear_task *t = context;
    const size_t at = panel * CPU_PANEL;

    (void)worker;
    NAMED(product)
    (&(struct product){.a = t->a->x.at,
                       .a_row = t->a->x.stride,
                       .a_step = 1,
                       .b = t->weight + at * t->k,
                       .b_step = CPU_PANEL,
                       .c = cpu_row(t->a->out, 0) + at,
                       .c_row = t->a->out.stride,
                       .m = t->a->m,
                       .k = t->k});
    NAMED(finish_panel)(t, at);
}

void NAMED(finish_panel)(const struct linear_task *t, size_t at)
{
    const bool residual = t->a->residual.at != NULL;

    for (size_t l = at; l < at + CPU_PANEL && (t->bias || residual); l += LANES) {
        const lanes bias = t->bias ? lanes_load(t->bias + l) : lanes_all(0.0f);
        for (size_t i = 0; i < t->a->m; i++) {
            float *out = cpu_row(t->a->out, i) + l;
            lanes x = lanes_load(out);
            if (t->bias)
                x = lanes_add(x, bias);
            if (residual)
                x = lanes_add(x, lanes_load(cpu_row(t->a->residual, i) + l));
            lanes_store(out, x);
        }
    }
}

void NAMED(linear)(struct backend *be, const struct linear_args *a)
{
    struct cpu *c = cpu_of(be);
    const struct cpu_parameter *p = &c->parameters[a->weight];
    struct linear_task t = {c, a, cpu_value(c, a->weight), cpu_value(c, a->bias), p->n, p->k};

    if (a->m > 0 && in_pairs(c))
        NAMED(bf16_linear)(&t);
    else if (a->m > 0 && c->product != OPS_PRODUCT_FP32)
        NAMED(bf16_wide_linear)(&t);
    else if (a->m > 0)
        cpu_run(c, (t.n + CPU_PANEL - 1) / CPU_PANEL, a->m * t.n * t.k, linear_panel, &t);
}

/* 32 columns of dx: the weight's columns are transposed block by block, and multiplied. */
static void input_columns(void *context, size_t index, size_t worker)
{
    const struct linear_input_task *t = context;
    const struct linear_input_args *a = t->a;
    const size_t at = index * CPU_PANEL;
    const size_t columns = t->k - at < CPU_PANEL ? t->k - at : CPU_PANEL;
    float *w = cpu_scratch(t->cpu, worker);
    struct product p = {.a_row = a->dy.stride,
                        .a_step = 1,
                        .b = w,
                        .b_step = CPU_PANEL,
                        .c = cpu_row(a->dx, 0) + at,
                        .c_row = a->dx.stride,
                        .m = a->m,
                        .add = a->add.at != NULL};

    for (size_t i = 0; i < a->m && p.add && a->add.at != a->dx.at; i++)
        memcpy(cpu_row(a->dx, i) + at, cpu_row(a->add, i) + at, CPU_PANEL * sizeof(float));
    for (size_t from = 0; from < t->n; from += CPU_TRANSPOSE_ROWS) {
        p.k = t->n - from < CPU_TRANSPOSE_ROWS ? t->n - from : CPU_TRANSPOSE_ROWS;
        for (size_t row = 0; row < p.k; row += CPU_PANEL)
            NAMED(transpose)
        (&(struct transpose){.in = t->weight + (from + row) * t->k + at * CPU_PANEL,
                             .in_row = CPU_PANEL,
                             .rows = columns,
                             .out = w + row * CPU_PANEL,
                             .out_row = CPU_PANEL,
                             .m = CPU_PANEL,
                             .n = CPU_PANEL});
        p.a = cpu_row(a->dy, 0) + from;
        NAMED(product)(&p);
        p.add = true;
    }
}

void NAMED(linear_input)(struct backend *be, const struct linear_input_args *a)
{
    struct cpu *c = cpu_of(be);
    const struct cpu_parameter *p = &c->parameters[a->weight];
    struct linear_input_task t = {c, a, cpu_value(c, a->weight), p->n, p->k};

    if (a->m > 0 && in_pairs(c))
        NAMED(bf16_linear_input)(&t);
    else if (a->m > 0 && c->product != OPS_PRODUCT_FP32)
        NAMED(bf16_wide_linear_input)(&t);
    else if (a->m > 0)
        cpu_run(c, (t.k + CPU_PANEL - 1) / CPU_PANEL, a->m * t.n * t.k, input_columns, &t);
}

static void weight_panel(void *context, size_t panel, size_t worker)
{
    const struct linear_weight_task *t = context;
    const size_t at = panel * CPU_PANEL;

    (void)worker;
    NAMED(product)
    (&(struct product){.a = t->a->x.at,
                       .a_row = 1,
                       .a_step = t->a->x.stride,
                       .b = cpu_row(t->a->dy, 0) + at,
                       .b_step = t->a->dy.stride,
                       .c = t->dweight + at * t->k,
                       .c_row = CPU_PANEL,
                       .m = t->k,
                       .k = t->a->m});
    NAMED(sum_bias)(t, at);
}

void NAMED(sum_bias)(const struct linear_weight_task *t, size_t at)
{
    const struct ops_rows dy = t->a->dy;

    for (size_t l = at; l < at + CPU_PANEL && t->dbias; l += LANES) {
        lanes sum = lanes_all(0.0f);
        for (size_t i = 0; i < t->a->m; i++)
            sum = lanes_add(sum, cpu_get(dy, i, l));
        lanes_store(t->dbias + l, sum);
    }
}

void NAMED(linear_weight)(struct backend *be, const struct linear_weight_args *a)
{
    struct cpu *c = cpu_of(be);
    const struct cpu_parameter *p = &c->parameters[a->weight];
    struct linear_weight_task t = {c,    a,   cpu_gradient(c, a->weight), cpu_gradient(c, a->bias),
                                   p->n, p->k};

    if (a->m > 0 && in_pairs(c))
        NAMED(bf16_linear_weight)(&t);
    else if (a->m > 0 && c->product != OPS_PRODUCT_FP32)
        NAMED(bf16_wide_linear_weight)(&t);
    else /* also without rows: zeros */
        cpu_run(c, (t.n + CPU_PANEL - 1) / CPU_PANEL, a->m * t.n * t.k, weight_panel, &t);
}
