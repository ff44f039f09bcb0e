/*
 * bf16: products in bfloat16, to the bit: against the order that ops.h promises, written plainly
 * here, with operands from denormal to large, on every instruction set and number of threads.
 */
#include <float.h>

#include "bench.h"

struct shape {
    size_t m, n, k;
};

static const struct shape shapes[] = {
    {1, 1, 1},    {5, 35, 70},   {13, 64, 33},  {16, 32, 32},   {17, 31, 96},   {29, 9, 64},
    {47, 50, 40}, {3, 2100, 40}, {7, 40, 4100}, {33, 5000, 16}, {60, 400, 200},
};

/* Numbers of very different sizes, denormals and zeros among them. */
static void spread(struct bench *b, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) {
            const double draw = bench_draw(b);
            x[i] = draw > 0.9 ? 0 : draw < -0.8 ? ldexpf(x[i], -(int)(70 * (draw + 2))) : x[i];
        }
}

/* Rounded to bfloat16; denormals are zero. */
static float rounded(float x)
{
    float unit;

    if (fabsf(x) < FLT_MIN)
        return copysignf(0, x);
    unit = ldexpf(1, ilogbf(x) - 7);
    return rintf(x / unit) * unit;
}

static float flushed(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

/* One element: Σ of n products, whose operands lie a_step and b_step apart, added to `before`. */
static float product(const float *a, size_t a_step, const float *b, size_t b_step, size_t n,
                     const float *before)
{
    float sum = before ? flushed(*before) : 0;

    for (size_t from = 0; from < n || from == 0; from += 32) {
        float part[2] = {0, 0};
        for (size_t j = 0; j < 32; j++) {
            const bool there = from + j < n;
            const float x = there ? rounded(a[(from + j) * a_step]) : 0;
            const float y = there ? rounded(b[(from + j) * b_step]) : 0;
            part[j % 2] = flushed(fmaf(x, y, part[j % 2]));
        }
        sum = flushed(sum + flushed(part[0] + part[1]));
    }
    return sum;
}

static uint32_t bits(float x)
{
    uint32_t word;

    memcpy(&word, &x, sizeof word);
    return word;
}

static void check(struct bench *b, const float *got, const float *want, size_t n, const char *what)
{
    for (size_t i = 0; i < n && !b->compared_only; i++)
        if (bits(got[i]) != bits(want[i]))
            fail_msg("%s: element %zu: expected %a, found %a", what, i, (double)want[i],
                     (double)got[i]);
    hasher_add(b->hasher, got, n * sizeof *got);
}

/* A layer's operands, each also as a dense matrix. */
struct layer {
    struct shape s;
    size_t xs, ys;
    float *x, *dy, *weight, *dense, *bias, *residual;
};

static struct layer layer_of(struct bench *b, struct shape s)
{
    struct layer l = {.s = s, .xs = ops_stride(s.k), .ys = ops_stride(s.n)};

    l.x = bench_rows(b, s.m, s.k);
    l.dy = bench_rows(b, s.m, s.n);
    l.weight = bench_weight(b, s.n, s.k);
    spread(b, l.x, s.m * l.xs);
    spread(b, l.dy, s.m * l.ys);
    spread(b, l.weight, ops_panels(s.n, s.k));
    l.dense = bench_zeros(b, s.n * s.k);
    for (size_t j = 0; j < s.n; j++)
        for (size_t i = 0; i < s.k; i++)
            l.dense[j * s.k + i] = l.weight[ops_panel_at(j, i, s.k)];
    l.bias = bench_weight(b, s.n, 1);
    l.residual = bench_rows(b, s.m, s.n);
    assert_int_equal(b->ops->prepare(b->be,
                                     &(struct ops_limits){
                                         .keys = 1,
                                         .d = 1,
                                         .products = &(struct ops_shape){s.m, s.n, s.k},
                                         .n_products = 1,
                                     },
                                     &b->err),
                     OK);
    return l;
}

static void case_forward(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    float *out = bench_zeros(b, s.m * l->ys), *want = bench_zeros(b, s.m * l->ys);

    for (size_t i = 0; i < s.m && !b->compared_only; i++)
        for (size_t j = 0; j < s.n; j++)
            want[i * l->ys + j] = product(l->x + i * l->xs, 1, l->dense + j * s.k, 1, s.k, NULL) +
                                  l->bias[j] + l->residual[i * l->ys + j];
    b->ops->linear(b->be, &(struct linear_args){.x = l->x,
                                                .x_stride = l->xs,
                                                .weight = l->weight,
                                                .bias = l->bias,
                                                .residual = l->residual,
                                                .out = out,
                                                .out_stride = l->ys,
                                                .m = s.m,
                                                .n = s.n,
                                                .k = s.k,
                                                .bf16 = true});
    check(b, out, want, s.m * l->ys, "linear");
}

static void case_input(struct bench *b, const struct layer *l, bool add)
{
    const struct shape s = l->s;
    float *dx = bench_copy(b, l->x, s.m * l->xs), *want = bench_zeros(b, s.m * l->xs);

    for (size_t i = 0; i < s.m && !b->compared_only; i++)
        for (size_t j = 0; j < s.k; j++)
            want[i * l->xs + j] = product(l->dense + j, s.k, l->dy + i * l->ys, 1, s.n, NULL) +
                                  (add ? l->x[i * l->xs + j] : 0);
    b->ops->linear_input(b->be, &(struct linear_input_args){.dy = l->dy,
                                                            .dy_stride = l->ys,
                                                            .weight = l->weight,
                                                            .add = add ? dx : NULL,
                                                            .dx = dx,
                                                            .dx_stride = l->xs,
                                                            .m = s.m,
                                                            .n = s.n,
                                                            .k = s.k,
                                                            .bf16 = true});
    check(b, dx, want, s.m * l->xs, "linear_input");
}

static void case_weight(struct bench *b, const struct layer *l, bool accumulate)
{
    const struct shape s = l->s;
    const size_t floats = ops_panels(s.n, s.k);
    float *dweight = bench_copy(b, l->weight, floats), *want = bench_zeros(b, floats);
    float *dbias = bench_weight(b, s.n, 1);

    for (size_t j = 0; j < s.n && !b->compared_only; j++)
        for (size_t i = 0; i < s.k; i++)
            want[ops_panel_at(j, i, s.k)] =
                product(l->x + i, l->xs, l->dy + j, l->ys, s.m,
                        accumulate ? &l->weight[ops_panel_at(j, i, s.k)] : NULL);
    b->ops->linear_weight(b->be, &(struct linear_weight_args){.dy = l->dy,
                                                              .dy_stride = l->ys,
                                                              .x = l->x,
                                                              .x_stride = l->xs,
                                                              .dweight = dweight,
                                                              .dbias = dbias,
                                                              .m = s.m,
                                                              .n = s.n,
                                                              .k = s.k,
                                                              .accumulate = accumulate,
                                                              .bf16 = true});
    check(b, dweight, want, floats, "dweight");
    hasher_add(b->hasher, dbias, ops_panels(s.n, 1) * sizeof *dbias);
}

static void all_cases(struct bench *b)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct layer l;
        bench_begin(b);
        l = layer_of(b, shapes[i]);
        case_forward(b, &l);
        case_input(b, &l, false);
        case_input(b, &l, true);
        case_weight(b, &l, false);
        case_weight(b, &l, true);
        bench_end(b);
    }
}

