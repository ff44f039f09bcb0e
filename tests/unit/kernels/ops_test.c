/*
 * ops: every operation, at shapes that meet every edge, against naive loops in double and, for the
 * backward passes, central differences of them; then all of it on every instruction set of this
 * processor with 1, 2, 3 and 16 threads, to the bit.
 */
#include "bench.h"

/* ---- the three products of a linear layer ---- */

struct shape {
    size_t m, n, k;
};

static const struct shape linear_shapes[] = {
    {1, 1, 1},     {5, 35, 70},   {13, 64, 33},  {12, 32, 600},  {29, 9, 64},
    {3, 1100, 40}, {50, 96, 256}, {7, 40, 1025}, {60, 400, 200}, /* enough for threads */
};

static void case_linear(struct bench *b, struct shape s)
{
    const size_t xs = ops_stride(s.k), ys = ops_stride(s.n);
    float *x = bench_rows(b, s.m, s.k), *weight = bench_weight(b, s.n, s.k);
    float *bias = bench_weight(b, s.n, 1), *residual = bench_rows(b, s.m, s.n);
    float *out = bench_zeros(b, s.m * ys);
    double *want = bench_doubles(b, s.m * s.n);

    for (int with = 0; with < 4; with++) {
        for (size_t i = 0; i < s.m; i++)
            for (size_t j = 0; j < s.n; j++) {
                double sum = with & 1 ? bias[j] : 0;
                sum += with & 2 ? residual[i * ys + j] : 0;
                for (size_t l = 0; l < s.k; l++)
                    sum += (double)x[i * xs + l] * weight[ops_panel_at(j, l, s.k)];
                want[i * s.n + j] = sum;
            }
        b->ops->linear(b->be, &(struct linear_args){.x = x,
                                                    .x_stride = xs,
                                                    .weight = weight,
                                                    .bias = with & 1 ? bias : NULL,
                                                    .residual = with & 2 ? residual : NULL,
                                                    .out = out,
                                                    .out_stride = ys,
                                                    .m = s.m,
                                                    .n = s.n,
                                                    .k = s.k});
        bench_check_rows(b, out, want, s.m, s.n, 2e-5, "linear");
    }
}

static void case_linear_input(struct bench *b, struct shape s)
{
    const size_t xs = ops_stride(s.k), ys = ops_stride(s.n);
    float *dy = bench_rows(b, s.m, s.n), *weight = bench_weight(b, s.n, s.k);
    float *add = bench_rows(b, s.m, s.k), *dx = bench_zeros(b, s.m * xs);
    double *want = bench_doubles(b, s.m * s.k);

    for (int with = 0; with < 2; with++) {
        for (size_t i = 0; i < s.m; i++)
            for (size_t l = 0; l < s.k; l++) {
                double sum = with ? add[i * xs + l] : 0;
                for (size_t j = 0; j < s.n; j++)
                    sum += (double)dy[i * ys + j] * weight[ops_panel_at(j, l, s.k)];
                want[i * s.k + l] = sum;
            }
        b->ops->linear_input(b->be, &(struct linear_input_args){.dy = dy,
                                                                .dy_stride = ys,
                                                                .weight = weight,
                                                                .add = with ? add : NULL,
                                                                .dx = dx,
                                                                .dx_stride = xs,
                                                                .m = s.m,
                                                                .n = s.n,
                                                                .k = s.k});
        bench_check_rows(b, dx, want, s.m, s.k, 2e-5, "linear_input");
    }
}

