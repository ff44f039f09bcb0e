/*
 * ops: the operations on rows, at shapes that meet every edge, against naive loops in double and,
 * for the backward passes, central differences of them; then all of it on every instruction set of
 * this processor with 1, 2, 3 and 16 threads, to the bit. Products, attention and what concerns all
 * gradients have tests of their own.
 */
#include "bench.h"

enum { WEIGHT, BIAS };

/* ---- layer norm ---- */

static const double norm_eps = 1e-5;

/* out[n] of one row. */
static void naive_norm(const double *x, const float *weight, const float *bias, size_t n,
                       double *out)
{
    double mean = 0, variance = 0;

    for (size_t j = 0; j < n; j++)
        mean += x[j] / (double)n;
    for (size_t j = 0; j < n; j++)
        variance += (x[j] - mean) * (x[j] - mean) / (double)n;
    for (size_t j = 0; j < n; j++)
        out[j] = (x[j] - mean) / sqrt(variance + norm_eps) * weight[j] + bias[j];
}

/* Σ dy · norm(x) of one row, whose derivative by x is what norm_backward gives. */
static double norm_dot(const double *x, const float *weight, const float *dy, size_t n)
{
    double out[128], dot = 0;
    const float none[128] = {0};

    naive_norm(x, weight, none, n, out);
    for (size_t j = 0; j < n; j++)
        dot += dy[j] * out[j];
    return dot;
}

static void norm_backward_wants(const float *x, const float *dy, const float *weight, size_t n,
                                double *dx, double *dweight)
{
    const float none[128] = {0};
    float ones[128] = {0};
    double row[128] = {0}, out[128];

    for (size_t j = 0; j < n; j++) {
        ones[j] = 1;
        row[j] = x[j];
    }
    naive_norm(row, ones, none, n, out);
    for (size_t j = 0; j < n; j++) {
        const double h = 1e-5, at = row[j];
        row[j] = at + h;
        dx[j] = norm_dot(row, weight, dy, n);
        row[j] = at - h;
        dx[j] = (dx[j] - norm_dot(row, weight, dy, n)) / (2 * h);
        row[j] = at;
        dweight[j] += dy[j] * out[j];
    }
}

/* A layer norm that went forward. */
struct norm {
    size_t m, n;
    struct ops_rows x, dy;
    const float *weight, *bias;
    float *mean, *rstd;
};

static struct norm norm_forward(struct bench *b, size_t m, size_t n)
{
    const struct ops_shape shapes[] = {{n, 0}, {n, 0}};
    const struct ops_rows out = bench_zero_rows(b, m, n);
    double *want = bench_doubles(b, m * n), *row = bench_doubles(b, n);
    struct norm f = {m,    n,    bench_rows(b, m, n), bench_rows(b, m, n),
                     NULL, NULL, bench_zeros(b, m),   bench_zeros(b, m)};

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = 2, .training = true});
    f.weight = bench_upload(b, OPS_VALUE, WEIGHT);
    f.bias = bench_upload(b, OPS_VALUE, BIAS);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++)
            row[j] = bench_row(f.x, i)[j];
        naive_norm(row, f.weight, f.bias, n, want + i * n);
    }
    b->ops->norm(b->be, &(struct norm_args){.x = f.x,
                                            .out = out,
                                            .weight = WEIGHT,
                                            .bias = BIAS,
                                            .mean = f.mean,
                                            .rstd = f.rstd,
                                            .m = m,
                                            .eps = (float)norm_eps});
    bench_check_rows(b, out, want, m, n, 1e-5, "norm");
    return f;
}

static void norm_backward(struct bench *b, const struct norm *f, struct ops_rows dy,
                          struct ops_rows add, struct ops_rows dx)
{
    b->ops->norm_backward(b->be, &(struct norm_backward_args){.dy = dy,
                                                              .x = f->x,
                                                              .add = add,
                                                              .dx = dx,
                                                              .weight = WEIGHT,
                                                              .bias = BIAS,
                                                              .mean = f->mean,
                                                              .rstd = f->rstd,
                                                              .m = f->m});
}

