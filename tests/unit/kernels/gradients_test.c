/*
 * gradients: all of them at once: their norms and the window of micro-batches, to the bit against
 * plain loops in the order that cpu/cpu.h promises; AdamW in double. Start at plain_norm.
 */
#include "bench.h"

/* ---- norms ---- */

/* Row after row in eight lanes, then these in order. A vector, and a matrix of one column, is one
 * row. */
static float plain_norm(const float *x, struct ops_shape shape)
{
    const size_t m = shape.k > 1 ? shape.n : 1, k = shape.k > 1 ? shape.k : shape.n;
    float lane[8] = {0};

    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < k; j++)
            lane[j % 8] = fmaf(x[i * k + j], x[i * k + j], lane[j % 8]);
    for (size_t l = 1; l < 8; l++)
        lane[0] += lane[l];
    return sqrtf(lane[0]);
}

static float plain_largest(const float *x, size_t n)
{
    float largest = 0;

    for (size_t i = 0; i < n; i++)
        largest = isnan(x[i]) ? INFINITY : fmaxf(largest, fabsf(x[i]));
    return largest;
}

/* Norms and largest magnitudes of all n parameters, whose gradients are in rows. */
static void check_norms(struct bench *b, float *const *rows, size_t n)
{
    float *norms = bench_zeros(b, n), *largest = bench_zeros(b, n);
    float *want = bench_zeros(b, n), *want_largest = bench_zeros(b, n);

    b->ops->gradient_norms(b->be, &(struct gradient_norms_args){norms, largest});
    for (size_t i = 0; i < n && !b->compared_only; i++) {
        want[i] = plain_norm(rows[i], b->shapes[i]);
        want_largest[i] = plain_largest(rows[i], bench_size(b, (int)i));
    }
    bench_same(b, norms, want, n, "norm");
    bench_same(b, largest, want_largest, n, "largest");
}

/* Every number of rows with every number of columns; 0: vectors. */
static void case_norms(struct bench *b, bool large)
{
    static const size_t rows[] = {1, 63, 64, 65, 129, 1000}, columns[] = {0, 1, 7, 8, 35, 1024};
    enum { SIDE = 6, N = SIDE * SIDE };
    struct ops_shape shapes[N];
    float *gradients[N];

    for (size_t i = 0; i < N; i++)
        shapes[i] = (struct ops_shape){rows[i / SIDE], columns[i % SIDE]};
    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = N, .training = true});
    for (size_t i = 0; i < N; i++) {
        gradients[i] = bench_upload(b, OPS_GRADIENT, (int)i);
        for (size_t j = 0; j < bench_size(b, (int)i) && large; j++) /* squares that overflow */
            gradients[i][j] *= j % 100 == 99 ? 3e38f : 1e-30f;
        bench_put(b, OPS_GRADIENT, (int)i, gradients[i]);
    }
    check_norms(b, gradients, N);
}

/* Sums that hardly change, and squares that are half a unit of their last place: which way each
 * rounds depends on all before it. Then one that passes every power of two. */
static void case_ties(struct bench *b)
{
    enum { LONG = 300001 };
    const struct ops_shape shapes[] = {{LONG, 0}, {LONG, 0}, {401, 777}};
    float *rows[3];

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = 3, .training = true});
    for (int i = 0; i < 3; i++)
        rows[i] = bench_upload(b, OPS_GRADIENT, i);
    for (size_t j = 0; j < LONG; j++) {
        rows[0][j] = j < 8 ? 64 : truncf(8 * rows[0][j]) / 64;
        rows[1][j] *= ldexpf(1, (int)(j / 4000) - 60);
    }
    for (size_t j = 0; j < bench_size(b, 2); j++)
        rows[2][j] = j % 50000 == 49999 ? 100 * rows[2][j] : ldexpf(truncf(4 * rows[2][j]), -8);
    for (int i = 0; i < 3; i++)
        bench_put(b, OPS_GRADIENT, i, rows[i]);
    check_norms(b, rows, 3);
}

/* A NaN or an infinity anywhere: first, last, in whichever block; the others' norms are theirs. */
static void case_not_finite(struct bench *b)
{
    const struct ops_shape shapes[] = {{129, 35}, {70, 8}, {33, 0}, {3, 3}};
    enum { N = sizeof shapes / sizeof *shapes };
    static const float bad[] = {NAN, -INFINITY, INFINITY};
    float *rows[N], *norms = bench_zeros(b, N), *largest = bench_zeros(b, N);

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = N, .training = true});
    for (int i = 0; i < N; i++)
        rows[i] = bench_upload(b, OPS_GRADIENT, i);
    check_norms(b, rows, N);
    for (int i = 0; i < N; i++)
        for (size_t place = 0; place < 5; place++)
            for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
                float *at = &rows[i][place * (bench_size(b, i) - 1) / 4], kept = *at;
                *at = bad[k];
                bench_put(b, OPS_GRADIENT, i, rows[i]);
                b->ops->gradient_norms(b->be, &(struct gradient_norms_args){norms, largest});
                *at = kept;
                bench_put(b, OPS_GRADIENT, i, rows[i]);
                assert_true(largest[i] == INFINITY);
                assert_true(isnan(bad[k]) ? isnan(norms[i]) : norms[i] == INFINITY);
                for (int j = 0; j < N; j++)
                    assert_true(j == i || (isfinite(norms[j]) && isfinite(largest[j])));
            }
    check_norms(b, rows, N);
}

