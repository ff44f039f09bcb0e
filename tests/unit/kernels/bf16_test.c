/*
 * bf16: products in bfloat16, to the bit: against the two orders that cpu.h promises, written
 * plainly here, with operands from denormal to large, in either type, on every instruction set and
 * number of threads.
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
    {2, 32, 511}, {3, 33, 512},  {4, 31, 513},  {6, 511, 2},    {8, 512, 3},    {9, 513, 1},
    {10, 17, 47}, {11, 48, 16},  {12, 65, 129}, {511, 3, 15},   {512, 2, 31},   {513, 5, 33},
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
struct sum {
    const float *a, *b;
    size_t a_step, b_step, n;
};

static float step(const struct sum *s, size_t j, float sum)
{
    const bool there = j < s->n;

    return flushed(fmaf(there ? rounded(s->a[j * s->a_step]) : 0,
                        there ? rounded(s->b[j * s->b_step]) : 0, sum));
}

static float dot(const struct sum *s)
{
    float sum = 0;

    for (size_t from = 0; from < s->n; from += 512) {
        float part = 0;
        for (size_t j = from; j < s->n && j < from + 512; j += 2)
            part = step(s, j, step(s, j + 1, part));
        sum = from > 0 ? flushed(sum + part) : part;
    }
    return sum;
}

static float tile(const struct sum *s)
{
    float sum = 0;

    for (size_t from = 0; from < s->n; from += 32) {
        float part[2] = {0, 0};
        for (size_t j = 0; j < 32; j++)
            part[j % 2] = step(s, from + j, part[j % 2]);
        sum = flushed(sum + flushed(part[0] + part[1]));
    }
    return sum;
}

struct layer {
    struct shape s;
    enum ops_product product;
    struct ops_rows x, dy, residual;
    struct ops_rows x16, dy16;  /* x and dy rounded */
    const float *weight, *bias; /* plain rows */
};

static float product(const struct layer *l, const float *a, size_t a_step, const float *b,
                     size_t b_step, size_t n)
{
    const struct sum s = {a, b, a_step, b_step, n};

    return l->product == OPS_PRODUCT_BF16_DOT ? dot(&s) : tile(&s);
}

/* The same rows in bfloat16, rounded here. */
static struct ops_rows rounded_rows(struct bench *b, struct ops_rows r, size_t m, size_t width)
{
    const size_t bytes = b->ops->matrix_bytes(m, width, OPS_BF16);
    const struct ops_rows out = {bench_zeros(b, (bytes + 3) / 4), b->ops->stride(width, OPS_BF16),
                                 OPS_BF16};

    assert_true(out.stride >= width && bytes >= m * out.stride * sizeof(uint16_t));
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < width; j++) {
            uint32_t bits;
            memcpy(&bits, &bench_row(r, i)[j], sizeof bits);
            bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
            memcpy((uint16_t *)out.at + i * out.stride + j, &(uint16_t){(uint16_t)bits},
                   sizeof(uint16_t));
        }
    return out;
}

static float rounded_at(struct ops_rows r, size_t i, size_t j)
{
    uint16_t half;
    float x;

    memcpy(&half, (const uint16_t *)r.at + i * r.stride + j, sizeof half);
    memcpy(&x, &(uint32_t){(uint32_t)half << 16}, sizeof x);
    return x;
}

static const float *parameter_of(struct bench *b, int parameter)
{
    float *rows = bench_upload(b, OPS_VALUE, parameter);

    spread(b, rows, bench_size(b, parameter));
    bench_put(b, OPS_VALUE, parameter, rows);
    return rows;
}

static struct layer layer_of(struct bench *b, struct shape s, enum ops_product product)
{
    const struct ops_shape parameters[] = {{s.n, s.k}, {s.n, 0}};
    const struct ops_limit limit = {s.m, WEIGHT};
    struct layer l = {.s = s, .product = product};

    bench_parameters(b, &(struct ops_parameters){
                            .shapes = parameters, .n = 2, .product = product, .training = true});
    assert_int_equal(b->be->operand, OPS_BF16);
    l.x = bench_rows(b, s.m, s.k);
    l.dy = bench_rows(b, s.m, s.n);
    l.residual = bench_rows(b, s.m, s.n);
    spread(b, l.x.at, s.m * l.x.stride);
    spread(b, l.dy.at, s.m * l.dy.stride);
    l.x16 = rounded_rows(b, l.x, s.m, s.k);
    l.dy16 = rounded_rows(b, l.dy, s.m, s.n);
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
    const struct ops_rows xs[] = {l->x, l->x16};

