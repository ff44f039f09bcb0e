/*
 * cuda_half: products of 16-bit operands on a GPU. Operands are rounded as IEEE 754 says, for every
 * half there is and around every tie; products are near those of double at every edge.
 */
#include "card.h"

enum { WEIGHT, BIAS };

/* bfloat16, fp16. */
static const struct format {
    enum ops_product product;
    enum ops_type type;
    int bits, least; /* of the mantissa; the smallest exponent of a normal number */
    double largest;
} formats[] = {{OPS_PRODUCT_BF16, OPS_BF16, 7, -126, 0x1.fep127},
               {OPS_PRODUCT_FP16, OPS_FP16, 10, -14, 65504}};

enum { FORMATS = sizeof formats / sizeof *formats };

static float rounded(const struct format *f, float x)
{
    double unit, near;
    int e;

    if (x == 0 || !isfinite(x))
        return x;
    e = ilogbf(x) < f->least ? f->least : ilogbf(x);
    unit = ldexp(1, e - f->bits);
    near = rint(x / unit) * unit;
    return fabs(near) > f->largest ? copysignf(INFINITY, x) : (float)near;
}

/* The number that 16 bits are. */
static float value_of(const struct format *f, unsigned half)
{
    const unsigned mantissa = half & ((1u << f->bits) - 1), field = (half & 0x7fff) >> f->bits;
    const float sign = half & 0x8000 ? -1 : 1;

    if (field == 0x7fffu >> f->bits)
        return mantissa ? NAN : sign * INFINITY;
    if (field == 0)
        return sign * (float)ldexp(mantissa, f->least - f->bits);
    return sign * (float)ldexp(mantissa + (1u << f->bits), (int)field - 1 + f->least - f->bits);
}

/* x · 1, which rounds x. */
static void check_rounding(struct card *c, const struct format *f, struct ops_rows x,
                           struct ops_rows out, const float *values, size_t n)
{
    float *padded = test_calloc(n * x.stride, sizeof *padded);
    float *got;

    for (size_t i = 0; i < n; i++)
        padded[i * x.stride] = values[i];
    c->ops->send(c->be, x.at, padded, n * x.stride * sizeof *padded);
    c->ops->linear(c->be, &(struct linear_args){
                              .x = x, .out = out, .weight = WEIGHT, .bias = OPS_NONE, .m = n});
    got = card_get(c, out, n, 1);
    for (size_t i = 0; i < n; i++) {
        const float want = rounded(f, values[i]);
        if (!(got[i] == want || (isnan(got[i]) && isnan(want))))
            fail_msg("%a: expected %a, found %a", (double)values[i], (double)want, (double)got[i]);
    }
    test_free(got);
    test_free(padded);
}

/* Every half; what lies half-way to the next; and the floats beside that. */
static void test_rounding(void **state)
{
    enum { AT_ONCE = 4096, OF_EACH = 4 };
    static float values[AT_ONCE * OF_EACH];

    (void)state;
    for (int i = 0; i < FORMATS; i++) {
        const struct format *f = &formats[i];
        const struct ops_shape shape = {1, 1};
        struct card c = card_open(f->product);
        struct ops_rows x, out;
        card_parameters(&c,
                        &(struct ops_parameters){.shapes = &shape, .n = 1, .product = f->product});
        c.ops->upload(c.be, OPS_VALUE, WEIGHT, 0, 1, &(float){1});
        x = card_rows(&c, AT_ONCE * OF_EACH, 1, OPS_FP32);
        out = card_rows(&c, AT_ONCE * OF_EACH, 1, OPS_FP32);
        assert_int_equal(
            c.ops->prepare(
                c.be,
                &(struct ops_limits){.products = &(struct ops_limit){AT_ONCE * OF_EACH, WEIGHT},
                                     .n_products = 1},
                &c.err),
            OK);
        for (unsigned half = 0; half < 0x10000; half += AT_ONCE) {
            for (unsigned j = 0; j < AT_ONCE; j++) {
                const float here = value_of(f, half + j), next = value_of(f, half + j + 1);
                const float tie = here + (next - here) / 2;
                values[j * OF_EACH] = here;
                values[j * OF_EACH + 1] = tie;
                values[j * OF_EACH + 2] = nextafterf(tie, INFINITY);
                values[j * OF_EACH + 3] = nextafterf(tie, -INFINITY);
            }
            check_rounding(&c, f, x, out, values, AT_ONCE * OF_EACH);
        }
        card_close(&c);
    }
}

/* ---- products ---- */

struct shape {
    size_t m, n, k;
};

static const struct shape shapes[] = {
    {1, 1, 1}, {5, 35, 70}, {13, 64, 33}, {16, 32, 32}, {33, 9, 511}, {2, 130, 40}, {65, 7, 8},
};

struct layer {
    struct card c;
    const struct format *f;
    struct shape s;
    float *x, *dy, *weight, *bias; /* as they are, not rounded */
    struct ops_rows x_rows, dy_rows;
};

/* Σ a[j] · b[j] of rounded operands against one element, within what sums of n floats lose. */
static void check_sum(const struct layer *l, const float *a, size_t a_step, const float *b,
                      size_t b_step, size_t n, double add, float got, const char *what)
{
    double want = add, size = fabs(add);

    for (size_t j = 0; j < n; j++) {
        const double p =
            (double)rounded(l->f, a[j * a_step]) * (double)rounded(l->f, b[j * b_step]);
        want += p;
        size += fabs(p);
    }
    if (!(fabs(got - want) <= ldexp(size * (double)(n + 2), -23)))
        fail_msg("%s of %zu x %zu x %zu: expected %.9g, found %.9g", what, l->s.m, l->s.n, l->s.k,
                 want, (double)got);
}