/* What is no number spoils what it meets, and nothing else. */
static void case_nan(struct bench *b)
{
    struct layer l;

    bench_begin(b);
    l = layer_of(b, (struct shape){20, 40, 30});
    l.x[7 * l.xs + 3] = NAN;
    l.x[9 * l.xs + 3] = 3.4e38f; /* rounds to infinity */
    for (size_t j = 0; j < 40; j++)
        l.weight[ops_panel_at(j, 3, 30)] = 1;
    b->ops->linear(b->be, &(struct linear_args){.x = l.x,
                                                .x_stride = l.xs,
                                                .weight = l.weight,
                                                .out = l.residual,
                                                .out_stride = l.ys,
                                                .m = 20,
                                                .n = 40,
                                                .k = 30,
                                                .bf16 = true});
    for (size_t i = 0; i < 20; i++)
        for (size_t j = 0; j < 40; j++)
            assert_true(i == 7   ? isnan(l.residual[i * l.ys + j])
                        : i == 9 ? isinf(l.residual[i * l.ys + j])
                                 : isfinite(l.residual[i * l.ys + j]));
    bench_end(b);
}

static void test_products(void **state)
{
    (void)state;
    bench_on_every_backend(all_cases);
}

static void test_nan(void **state)
{
    (void)state;
    bench_on_every_backend(case_nan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_nan),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