static void case_linear_weight(struct bench *b, struct shape s)
{
    const size_t xs = ops_stride(s.k), ys = ops_stride(s.n);
    float *dy = bench_rows(b, s.m, s.n), *x = bench_rows(b, s.m, s.k);
    float *dweight = bench_weight(b, s.n, s.k), *dbias = bench_weight(b, s.n, 1);
    double *weight = bench_doubles(b, s.n * s.k), *bias = bench_doubles(b, s.n);

    for (int accumulate = 0; accumulate < 2; accumulate++) {
        for (size_t j = 0; j < s.n; j++) {
            bias[j] = accumulate ? bias[j] : 0;
            for (size_t i = 0; i < s.m; i++)
                bias[j] += dy[i * ys + j];
            for (size_t l = 0; l < s.k; l++) {
                double sum = accumulate ? weight[j * s.k + l] : 0;
                for (size_t i = 0; i < s.m; i++)
                    sum += (double)dy[i * ys + j] * x[i * xs + l];
                weight[j * s.k + l] = sum;
            }
        }
        b->ops->linear_weight(b->be, &(struct linear_weight_args){.dy = dy,
                                                                  .dy_stride = ys,
                                                                  .x = x,
                                                                  .x_stride = xs,
                                                                  .dweight = dweight,
                                                                  .dbias = dbias,
                                                                  .m = s.m,
                                                                  .n = s.n,
                                                                  .k = s.k,
                                                                  .accumulate = accumulate});
        bench_check_weight(b, dweight, weight, s.n, s.k, 2e-5, "dweight");
        bench_check_weight(b, dbias, bias, s.n, 1, 2e-5, "dbias");
    }
}

/* A NaN in one row spoils that row and no other. */
static void case_linear_nan(struct bench *b)
{
    const struct shape s = {20, 40, 30};
    const size_t xs = ops_stride(s.k), ys = ops_stride(s.n);
    float *x = bench_rows(b, s.m, s.k), *weight = bench_weight(b, s.n, s.k);
    float *out = bench_zeros(b, s.m * ys);

    x[7 * xs + 3] = NAN;
    x[9 * xs + 3] = INFINITY;
    b->ops->linear(b->be, &(struct linear_args){.x = x,
                                                .x_stride = xs,
                                                .weight = weight,
                                                .out = out,
                                                .out_stride = ys,
                                                .m = s.m,
                                                .n = s.n,
                                                .k = s.k});
    for (size_t i = 0; i < s.m; i++)
        for (size_t j = 0; j < s.n; j++)
            assert_true(i == 7   ? isnan(out[i * ys + j])
                        : i == 9 ? isinf(out[i * ys + j])
                                 : isfinite(out[i * ys + j]));
}

/* ---- rows and panels ---- */

static void case_panels(struct bench *b, struct shape s)
{
    float *weight = bench_weight(b, s.n, s.k), *rows = bench_zeros(b, s.n * s.k);
    float *panels = bench_weight(b, s.n, s.k);

    b->ops->from_panels(b->be, &(struct panels_args){rows, weight, s.n, s.k});
    for (size_t i = 0; i < s.n; i++)
        for (size_t j = 0; j < s.k; j++)
            assert_true(rows[i * s.k + j] == weight[ops_panel_at(i, j, s.k)]);
    b->ops->to_panels(b->be, &(struct panels_args){rows, panels, s.n, s.k});
    assert_memory_equal(panels, weight, ops_panels(s.n, s.k) * sizeof *panels);
}

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

static void case_norm(struct bench *b, size_t m, size_t n)
{
    const size_t stride = ops_stride(n);
    float *x = bench_rows(b, m, n), *weight = bench_weight(b, n, 1), *bias = bench_weight(b, n, 1);
    float *out = bench_zeros(b, m * stride), *mean = bench_zeros(b, m), *rstd = bench_zeros(b, m);
    float *dy = bench_rows(b, m, n), *add = bench_rows(b, m, n), *dx = bench_zeros(b, m * stride);
    float *dweight = bench_weight(b, n, 1), *dbias = bench_weight(b, n, 1);
    double *want = bench_doubles(b, m * n), *row = bench_doubles(b, n);
    double *want_weight = bench_doubles(b, n), *want_bias = bench_doubles(b, n);

    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++)
            row[j] = x[i * stride + j];
        naive_norm(row, weight, bias, n, want + i * n);
    }
    b->ops->norm(b->be, &(struct norm_args){x, weight, bias, out, mean, rstd, stride, m, n,
                                            (float)norm_eps});
    bench_check_rows(b, out, want, m, n, 1e-5, "norm");
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < m; i++) {
            norm_backward_wants(x + i * stride, dy + i * stride, weight, n, want + i * n,
                                want_weight);
            for (size_t j = 0; j < n; j++) {
                want_bias[j] += dy[i * stride + j];
                want[i * n + j] += again ? add[i * stride + j] : 0;
            }
        }
        b->ops->norm_backward(b->be, &(struct norm_backward_args){dy, x, weight, mean, rstd,
                                                                  again ? add : NULL, dx, dweight,
                                                                  dbias, stride, m, n, again});
        bench_check_rows(b, dx, want, m, n, 5e-5, "norm dx");
        bench_check_weight(b, dweight, want_weight, n, 1, 2e-5, "norm dweight");
        bench_check_weight(b, dbias, want_bias, n, 1, 2e-5, "norm dbias");
    }
}