/* Into a matrix of its own, with something added, onto itself, onto dy. */
static void case_norm(struct bench *b, size_t m, size_t n)
{
    const struct norm f = norm_forward(b, m, n);
    const struct ops_rows add = bench_rows(b, m, n), dx = bench_zero_rows(b, m, n);
    const struct ops_rows dy = bench_copy(b, f.dy, m), nothing = {0};
    const struct {
        struct ops_rows dy, add, dx;
    } forms[] = {{f.dy, nothing, dx}, {f.dy, add, dx}, {f.dy, dx, dx}, {dy, add, dy}};
    double *want = bench_doubles(b, m * n);
    double *weight = bench_doubles(b, n), *bias = bench_doubles(b, n);

    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        memset(weight, 0, n * sizeof *weight);
        memset(bias, 0, n * sizeof *bias);
        for (size_t i = 0; i < m; i++) {
            norm_backward_wants(bench_row(f.x, i), bench_row(f.dy, i), f.weight, n, want + i * n,
                                weight);
            for (size_t j = 0; j < n; j++) {
                bias[j] += bench_row(f.dy, i)[j];
                want[i * n + j] += forms[form].add.at ? bench_row(forms[form].add, i)[j] : 0;
            }
        }
        norm_backward(b, &f, forms[form].dy, forms[form].add, forms[form].dx);
        bench_check_rows(b, forms[form].dx, want, m, n, 5e-5, "norm dx");
        bench_check(b, OPS_GRADIENT, WEIGHT, weight, 2e-5, "norm dweight");
        bench_check(b, OPS_GRADIENT, BIAS, bias, 2e-5, "norm dbias");
    }
}

/* ---- GELU ---- */

static double naive_gelu(double x)
{
    return x * 0.5 * (1 + tanh(0.79788456 * x * (1 + 0.044715 * x * x)));
}

static void check_gelu(const float *x, const float *dy, const float *out, const float *dx, size_t n)
{
    const double h = 1e-6;

    for (size_t j = 0; j < n; j++) {
        if (fabsf(x[j]) > 1e30f) /* no differences there */
            continue;
        bench_near(out[j], naive_gelu(x[j]), 3e-7, "gelu");
        bench_near(dx[j], dy[j] * (naive_gelu(x[j] + h) - naive_gelu(x[j] - h)) / (2 * h), 2e-6,
                   "gelu dx");
    }
}

static void case_gelu(struct bench *b, size_t m, size_t n)
{
    const struct ops_rows x = bench_rows(b, m, n), dy = bench_rows(b, m, n);
    const struct ops_rows out = bench_zero_rows(b, m, n), dx = bench_copy(b, dy, m);
    float *first = bench_row(x, 0);

    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            bench_row(x, i)[j] *= j % 3 == 0 ? 12 : 2;
    first[0] = 0, first[1] = INFINITY, first[2] = 1e-30f, first[3] = -80, first[4] = 3e38f;
    first[5] = NAN;
    b->ops->gelu(b->be, &(struct gelu_args){x, out, m, n});
    b->ops->gelu_backward(b->be, &(struct gelu_backward_args){dx, x, dx, m, n}); /* onto dy */
    for (size_t i = 0; i < m; i++) {
        check_gelu(bench_row(x, i), bench_row(dy, i), bench_row(out, i), bench_row(dx, i), n);
        for (size_t j = n; j < out.stride; j++)
            assert_true(bench_row(out, i)[j] == 0 && bench_row(dx, i)[j] == 0);
    }
    first = bench_row(out, 0);
    assert_true(first[1] == INFINITY && first[4] == 3e38f && isnan(first[5]));
    hasher_add(b->hasher, bench_row(out, 0) + 6, (m * out.stride - 6) * sizeof(float));
    hasher_add(b->hasher, bench_row(dx, 0) + 6, (m * dx.stride - 6) * sizeof(float));
}

/* ---- rows and embedding ---- */

static void case_rows(struct bench *b)
{
    const size_t n = 40;
    const int32_t rows[] = {4, 0, 2};
    const struct ops_rows x = bench_rows(b, 5, n), taken = bench_zero_rows(b, 3, n);
    const struct ops_rows put = bench_rows(b, 5, n), kept = bench_copy(b, put, 5);

    b->ops->take_rows(b->be, &(struct rows_args){x, taken, rows, 3, 0});
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(bench_row(taken, i), bench_row(x, (size_t)rows[i]),
                            x.stride * sizeof(float));
    for (int clear = 0; clear < 2; clear++) {
        b->ops->put_rows(b->be, &(struct rows_args){taken, put, rows, 3, clear ? 5 : 0});
        for (size_t i = 0; i < 5; i++)
            for (size_t j = 0; j < n; j++)
                assert_true(bench_row(put, i)[j] == (i % 2 == 0 ? bench_row(x, i)[j]
                                                     : clear    ? 0
                                                                : bench_row(kept, i)[j]));
    }
}