    for (size_t i = 0; i < s.m && !b->compared_only; i++)
        for (size_t j = 0; j < s.n; j++)
            bench_row(want, i)[j] = product(l, bench_row(l->x, i), 1, l->weight + j * s.k, 1, s.k) +
                                    l->bias[j] + bench_row(l->residual, i)[j];
    for (int i = 0; i < 2; i++) {
        memset(out.at, 0xee, s.m * out.stride * sizeof(float));
        b->ops->linear(b->be, &(struct linear_args){.x = xs[i],
                                                    .residual = l->residual,
                                                    .out = out,
                                                    .weight = WEIGHT,
                                                    .bias = BIAS,
                                                    .m = s.m});
        for (size_t r = 0; r < s.m; r++)
            bench_same(b, bench_row(out, r), bench_row(want, r), s.n, "linear");
    }
}

/* Nothing is added, a matrix, what dx held. */
static void case_input(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows dx = bench_zero_rows(b, s.m, s.k), want = bench_zero_rows(b, s.m, s.k);
    const struct ops_rows adds[] = {{0}, l->x, dx}, dys[] = {l->dy, l->dy16};

    for (int with = 0; with < 6; with++) {
        const struct ops_rows add = adds[with % 3];
        for (size_t i = 0; i < s.m && !b->compared_only; i++)
            for (size_t j = 0; j < s.k; j++) {
                const float sum = product(l, l->weight + j, s.k, bench_row(l->dy, i), 1, s.n);
                bench_row(want, i)[j] = with % 3 ? sum + bench_row(add, i)[j] : sum;
            }
        b->ops->linear_input(
            b->be, &(struct linear_input_args){
                       .dy = dys[with / 3], .add = add, .dx = dx, .weight = WEIGHT, .m = s.m});
        bench_same(b, dx.at, want.at, s.m * dx.stride, "linear_input");
    }
}

/* What the gradients held before is gone. The bias's is a sum of what dy holds, in fp32. */
static void case_weight(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    float *want = bench_zeros(b, s.n * s.k),
          *want_bias[] = {bench_zeros(b, s.n), bench_zeros(b, s.n)};

    for (size_t j = 0; j < s.n && !b->compared_only; j++) {
        for (size_t i = 0; i < s.k; i++)
            want[j * s.k + i] = product(l, (const float *)l->x.at + i, l->x.stride,
                                        (const float *)l->dy.at + j, l->dy.stride, s.m);
        for (size_t i = 0; i < s.m; i++) {
            want_bias[0][j] += bench_row(l->dy, i)[j];
            want_bias[1][j] += rounded_at(l->dy16, i, j);
        }
    }
    for (int i = 0; i < 4; i++) {
        (void)bench_upload(b, OPS_GRADIENT, WEIGHT);
        (void)bench_upload(b, OPS_GRADIENT, BIAS);
        b->ops->linear_weight(b->be, &(struct linear_weight_args){.dy = i % 2 ? l->dy16 : l->dy,
                                                                  .x = i / 2 ? l->x16 : l->x,
                                                                  .weight = WEIGHT,
                                                                  .bias = BIAS,
                                                                  .m = s.m});
        bench_same(b, bench_download(b, OPS_GRADIENT, WEIGHT), want, s.n * s.k, "dweight");
        bench_same(b, bench_download(b, OPS_GRADIENT, BIAS), want_bias[i % 2], s.n, "dbias");
    }
}

/* A row's bits do not depend on how many others there are. */
static void case_companions(struct bench *b, enum ops_product product)
{
    enum { M = 40, N = 70, K = 600 };
    const struct shape s = {M, N, K};
    struct layer l;
    struct ops_rows out, dx, one, one_dx;

    bench_begin(b);
    l = layer_of(b, s, product);
    out = bench_zero_rows(b, M, N), one = bench_zero_rows(b, M, N);
    dx = bench_zero_rows(b, M, K), one_dx = bench_zero_rows(b, M, K);
    for (size_t m = M; m > 0; m = m > 14 ? m - 13 : m - 1) {
        b->ops->linear(
            b->be,
            &(struct linear_args){
                .x = l.x16, .out = m == M ? out : one, .weight = WEIGHT, .bias = BIAS, .m = m});
        b->ops->linear_input(
            b->be, &(struct linear_input_args){
                       .dy = l.dy16, .dx = m == M ? dx : one_dx, .weight = WEIGHT, .m = m});
        for (size_t i = 0; i < m && m < M; i++) {
            assert_memory_equal(bench_row(one, i), bench_row(out, i), N * sizeof(float));
            assert_memory_equal(bench_row(one_dx, i), bench_row(dx, i), K * sizeof(float));
        }
    }
    hasher_add(b->hasher, out.at, M * out.stride * sizeof(float));
    bench_end(b);
}