/* What pads a gradient does not count, even where a product made it NaN: 0 · infinity. */
static void case_padding(struct bench *b)
{
    enum { M = 3, N = 35, K = 40 };
    const struct ops_shape shapes[] = {{N, K}};
    const struct ops_rows x = bench_rows(b, M, K), dy = bench_rows(b, M, N);
    float norm, largest;

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = 1, .training = true});
    bench_row(x, 1)[17] = INFINITY;
    b->ops->linear_weight(b->be, &(struct linear_weight_args){
                                     .dy = dy, .x = x, .weight = 0, .bias = OPS_NONE, .m = M});
    b->ops->gradient_norms(b->be, &(struct gradient_norms_args){&norm, &largest});
    assert_true(norm == INFINITY && largest == INFINITY);
}

/* ---- AdamW ---- */

struct adamw {
    int parameter;
    double *value, *first, *second;
};

static const struct adamw_args adamw_of = {
    .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1, .grad_scale = 0.5f};

static struct adamw adamw_begin(struct bench *b, int parameter)
{
    const size_t n = bench_size(b, parameter);
    const float *value = bench_upload(b, OPS_VALUE, parameter);
    struct adamw a = {parameter, bench_doubles(b, n), bench_doubles(b, n), bench_doubles(b, n)};

    for (size_t i = 0; i < n; i++)
        a.value[i] = value[i];
    return a;
}

static void adamw_step(const struct bench *b, struct adamw *a, const float *gradient, int64_t step)
{
    const struct adamw_args *o = &adamw_of;

    for (size_t i = 0; i < bench_size(b, a->parameter); i++) {
        const double g = (double)o->grad_scale * gradient[i];
        a->first[i] = o->beta1 * a->first[i] + (1 - o->beta1) * g;
        a->second[i] = o->beta2 * a->second[i] + (1 - o->beta2) * g * g;
        a->value[i] -= o->lr * o->weight_decay * a->value[i];
        a->value[i] -= o->lr * (a->first[i] / (1 - pow(o->beta1, (double)step))) /
                       (sqrt(a->second[i] / (1 - pow(o->beta2, (double)step))) + o->eps);
    }
}

static void adamw_check(struct bench *b, const struct adamw *a)
{
    bench_check(b, OPS_VALUE, a->parameter, a->value, 2e-6, "value");
    bench_check(b, OPS_MOMENT1, a->parameter, a->first, 1e-6, "first moment");
    bench_check(b, OPS_MOMENT2, a->parameter, a->second, 1e-6, "second moment");
}

/* Three steps of parameters 1 to 3; 0 and 4 stay. */
static void case_adamw(struct bench *b)
{
    const struct ops_shape shapes[] = {{40, 0}, {1, 0}, {35, 33}, {700, 300}, {33, 5}};
    enum { N = sizeof shapes / sizeof *shapes };
    struct adamw_args args = adamw_of;
    struct adamw a[N];

    bench_parameters(b, &(struct ops_parameters){.shapes = shapes, .n = N, .training = true});
    for (int i = 0; i < N; i++)
        a[i] = adamw_begin(b, i);
    args.first = 1;
    args.n = 3;
    for (args.step = 1; args.step <= 3; args.step++) {
        for (int i = 0; i < N; i++) {
            const float *gradient = bench_upload(b, OPS_GRADIENT, i);
            if (i >= args.first && i < args.first + args.n)
                adamw_step(b, &a[i], gradient, args.step);
        }
        b->ops->adamw(b->be, &args);
    }
    for (int i = 0; i < N; i++)
        adamw_check(b, &a[i]);
}

/* ---- the window of a few micro-batches ---- */

enum { WORD, WEIGHT, BIAS, NORM_WEIGHT, NORM_BIAS, WINDOW, MICRO_BATCHES = 3 };

struct micro_batch {
    size_t m, n;
    struct ops_rows x, dy, dx;
    int32_t *ids;
    float *mean, *rstd;
};

static struct micro_batch micro_batch_of(struct bench *b, size_t m, size_t n, size_t words)
{
    struct micro_batch s = {.m = m, .n = n};

