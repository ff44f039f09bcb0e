/*
 * linear: the three products of a linear layer in fp32, at shapes that meet every edge, against
 * naive loops in double; the same bits on every instruction set. In bfloat16: bf16_test.c.
 */
#include "bench.h"

enum { WEIGHT, BIAS };

struct shape {
    size_t m, n, k;
};

static const struct shape linear_shapes[] = {
    {1, 1, 1},     {5, 35, 70},   {13, 64, 33},  {12, 32, 600}, {29, 9, 64},
    {3, 1100, 40}, {50, 96, 256}, {7, 40, 1025}, {0, 33, 40},   {60, 400, 200}, /* threads */
};

struct layer {
    struct shape s;
    struct ops_rows x, dy;
    const float *weight, *bias; /* plain rows */
};

static struct layer layer_of(struct bench *b, struct shape s)
{
    const struct ops_shape shapes[] = {{s.n, s.k}, {s.n, 0}};
    struct layer l = {.s = s, .x = bench_rows(b, s.m, s.k), .dy = bench_rows(b, s.m, s.n)};

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = 2, .training = true});
    l.weight = bench_upload(b, OPS_VALUE, WEIGHT);
    l.bias = bench_upload(b, OPS_VALUE, BIAS);
    return l;
}

static void case_linear(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows residual = bench_rows(b, s.m, s.n), out = bench_zero_rows(b, s.m, s.n);
    double *want = bench_doubles(b, s.m * s.n);

    for (int with = 0; with < 4; with++) {
        for (size_t i = 0; i < s.m; i++)
            for (size_t j = 0; j < s.n; j++) {
                double sum = with & 1 ? l->bias[j] : 0;
                sum += with & 2 ? bench_row(residual, i)[j] : 0;
                for (size_t c = 0; c < s.k; c++)
                    sum += (double)bench_row(l->x, i)[c] * l->weight[j * s.k + c];
                want[i * s.n + j] = sum;
            }
        b->ops->linear(b->be,
                       &(struct linear_args){.x = l->x,
                                             .residual = with & 2 ? residual : (struct ops_rows){0},
                                             .out = out,
                                             .weight = WEIGHT,
                                             .bias = with & 1 ? BIAS : OPS_NONE,
                                             .m = s.m});
        bench_check_rows(b, out, want, s.m, s.n, 2e-5, "linear");
    }
}

/* Nothing is added, a matrix, what dx held. */
static void case_linear_input(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    const struct ops_rows add = bench_rows(b, s.m, s.k), dx = bench_zero_rows(b, s.m, s.k);
    const struct ops_rows adds[] = {{0}, add, dx};
    double *want = bench_doubles(b, s.m * s.k);

    for (int with = 0; with < 3; with++) {
        for (size_t i = 0; i < s.m; i++)
            for (size_t c = 0; c < s.k; c++) {
                double sum = with ? bench_row(adds[with], i)[c] : 0;
                for (size_t j = 0; j < s.n; j++)
                    sum += (double)bench_row(l->dy, i)[j] * l->weight[j * s.k + c];
                want[i * s.k + c] = sum;
            }
        b->ops->linear_input(
            b->be, &(struct linear_input_args){
                       .dy = l->dy, .add = adds[with], .dx = dx, .weight = WEIGHT, .m = s.m});
        bench_check_rows(b, dx, want, s.m, s.k, 2e-5, "linear_input");
    }
}

/* What the gradients held before is gone; without a bias its gradient stays. */
static void case_linear_weight(struct bench *b, const struct layer *l)
{
    const struct shape s = l->s;
    double *weight = bench_doubles(b, s.n * s.k), *bias = bench_doubles(b, s.n);
    const float *kept;

    (void)bench_upload(b, OPS_GRADIENT, WEIGHT);
    kept = bench_upload(b, OPS_GRADIENT, BIAS);
    for (size_t j = 0; j < s.n; j++) {
        for (size_t i = 0; i < s.m; i++)
            bias[j] += bench_row(l->dy, i)[j];
        for (size_t c = 0; c < s.k; c++)
            for (size_t i = 0; i < s.m; i++)
                weight[j * s.k + c] += (double)bench_row(l->dy, i)[j] * bench_row(l->x, i)[c];
    }
    b->ops->linear_weight(
        b->be, &(struct linear_weight_args){
                   .dy = l->dy, .x = l->x, .weight = WEIGHT, .bias = OPS_NONE, .m = s.m});
    bench_check(b, OPS_GRADIENT, WEIGHT, weight, 2e-5, "dweight");
    bench_same(b, bench_download(b, OPS_GRADIENT, BIAS), kept, s.n, "no dbias");
    b->ops->linear_weight(b->be,
                          &(struct linear_weight_args){
                              .dy = l->dy, .x = l->x, .weight = WEIGHT, .bias = BIAS, .m = s.m});
    bench_check(b, OPS_GRADIENT, WEIGHT, weight, 2e-5, "dweight again");
    bench_check(b, OPS_GRADIENT, BIAS, bias, 2e-5, "dbias");
}

/* A NaN in one row spoils that row and no other. */
static void case_linear_nan(struct bench *b)
{
    const struct layer l = layer_of(b, (struct shape){20, 40, 30});

    bench_row(l.x, 7)[3] = NAN;
    bench_row(l.x, 9)[3] = INFINITY;
    b->ops->linear(b->be,
                   &(struct linear_args){
                       .x = l.x, .out = l.dy, .weight = WEIGHT, .bias = OPS_NONE, .m = l.s.m});
    for (size_t i = 0; i < l.s.m; i++)
        for (size_t j = 0; j < l.s.n; j++) {
            const float out = bench_row(l.dy, i)[j];
            assert_true(i == 7 ? isnan(out) : i == 9 ? isinf(out) : isfinite(out));
        }
}

static void all_linear(struct bench *b)
{
    for (size_t i = 0; i < sizeof linear_shapes / sizeof *linear_shapes; i++) {
        struct layer l;
        bench_begin(b);
        l = layer_of(b, linear_shapes[i]);
        case_linear(b, &l);
        case_linear_input(b, &l);
        case_linear_weight(b, &l);
        bench_end(b);
    }
    bench_begin(b);
    case_linear_nan(b);
    bench_end(b);
}

static void test_linear(void **state)
{
    (void)state;
    bench_on_every_backend(all_linear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_linear)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