/* AdamW leaves what the values as they are now give: a second upload of them changes nothing. */
static void case_adamw(struct bench *b, enum ops_product product)
{
    const struct ops_shape parameters[] = {{70, 45}, {5, 0}, {33, 1000}};
    const struct ops_limit limits[] = {{3, 0}, {3, 2}};

    bench_begin(b);
    bench_parameters(b, &(struct ops_parameters){
                            .shapes = parameters, .n = 3, .product = product, .training = true});
    assert_int_equal(
        b->ops->prepare(
            b->be, &(struct ops_limits){.keys = 1, .d = 1, .products = limits, .n_products = 2},
            &b->err),
        OK);
    for (int i = 0; i < 3; i++) {
        (void)bench_upload(b, OPS_VALUE, i);
        (void)bench_upload(b, OPS_GRADIENT, i);
    }
    b->ops->adamw(b->be, &(struct adamw_args){.first = 0,
                                              .n = 3,
                                              .step = 1,
                                              .lr = 0.25,
                                              .beta1 = 0.9,
                                              .beta2 = 0.999,
                                              .eps = 1e-8,
                                              .grad_scale = 1});
    for (int i = 0; i < 3; i += 2) {
        const struct ops_rows x = bench_rows(b, 3, parameters[i].k);
        const struct ops_rows out = bench_zero_rows(b, 3, parameters[i].n);
        const struct ops_rows again = bench_zero_rows(b, 3, parameters[i].n);
        const struct linear_args a = {.x = x, .out = out, .weight = i, .bias = OPS_NONE, .m = 3};
        struct linear_args second = a;
        second.out = again;
        b->ops->linear(b->be, &a);
        bench_put(b, OPS_VALUE, i, bench_download(b, OPS_VALUE, i));
        b->ops->linear(b->be, &second);
        assert_memory_equal(out.at, again.at, 3 * out.stride * sizeof(float));
        hasher_add(b->hasher, out.at, 3 * out.stride * sizeof(float));
    }
    bench_end(b);
}

/* Limits list the largest product: smaller ones, and other parameters, need no more. */
static void case_limits(struct bench *b, enum ops_product product)
{
    const struct ops_shape parameters[] = {{40, 70}, {300, 20}, {17, 33}};
    const struct ops_limit limits[] = {{9, 0}, {50, 1}, {3, 0}};

    bench_begin(b);
    bench_parameters(b, &(struct ops_parameters){
                            .shapes = parameters, .n = 3, .product = product, .training = true});
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

static const enum ops_product products[] = {OPS_PRODUCT_BF16_DOT, OPS_PRODUCT_BF16_TILE};

static void all_cases(struct bench *b)
{
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            struct layer l;
            bench_begin(b);
            l = layer_of(b, shapes[i], products[p]);
            case_forward(b, &l);
            case_input(b, &l);
            case_weight(b, &l);
            bench_end(b);
        }
        case_limits(b, products[p]);
        case_companions(b, products[p]);
        case_adamw(b, products[p]);
    }
}

/* What is no number spoils what it meets, and nothing else. */
static void case_nan(struct bench *b)
{
    enum { M = 20, N = 40, K = 30 };

    for (size_t p = 0; p < 2; p++) {
        struct layer l;
        float *weight;
        bench_begin(b);
        l = layer_of(b, (struct shape){M, N, K}, products[p]);
        bench_row(l.x, 7)[3] = NAN;
        bench_row(l.x, 9)[3] = 3.4e38f; /* rounds to infinity */
        weight = bench_upload(b, OPS_VALUE, WEIGHT);
        for (size_t j = 0; j < N; j++)
            weight[j * K + 3] = 1;
        bench_put(b, OPS_VALUE, WEIGHT, weight);
        b->ops->linear(b->be,
                       &(struct linear_args){
                           .x = l.x, .out = l.dy, .weight = WEIGHT, .bias = OPS_NONE, .m = M});
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < N; j++) {
                const float out = bench_row(l.dy, i)[j];
                assert_true(i == 7 ? isnan(out) : i == 9 ? isinf(out) : isfinite(out));
            }
        bench_end(b);
    }
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