/* ---- GELU ---- */

static double naive_gelu(double x)
{
    return x * 0.5 * (1 + tanh(0.79788456 * x * (1 + 0.044715 * x * x)));
}

static void case_gelu(struct bench *b, size_t n)
{
    float *x = bench_zeros(b, n), *out = bench_zeros(b, n), *dy = bench_zeros(b, n);
    float *dx = bench_zeros(b, n);

    for (size_t i = 0; i < n; i++) {
        x[i] = (float)(bench_draw(b) * (i % 3 == 0 ? 12 : 2));
        dy[i] = (float)bench_draw(b);
    }
    x[0] = 0, x[1] = INFINITY, x[2] = 1e-30f, x[3] = -80, x[4] = 3e38f, x[5] = NAN;
    b->ops->gelu(b->be, &(struct gelu_args){x, out, n});
    b->ops->gelu_backward(b->be, &(struct gelu_backward_args){dy, x, dx, n});
    for (size_t i = 0; i < n; i++) {
        const double h = 1e-6;
        if (i == 1 || i == 4)
            continue;
        bench_near(out[i], naive_gelu(x[i]), 3e-7, "gelu");
        bench_near(dx[i], dy[i] * (naive_gelu(x[i] + h) - naive_gelu(x[i] - h)) / (2 * h), 2e-6,
                   "gelu dx");
    }
    assert_true(out[1] == INFINITY && out[4] == x[4] && isnan(out[5]));
    hasher_add(b->hasher, out + 6, (n - 6) * sizeof *out);
    hasher_add(b->hasher, dx + 6, (n - 6) * sizeof *dx);
}

/* ---- rows and embedding ---- */

static void case_rows(struct bench *b)
{
    const size_t n = 40, stride = ops_stride(n);
    const int32_t rows[] = {4, 0, 2};
    float *x = bench_rows(b, 5, n), *taken = bench_zeros(b, 3 * stride);
    float *put = bench_rows(b, 5, n);

    b->ops->take_rows(b->be, &(struct rows_args){x, taken, rows, stride, 3, 0});
    b->ops->put_rows(b->be, &(struct rows_args){taken, put, rows, stride, 3, 5});
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < n; j++)
            assert_true(put[i * stride + j] == (i % 2 == 0 ? x[i * stride + j] : 0));
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(taken + i * stride, x + (size_t)rows[i] * stride, n * sizeof *x);
}

static void case_embed(struct bench *b, size_t n)
{
    const int32_t ids[] = {3, 0, 36, 3, 36, 3};
    const size_t m = 6, words = 37, stride = ops_stride(n);
    float *weight = bench_weight(b, words, n), *out = bench_zeros(b, m * stride);
    float *dx = bench_rows(b, m, n), *dweight = bench_weight(b, words, n);
    double *want = bench_doubles(b, m * n), *sums = bench_doubles(b, words * n);

    for (size_t w = 0; w < words; w++)
        for (size_t j = 0; j < n; j++)
            sums[w * n + j] = dweight[ops_panel_at(w, j, n)];
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            want[i * n + j] = weight[ops_panel_at((size_t)ids[i], j, n)];
            sums[(size_t)ids[i] * n + j] += dx[i * stride + j];
        }
    b->ops->embed(b->be, &(struct embed_args){ids, weight, out, stride, m, n});
    b->ops->embed_backward(b->be, &(struct embed_backward_args){ids, dx, stride, dweight, m, n});
    bench_check_rows(b, out, want, m, n, 0, "embed");
    bench_check_weight(b, dweight, sums, words, n, 1e-6, "embed dweight");
}

/* ---- loss ---- */