static void check_linear(struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows out = card_rows(&l->c, s.m, s.n, OPS_FP32);
    float *got;

    l->c.ops->linear(l->c.be, &(struct linear_args){.x = l->x_rows,
                                                    .residual = l->dy_rows,
                                                    .out = out,
                                                    .weight = WEIGHT,
                                                    .bias = BIAS,
                                                    .m = s.m});
    got = card_get(&l->c, out, s.m, s.n);
    for (size_t i = 0; i < s.m; i++)
        for (size_t j = 0; j < s.n; j++)
            check_sum(l, l->x + i * s.k, 1, l->weight + j * s.k, 1, s.k,
                      (double)l->bias[j] + (double)l->dy[i * s.n + j], got[i * s.n + j], "linear");
    test_free(got);
}

static void check_linear_input(struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows dx = card_rows(&l->c, s.m, s.k, OPS_FP32);
    float *got;

    l->c.ops->linear_input(
        l->c.be, &(struct linear_input_args){
                     .dy = l->dy_rows, .add = l->x_rows, .dx = dx, .weight = WEIGHT, .m = s.m});
    got = card_get(&l->c, dx, s.m, s.k);
    for (size_t i = 0; i < s.m; i++)
        for (size_t j = 0; j < s.k; j++)
            check_sum(l, l->dy + i * s.n, 1, l->weight + j, s.k, s.n, l->x[i * s.k + j],
                      got[i * s.k + j], "linear_input");
    test_free(got);
}

static void check_linear_weight(struct layer *l)
{
    const struct shape s = l->s;
    float *got, *bias;

    l->c.ops->linear_weight(
        l->c.be, &(struct linear_weight_args){
                     .dy = l->dy_rows, .x = l->x_rows, .weight = WEIGHT, .bias = BIAS, .m = s.m});
    got = card_download(&l->c, OPS_GRADIENT, WEIGHT, s.n, s.k);
    bias = card_download(&l->c, OPS_GRADIENT, BIAS, s.n, 1);
    for (size_t i = 0; i < s.n; i++) {
        double sum = 0;
        for (size_t j = 0; j < s.k; j++)
            check_sum(l, l->dy + i, s.n, l->x + j, s.k, s.m, 0, got[i * s.k + j], "linear_weight");
        for (size_t j = 0; j < s.m; j++)
            sum += l->dy[j * s.n + i];
        assert_true(fabs(bias[i] - sum) <= 1e-5 * (1 + fabs(sum)));
    }
    test_free(got);
    test_free(bias);
}

static void check_layer(const struct format *f, struct shape s)
{
    const struct ops_shape parameters[] = {{s.n, s.k}, {s.n, 0}};
    const struct ops_limit limit = {s.m, WEIGHT};
    struct layer l = {.c = card_open(f->product), .f = f, .s = s};

    card_parameters(&l.c,
                    &(struct ops_parameters){
                        .shapes = parameters, .n = 2, .product = f->product, .training = true});
    assert_int_equal(l.c.be->operand, f->type);
    assert_int_equal(l.c.ops->prepare(l.c.be,
                                      &(struct ops_limits){.products = &limit, .n_products = 1},
                                      &l.c.err),
                     OK);
    l.x = card_floats(&l.c, s.m * s.k);
    l.dy = card_floats(&l.c, s.m * s.n);
    l.weight = card_floats(&l.c, s.n * s.k);
    l.bias = card_floats(&l.c, s.n);
    l.x_rows = card_put(&l.c, l.x, s.m, s.k);
    l.dy_rows = card_put(&l.c, l.dy, s.m, s.n);
    l.c.ops->upload(l.c.be, OPS_VALUE, WEIGHT, 0, s.n, l.weight);
    l.c.ops->upload(l.c.be, OPS_VALUE, BIAS, 0, s.n, l.bias);
    check_linear(&l);
    check_linear_input(&l);
    check_linear_weight(&l);
    card_close(&l.c);
    test_free(l.x);
    test_free(l.dy);
    test_free(l.weight);
    test_free(l.bias);
}

static void test_products(void **state)
{
    (void)state;
    for (int i = 0; i < FORMATS; i++)
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++)
            check_layer(&formats[i], shapes[j]);
}

/* A library that has no algorithm, or refuses the one it gave: said, and nothing wrong is used. */
static void test_no_algorithm(void **state)
{
    static const char *const ways[] = {"none", "unfit"};
    const struct ops_shape shape = {8, 8};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct card c = card_open(OPS_PRODUCT_BF16);
        struct ops_rows x, out;
        card_parameters(
            &c, &(struct ops_parameters){.shapes = &shape, .n = 1, .product = OPS_PRODUCT_BF16});
        x = card_rows(&c, 3, 8, OPS_BF16);
        out = card_rows(&c, 3, 8, OPS_FP32);
        assert_int_equal(setenv("HPO_EMULATION_LT", ways[i], 1), 0);
        c.ops->linear(c.be, &(struct linear_args){
                                .x = x, .out = out, .weight = WEIGHT, .bias = OPS_NONE, .m = 3});
        assert_int_equal(unsetenv("HPO_EMULATION_LT"), 0);
        assert_int_equal(c.ops->sync(c.be, &c.err), ERR_SYSTEM);
        assert_non_null(strstr(c.err.text, "8 x 8"));
        assert_non_null(strstr(c.err.text, "cuBLASLt"));
        assert_int_equal(c.ops->sync(c.be, &c.err), ERR_SYSTEM); /* it stays so */
        backend_close(c.be);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_no_algorithm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