    s.x = bench_rows(b, m, n);
    s.dy = bench_rows(b, m, n);
    s.dx = bench_zero_rows(b, m, n);
    s.mean = bench_zeros(b, m);
    s.rstd = bench_zeros(b, m);
    s.ids = arena_array(b->arena, m, sizeof *s.ids);
    assert_non_null(s.ids);
    for (size_t i = 0; i < m; i++) {
        s.ids[i] = (int32_t)((i * 7 + m) % words);
        s.mean[i] = (float)bench_draw(b);
        s.rstd[i] = (float)bench_draw(b);
    }
    return s;
}

/* A gradient of every kind. The matrix of words is that of a product too: what embed adds comes
 * on top. */
static void backward(struct bench *b, const struct micro_batch *s)
{
    b->ops->norm_backward(b->be, &(struct norm_backward_args){.dy = s->dy,
                                                              .x = s->x,
                                                              .dx = s->dx,
                                                              .weight = NORM_WEIGHT,
                                                              .bias = NORM_BIAS,
                                                              .mean = s->mean,
                                                              .rstd = s->rstd,
                                                              .m = s->m});
    b->ops->linear_weight(b->be,
                          &(struct linear_weight_args){
                              .dy = s->dy, .x = s->x, .weight = WEIGHT, .bias = BIAS, .m = s->m});
    b->ops->clear(b->be, WORD);
    b->ops->embed_backward(b->be, &(struct embed_backward_args){s->ids, s->dx, WORD, s->m});
}

/* Each micro-batch alone is a window of one. */
static void micro_gradients(struct bench *b, const struct micro_batch *s,
                            float *out[MICRO_BATCHES][WINDOW])
{
    for (int micro = 0; micro < MICRO_BATCHES; micro++) {
        b->ops->micro_batch(b->be, true, 1);
        backward(b, &s[micro]);
        b->ops->add_gradients(b->be);
        for (int i = 0; i < WINDOW; i++)
            out[micro][i] = bench_download(b, OPS_GRADIENT, i);
    }
}

/* Windows of 1, 2 and 3: downloaded, measured and applied is the sum in fp32, in order. */
static void case_window(struct bench *b, size_t n, size_t words)
{
    const struct ops_shape shapes[WINDOW] = {{words, n}, {n, n}, {n, 0}, {n, 0}, {n, 0}};
    struct micro_batch micro[MICRO_BATCHES];
    float *alone[MICRO_BATCHES][WINDOW], *sums[WINDOW];
    struct adamw_args args = adamw_of;
    struct adamw a[WINDOW];

    bench_parameters(b, &(struct ops_parameters){
                            .shapes = shapes, .n = WINDOW, .training = true, .accumulate = true});
    for (int i = 0; i < WINDOW; i++)
        a[i] = adamw_begin(b, i);
    for (size_t i = 0; i < MICRO_BATCHES; i++)
        micro[i] = micro_batch_of(b, 40 + 9 * i, n, words);
    args.n = WINDOW;
    for (int size = 1; size <= MICRO_BATCHES; size++) {
        micro_gradients(b, micro, alone);
        for (int j = 0; j < size; j++) {
            b->ops->micro_batch(b->be, j == 0, 1);
            backward(b, &micro[j]);
            b->ops->add_gradients(b->be);
        }
        for (int i = 0; i < WINDOW; i++) {
            const size_t floats = bench_size(b, i);
            sums[i] = bench_zeros(b, floats);
            memcpy(sums[i], alone[0][i], floats * sizeof *sums[i]);
            for (int j = 1; j < size; j++)
                for (size_t l = 0; l < floats; l++)
                    sums[i][l] += alone[j][i][l];
            bench_same(b, bench_download(b, OPS_GRADIENT, i), sums[i], floats, "window");
            adamw_step(b, &a[i], sums[i], size);
        }
        check_norms(b, sums, WINDOW);
        args.step = size;
        b->ops->adamw(b->be, &args);
        for (int i = 0; i < WINDOW; i++)
            adamw_check(b, &a[i]);
    }
}

static void all(struct bench *b)
{
    for (int large = 0; large < 2; large++) {
        bench_begin(b);
        case_norms(b, large);
        bench_end(b);
    }
    bench_begin(b);
    case_ties(b);
    bench_end(b);
    bench_begin(b);
    case_not_finite(b);
    bench_end(b);
    bench_begin(b);
    case_padding(b);
    bench_end(b);
    bench_begin(b);
    case_adamw(b);
    bench_end(b);
    bench_begin(b);
    case_window(b, 35, 70);
    bench_end(b);
    bench_begin(b);
    case_window(b, 256, 2000); /* enough for threads */
    bench_end(b);
}

static void test_gradients(void **state)
{
    (void)state;
    bench_on_every_backend(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