/* Words, then places added to them; the backward pass adds to a gradient until it is cleared. */
static void case_embed(struct bench *b, size_t n)
{
    enum { M = 6, WORDS = 37, PLACES = 6, WORD = 0, PLACE = 1 };
    static const int32_t ids[M] = {3, 0, 36, 3, 36, 3}, places[M] = {0, 1, 2, 3, 4, 5};
    const struct ops_shape shapes[] = {{WORDS, n}, {PLACES, n}};
    const struct ops_rows out = bench_rows(b, M, n), dx = bench_rows(b, M, n);
    double *want = bench_doubles(b, M * n), *sums = bench_doubles(b, WORDS * n);
    const float *word, *place;

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = 2, .training = true});
    word = bench_upload(b, OPS_VALUE, WORD);
    place = bench_upload(b, OPS_VALUE, PLACE);
    for (int add = 0; add < 2; add++) {
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < n; j++)
                want[i * n + j] = add ? word[(size_t)ids[i] * n + j] + place[i * n + j]
                                      : word[(size_t)ids[i] * n + j];
        b->ops->embed(b->be, &(struct embed_args){.ids = add ? places : ids,
                                                  .weight = add ? PLACE : WORD,
                                                  .out = out,
                                                  .m = M,
                                                  .add = add});
        bench_check_rows(b, out, want, M, n, 0, "embed");
    }
    (void)bench_upload(b, OPS_GRADIENT, WORD);
    b->ops->clear(b->be, WORD);
    bench_check(b, OPS_GRADIENT, WORD, sums, 0, "cleared");
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < n; j++)
                sums[(size_t)ids[i] * n + j] += bench_row(dx, i)[j];
        b->ops->embed_backward(b->be, &(struct embed_backward_args){ids, dx, WORD, M});
        bench_check(b, OPS_GRADIENT, WORD, sums, 1e-6, "embed dweight");
    }
}

/* ---- loss, and the largest of a row ---- */

static void cross_entropy_wants(const float *x, int32_t target, size_t n, double *loss, double *dx)
{
    double sum = 0;

    for (size_t j = 0; j < n; j++)
        sum += exp(x[j]);
    *loss = target < 0 ? 0 : log(sum) - x[target];
    for (size_t j = 0; j < n; j++)
        dx[j] = target < 0 ? 0 : 0.25 * (exp(x[j]) / sum - ((size_t)target == j));
}

static void case_cross_entropy(struct bench *b, size_t m, size_t n)
{
    const struct ops_rows logits = bench_rows(b, m, n);
    double *losses = bench_doubles(b, m), *want = bench_doubles(b, m * n), loss;
    int32_t *targets = arena_array(b->arena, m, sizeof *targets);
    struct ops_rows kept;

    assert_non_null(targets);
    for (size_t i = 0; i < m; i++) {
        targets[i] = i % 3 == 1 ? -1 : (int32_t)(i * 7 % n);
        bench_row(logits, i)[0] *= 40; /* far from the others */
    }
    kept = bench_copy(b, logits, m);
    for (int gradient = 0; gradient < 2; gradient++) {
        b->ops->cross_entropy(b->be, &(struct cross_entropy_args){.logits = logits,
                                                                  .targets = targets,
                                                                  .losses = losses,
                                                                  .m = m,
                                                                  .n = n,
                                                                  .scale = 0.25f,
                                                                  .gradient = gradient});
        for (size_t i = 0; i < m; i++) {
            cross_entropy_wants(bench_row(kept, i), targets[i], n, &loss, want + i * n);
            bench_near(losses[i], loss, 2e-6, "loss");
        }
        if (!gradient)
            assert_memory_equal(logits.at, kept.at, m * logits.stride * sizeof(float));
    }
    bench_check_rows(b, logits, want, m, n, 1e-6, "dlogits");
    hasher_add(b->hasher, losses, m * sizeof *losses);
}

