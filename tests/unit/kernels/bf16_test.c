/*
 * bf16: products in bfloat16, to the bit: against the order that ops.h promises, written plainly
 * here, with operands from denormal to large, on every instruction set and number of threads.
 */
#include <float.h>

#include "bench.h"

enum { WEIGHT, BIAS };

struct shape {
    size_t m, n, k;
};

static const struct shape shapes[] = {
    {1, 1, 1},    {5, 35, 70},   {13, 64, 33},  {16, 32, 32},   {17, 31, 96},   {29, 9, 64},
    {47, 50, 40}, {3, 2100, 40}, {7, 40, 4100}, {33, 5000, 16}, {60, 400, 200}, {0, 33, 40},
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

/* One element: Σ of n products, whose operands lie a_step and b_step apart. */
static float product(const float *a, size_t a_step, const float *b, size_t b_step, size_t n)
{
    float sum = 0;

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

struct layer {
    struct shape s;
    struct ops_rows x, dy, residual;
    const float *weight, *bias; /* plain rows */
};

static const float *parameter_of(struct bench *b, int parameter)
{
    float *rows = bench_upload(b, OPS_VALUE, parameter);

    spread(b, rows, bench_size(b, parameter));
    bench_put(b, OPS_VALUE, parameter, rows);
    return rows;
}

static struct layer layer_of(struct bench *b, struct shape s)
{
    const struct ops_shape parameters[] = {{s.n, s.k}, {s.n, 0}};
    const struct ops_limit limit = {s.m, WEIGHT};
    struct layer l = {.s = s};

    bench_parameters(
        b, &(struct ops_parameters){
               .shapes = parameters, .n = 2, .product = OPS_PRODUCT_BF16, .training = true});
    l.x = bench_rows(b, s.m, s.k);
    l.dy = bench_rows(b, s.m, s.n);
    l.residual = bench_rows(b, s.m, s.n);
    spread(b, l.x.at, s.m * l.x.stride);
    spread(b, l.dy.at, s.m * l.dy.stride);
    l.weight = parameter_of(b, WEIGHT);
    l.bias = parameter_of(b, BIAS);
    assert_int_equal(b->ops->prepare(b->be,
                                     &(struct ops_limits){
                                         .keys = 1,
                                         .d = 1,
                                         .products = &limit,
                                         .n_products = 1,
                                     },
                                     &b->err),
                     OK);
    return l;
}

static void case_forward(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows out = bench_zero_rows(b, s.m, s.n), want = bench_zero_rows(b, s.m, s.n);

    for (size_t i = 0; i < s.m && !b->compared_only; i++)
        for (size_t j = 0; j < s.n; j++)
            bench_row(want, i)[j] = product(bench_row(l->x, i), 1, l->weight + j * s.k, 1, s.k) +
                                    l->bias[j] + bench_row(l->residual, i)[j];
    b->ops->linear(b->be, &(struct linear_args){.x = l->x,
                                                .residual = l->residual,
                                                .out = out,
                                                .weight = WEIGHT,
                                                .bias = BIAS,
                                                .m = s.m});
    bench_same(b, out.at, want.at, s.m * out.stride, "linear");
}

/* Nothing is added, a matrix, what dx held. */
static void case_input(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows dx = bench_zero_rows(b, s.m, s.k), want = bench_zero_rows(b, s.m, s.k);
    const struct ops_rows adds[] = {{0}, l->x, dx};

    for (int with = 0; with < 3; with++) {
        const struct ops_rows add = adds[with];
        for (size_t i = 0; i < s.m && !b->compared_only; i++)
            for (size_t j = 0; j < s.k; j++)
                bench_row(want, i)[j] = product(l->weight + j, s.k, bench_row(l->dy, i), 1, s.n) +
                                        (with ? bench_row(add, i)[j] : 0);
        b->ops->linear_input(b->be,
                             &(struct linear_input_args){
                                 .dy = l->dy, .add = add, .dx = dx, .weight = WEIGHT, .m = s.m});
        bench_same(b, dx.at, want.at, s.m * dx.stride, "linear_input");
    }
}

/* What the gradients held before is gone. The bias's is a sum in fp32. */
static void case_weight(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    float *want = bench_zeros(b, s.n * s.k), *want_bias = bench_zeros(b, s.n);

    for (size_t j = 0; j < s.n && !b->compared_only; j++) {
        for (size_t i = 0; i < s.k; i++)
            want[j * s.k + i] = product((const float *)l->x.at + i, l->x.stride,
                                        (const float *)l->dy.at + j, l->dy.stride, s.m);
        for (size_t i = 0; i < s.m; i++)
            want_bias[j] += bench_row(l->dy, i)[j];
    }
    (void)bench_upload(b, OPS_GRADIENT, WEIGHT);
    (void)bench_upload(b, OPS_GRADIENT, BIAS);
    b->ops->linear_weight(b->be,
                          &(struct linear_weight_args){
                              .dy = l->dy, .x = l->x, .weight = WEIGHT, .bias = BIAS, .m = s.m});
    bench_same(b, bench_download(b, OPS_GRADIENT, WEIGHT), want, s.n * s.k, "dweight");
    bench_same(b, bench_download(b, OPS_GRADIENT, BIAS), want_bias, s.n, "dbias");
}

/* Limits list the largest product: smaller ones, and other parameters, need no more. */
static void case_limits(struct bench *b)
{
    const struct ops_shape parameters[] = {{40, 70}, {300, 20}, {17, 33}};
    const struct ops_limit limits[] = {{9, 0}, {50, 1}, {3, 0}};

    bench_begin(b);
    bench_parameters(
        b, &(struct ops_parameters){
               .shapes = parameters, .n = 3, .product = OPS_PRODUCT_BF16, .training = true});
    for (size_t n = 1; n <= 3; n++)
        assert_int_equal(
            b->ops->prepare(
                b->be, &(struct ops_limits){.keys = 1, .d = 1, .products = limits, .n_products = n},
                &b->err),
            OK);
    for (int i = 0; i < 3; i++) {
        const size_t m = i == 1 ? 50 : 9, n = parameters[i].n, k = parameters[i].k;
        const struct ops_rows x = bench_rows(b, m, k), dy = bench_zero_rows(b, m, n);
        (void)bench_upload(b, OPS_VALUE, i);
        b->ops->linear(
            b->be, &(struct linear_args){.x = x, .out = dy, .weight = i, .bias = OPS_NONE, .m = m});
        b->ops->linear_weight(b->be, &(struct linear_weight_args){
                                         .dy = dy, .x = x, .weight = i, .bias = OPS_NONE, .m = m});
        b->ops->linear_input(
            b->be, &(struct linear_input_args){.dy = dy, .add = x, .dx = x, .weight = i, .m = m});
        hasher_add(b->hasher, x.at, m * x.stride * sizeof(float));
        hasher_add(b->hasher, bench_download(b, OPS_GRADIENT, i), n * k * sizeof(float));
        /* no rows at all: nothing of what scratch memory holds */
        b->ops->linear_weight(
            b->be, &(struct linear_weight_args){.dy = dy, .x = x, .weight = i, .bias = OPS_NONE});
        bench_same(b, bench_download(b, OPS_GRADIENT, i), bench_zeros(b, n * k), n * k, "no rows");
    }
    bench_end(b);
}

static void all_cases(struct bench *b)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct layer l;
        bench_begin(b);
        l = layer_of(b, shapes[i]);
        case_forward(b, &l);
        case_input(b, &l);
        case_weight(b, &l);
        bench_end(b);
    }
    case_limits(b);
}

/* What is no number spoils what it meets, and nothing else. */
static void case_nan(struct bench *b)
{
    enum { M = 20, N = 40, K = 30 };
    struct layer l;
    float *weight;

    bench_begin(b);
    l = layer_of(b, (struct shape){M, N, K});
    bench_row(l.x, 7)[3] = NAN;
    bench_row(l.x, 9)[3] = 3.4e38f; /* rounds to infinity */
    weight = bench_upload(b, OPS_VALUE, WEIGHT);
    for (size_t j = 0; j < N; j++)
        weight[j * K + 3] = 1;
    bench_put(b, OPS_VALUE, WEIGHT, weight);
    b->ops->linear(b->be, &(struct linear_args){
                              .x = l.x, .out = l.dy, .weight = WEIGHT, .bias = OPS_NONE, .m = M});
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            const float out = bench_row(l.dy, i)[j];
            assert_true(i == 7 ? isnan(out) : i == 9 ? isinf(out) : isfinite(out));
        }
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