static void case_cross_entropy(struct bench *b, size_t m, size_t n)
{
    const size_t stride = ops_stride(n);
    float *logits = bench_rows(b, m, n), *kept;
    double *losses = bench_doubles(b, m), *want = bench_doubles(b, m * n);
    int32_t *targets = arena_array(b->arena, m, sizeof *targets);

    assert_non_null(targets);
    for (size_t i = 0; i < m; i++) {
        targets[i] = i % 3 == 1 ? -1 : (int32_t)(i * 7 % n);
        logits[i * stride] *= 40; /* far from the others */
    }
    kept = bench_copy(b, logits, m * stride);
    for (int gradient = 0; gradient < 2; gradient++) {
        b->ops->cross_entropy(b->be, &(struct cross_entropy_args){logits, stride, targets, losses,
                                                                  m, n, 0.25f, gradient});
        for (size_t i = 0; i < m; i++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++)
                sum += exp(kept[i * stride + j]);
            bench_near(losses[i],
                       targets[i] < 0 ? 0 : log(sum) - kept[i * stride + (size_t)targets[i]], 2e-6,
                       "loss");
            for (size_t j = 0; j < n; j++)
                want[i * n + j] =
                    targets[i] < 0
                        ? 0
                        : 0.25 * (exp(kept[i * stride + j]) / sum - ((size_t)targets[i] == j));
        }
        if (!gradient)
            assert_memory_equal(logits, kept, m * stride * sizeof *logits);
    }
    bench_check_rows(b, logits, want, m, n, 1e-6, "dlogits");
    hasher_add(b->hasher, losses, m * sizeof *losses);
}

/* ---- what the optimiser needs ---- */

static void case_tensor_norms(struct bench *b)
{
    const struct ops_tensor tensors[] = {
        {0, 70, 33}, {ops_panels(70, 33), 50, 0}, {ops_panels(70, 33) + 64, 5, 16}};
    const size_t total = ops_panels(70, 33) + 64 + ops_panels(5, 16);
    float *slab = bench_zeros(b, total), *norms = bench_zeros(b, 3);
    double want[3] = {0};

    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < tensors[t].n; i++)
            for (size_t j = 0; j < (tensors[t].k ? tensors[t].k : 1); j++) {
                float *x =
                    &slab[tensors[t].offset + ops_panel_at(i, j, tensors[t].k ? tensors[t].k : 1)];
                *x = (float)bench_draw(b);
                want[t] += (double)*x * *x;
            }
    b->ops->tensor_norms(b->be, &(struct tensor_norms_args){slab, tensors, 3, norms});
    for (size_t t = 0; t < 3; t++)
        bench_near(norms[t], sqrt(want[t]), 1e-6, "norm");
    hasher_add(b->hasher, norms, 3 * sizeof *norms);
}

static void case_adamw(struct bench *b, size_t n)
{
    float *p = bench_zeros(b, n), *g = bench_zeros(b, n), *m = bench_zeros(b, n);
    float *v = bench_zeros(b, n);
    double *want = bench_doubles(b, n), *m1 = bench_doubles(b, n), *v1 = bench_doubles(b, n);
    const double lr = 0.01, decay = 0.1, scale = 0.5;

    for (size_t i = 0; i < n; i++)
        want[i] = p[i] = (float)bench_draw(b);
    for (int64_t step = 1; step <= 3; step++) {
        for (size_t i = 0; i < n; i++) {
            g[i] = (float)bench_draw(b);
            m1[i] = 0.9 * m1[i] + 0.1 * scale * g[i];
            v1[i] = 0.999 * v1[i] + 0.001 * scale * g[i] * scale * g[i];
            want[i] -= lr * decay * want[i];
            want[i] -= lr * (m1[i] / (1 - pow(0.9, (double)step))) /
                       (sqrt(v1[i] / (1 - pow(0.999, (double)step))) + 1e-8);
        }
        b->ops->adamw(b->be, &(struct adamw_args){p, g, m, v, n, step, lr, 0.9, 0.999, 1e-8, decay,
                                                  (float)scale});
    }
    for (size_t i = 0; i < n; i++) {
        bench_near(p[i], want[i], 2e-6, "param");
        bench_near(m[i], m1[i], 1e-6, "first moment");
        bench_near(v[i], v1[i], 1e-6, "second moment");
    }
    hasher_add(b->hasher, p, n * sizeof *p);
    hasher_add(b->hasher, m, n * sizeof *m);
    hasher_add(b->hasher, v, n * sizeof *v);
}