static void case_largest(struct bench *b)
{
    enum { M = 8, N = 21 };
    static const int32_t want[M] = {7, 4, 0, 20, 3, 0, 0, 1};
    const struct ops_rows x = bench_zero_rows(b, M, N);
    int32_t *out = arena_array(b->arena, M, sizeof *out);

    assert_non_null(out);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++)
            bench_row(x, i)[j] = i == 6 ? NAN : i == 7 ? -INFINITY : -2 - (float)(j % 5);
    bench_row(x, 0)[7] = bench_row(x, 0)[8] = bench_row(x, 0)[20] =
        -1; /* the first of equal ones */
    bench_row(x, 1)[4] = 0;
    bench_row(x, 1)[9] = -0.0f; /* equal to 0 */
    bench_row(x, 2)[13] = NAN;  /* all rows have -2 at 0, 5, 10, 15 and 20 */
    bench_row(x, 3)[20] = INFINITY;
    for (size_t j = 0; j < 3; j++) /* NaN first */
        bench_row(x, 4)[j] = NAN;
    bench_row(x, 4)[3] = 5;
    bench_row(x, 7)[0] = NAN;
    bench_row(x, 7)[1] = -1e38f;
    b->ops->largest(b->be, &(struct largest_args){x, out, M, N});
    for (size_t i = 0; i < M; i++)
        if (out[i] != want[i])
            fail_msg("largest of row %zu: expected %d, found %d", i, (int)want[i], (int)out[i]);
}

/* ---- work enough for threads: only that the bits are the same ---- */

static void case_large_norm(struct bench *b)
{
    enum { M = 11000, N = 100 };
    const struct norm f = norm_forward(b, M, N);
    const struct ops_rows dx = bench_copy(b, f.dy, M);

    norm_backward(b, &f, dx, f.x, dx);
    hasher_add(b->hasher, dx.at, M * dx.stride * sizeof(float));
    for (int i = WEIGHT; i <= BIAS; i++)
        hasher_add(b->hasher, bench_download(b, OPS_GRADIENT, i), N * sizeof(float));
}

static void case_large_embed(struct bench *b)
{
    enum { M = 6000, N = 100, WORDS = 1792, ROUNDS = 3 };
    const struct ops_shape shapes[] = {{WORDS, N}};
    const struct ops_rows out = bench_rows(b, M, N);
    int32_t *ids = arena_array(b->arena, M, sizeof *ids);

    assert_non_null(ids);
    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = 1, .training = true});
    (void)bench_upload(b, OPS_VALUE, 0);
    for (size_t i = 0; i < M; i++)
        ids[i] = (int32_t)(i * 7919 % WORDS);
    for (int round = 0; round < ROUNDS; round++) {
        b->ops->embed(b->be, &(struct embed_args){ids, 0, out, M, round > 0});
        b->ops->embed_backward(b->be, &(struct embed_backward_args){ids, out, 0, M});
    }
    hasher_add(b->hasher, out.at, M * out.stride * sizeof(float));
    hasher_add(b->hasher, bench_download(b, OPS_GRADIENT, 0), sizeof(float) * WORDS * N);
}

static void case_large_largest(struct bench *b)
{
    enum { M = 600, N = 2000 };
    const struct ops_rows x = bench_rows(b, M, N);
    int32_t *out = arena_array(b->arena, M, sizeof *out);

    assert_non_null(out);
    b->ops->largest(b->be, &(struct largest_args){x, out, M, N});
    for (size_t i = 0; i < M; i++) {
        size_t best = 0;
        for (size_t j = 1; j < N; j++)
            best = bench_row(x, i)[j] > bench_row(x, i)[best] ? j : best;
        assert_int_equal(out[i], best);
    }
    hasher_add(b->hasher, out, M * sizeof *out);
}

/* ---- everything ---- */

static void all_norm(struct bench *b)
{
    static const size_t sizes[][2] = {{1, 1}, {19, 48}, {40, 100}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bench_begin(b);
        case_norm(b, sizes[i][0], sizes[i][1]);
        bench_end(b);
    }
    bench_begin(b);
    case_large_norm(b);
    bench_end(b);
}

static void all_rows(struct bench *b)
{
    static const size_t widths[] = {1, 33, 100};

    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        bench_begin(b);
        case_embed(b, widths[i]);
        bench_end(b);
    }
    bench_begin(b);
    case_rows(b);
    case_gelu(b, 1, 64);
    case_gelu(b, 7, 37);
    case_gelu(b, 16, 10000);
    bench_end(b);
    bench_begin(b);
    case_cross_entropy(b, 7, 70);
    case_cross_entropy(b, 140, 2000);
    case_largest(b);
    case_large_largest(b);
    bench_end(b);
    bench_begin(b);
    case_large_embed(b);
    bench_end(b);
}

static void test_norm(void **state)
{
    (void)state;
    bench_on_every_backend(all_norm);
}

static void test_rows(void **state)
{
    (void)state;
    bench_on_every_backend(all_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