/* ---- work enough for threads: only that the bits are the same ---- */

static void case_large_norm(struct bench *b)
{
    const size_t m = 11000, n = 100, stride = ops_stride(n);
    float *x = bench_rows(b, m, n), *dy = bench_rows(b, m, n), *out = bench_zeros(b, m * stride);
    float *weight = bench_weight(b, n, 1), *bias = bench_weight(b, n, 1);
    float *mean = bench_zeros(b, m), *rstd = bench_zeros(b, m);

    b->ops->norm(b->be, &(struct norm_args){x, weight, bias, out, mean, rstd, stride, m, n,
                                            (float)norm_eps});
    hasher_add(b->hasher, out, m * stride * sizeof *out);
    b->ops->norm_backward(b->be, &(struct norm_backward_args){dy, x, weight, mean, rstd, out, out,
                                                              weight, bias, stride, m, n, true});
    hasher_add(b->hasher, out, m * stride * sizeof *out);
    hasher_add(b->hasher, weight, n * sizeof *weight);
    hasher_add(b->hasher, bias, n * sizeof *bias);
}

static void case_large_rest(struct bench *b)
{
    const size_t m = 6000, n = 100, words = 1792, stride = ops_stride(n);
    const struct ops_tensor tensors[] = {
        {0, words, n}, {ops_panels(words, n), words, n}, {ops_panels(words, n) * 2, words, n}};
    float *weight = bench_weight(b, 3 * words, n), *out = bench_zeros(b, m * stride);
    float *norms = bench_zeros(b, 3);
    int32_t *ids = arena_array(b->arena, m, sizeof *ids);

    assert_non_null(ids);
    for (size_t i = 0; i < m; i++)
        ids[i] = (int32_t)(i * 7919 % words);
    for (int again = 0; again < 3; again++) {
        b->ops->embed(b->be, &(struct embed_args){ids, weight, out, stride, m, n});
        b->ops->embed_backward(b->be,
                               &(struct embed_backward_args){ids, out, stride, weight, m, n});
    }
    for (int again = 0; again < 3; again++)
        b->ops->tensor_norms(b->be, &(struct tensor_norms_args){weight, tensors, 3, norms});
    hasher_add(b->hasher, out, m * stride * sizeof *out);
    hasher_add(b->hasher, weight, ops_panels(3 * words, n) * sizeof *weight);
    hasher_add(b->hasher, norms, 3 * sizeof *norms);
}

/* ---- everything ---- */

static void all_linear(struct bench *b)
{
    for (size_t i = 0; i < sizeof linear_shapes / sizeof *linear_shapes; i++) {
        bench_begin(b);
        case_linear(b, linear_shapes[i]);
        case_linear_input(b, linear_shapes[i]);
        case_linear_weight(b, linear_shapes[i]);
        case_panels(b, linear_shapes[i]);
        bench_end(b);
    }
    bench_begin(b);
    case_linear_nan(b);
    bench_end(b);
}

static void all_rows(struct bench *b)
{
    bench_begin(b);
    case_norm(b, 1, 1);
    case_norm(b, 19, 48);
    bench_end(b);
    bench_begin(b);
    case_norm(b, 40, 100);
    case_rows(b);
    case_embed(b, 33);
    bench_end(b);
    bench_begin(b);
    case_gelu(b, 64);
    case_gelu(b, 160000);
    case_cross_entropy(b, 7, 70);
    case_cross_entropy(b, 140, 2000);
    bench_end(b);
    bench_begin(b);
    case_tensor_norms(b);
    case_adamw(b, 1);
    case_adamw(b, 35);
    case_adamw(b, 550000);
    bench_end(b);
    bench_begin(b);
    case_large_norm(b);
    case_large_rest(b);
    bench_end(b);
}

static void test_linear(void **state)
{
    (void)state;
    bench_on_every_backend(all_linear);
}

static void test_rows(void **state)
{
    (void)state;
    bench_on_every_backend(all_rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
