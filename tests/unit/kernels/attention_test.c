/*
 * attention: against a naive one in double, and the backward pass against its central differences;
 * for whole sequences, for some of their queries, and with keys that lie elsewhere (a cache).
 */
#include "bench.h"

enum { SEQUENCES = 5 };

/* Lengths of the sequences: one key, less than a panel, a block and a panel crossed. */
static const int32_t lengths[SEQUENCES] = {1, 7, 33, 70, 127};

struct inputs {
    size_t tokens, queries, heads, d, stride, out_stride;
    float *qkv, *dout;
    int32_t *rows, *places, first_query[SEQUENCES], first_key[SEQUENCES];
    struct attention_sequence sequences[SEQUENCES];
    float slopes[4];
};

/* every: each token is a query; else every third, and the last. */
static struct inputs make(struct bench *b, size_t heads, size_t d, bool every)
{
    struct inputs in = {.heads = heads, .d = d, .slopes = {0.5f, 0.7071f, 0.0625f, 0.25f}};

    for (int s = 0; s < SEQUENCES; s++)
        in.tokens += (size_t)lengths[s];
    in.stride = ops_stride(3 * heads * d);
    in.out_stride = ops_stride(heads * d);
    in.qkv = bench_rows(b, in.tokens, 3 * heads * d);
    in.rows = arena_array(b->arena, in.tokens, sizeof *in.rows);
    in.places = arena_array(b->arena, in.tokens, sizeof *in.places);
    assert_true(in.rows && in.places);
    for (int32_t s = 0, first = 0; s < SEQUENCES; first += lengths[s++]) {
        in.sequences[s] = (struct attention_sequence){(int32_t)in.queries, 0, first, lengths[s]};
        for (int32_t place = 0; place < lengths[s]; place++) {
            if (!every && place % 3 != 1 && place + 1 < lengths[s])
                continue;
            in.rows[in.queries] = first + place;
            in.places[in.queries++] = place;
            in.sequences[s].query_count++;
        }
    }
    in.dout = bench_rows(b, in.queries, heads * d);
    return in;
}

/* What query i of sequence s gives in head h: d numbers. x: the rows of qkv, dense. */
static void naive(const struct inputs *in, const double *x, size_t s, size_t i, size_t h,
                  double *out)
{
    const size_t width = 3 * in->heads * in->d, column = 3 * h * in->d, d = in->d;
    const size_t query = (size_t)in->sequences[s].query_first + i;
    const double *q = x + (size_t)in->rows[query] * width + column;
    double scores[128] = {0}, sum = 0;

    for (size_t l = 0; l < d; l++)
        out[l] = 0;
    for (size_t j = 0; j <= (size_t)in->places[query]; j++) {
        const double *k = x + ((size_t)in->sequences[s].key_first + j) * width + column + d;
        scores[j] = (double)in->slopes[h] * (double)j;
        for (size_t l = 0; l < d; l++)
            scores[j] += q[l] * k[l] / sqrt((double)d);
        scores[j] = exp(scores[j]);
        sum += scores[j];
    }
    for (size_t j = 0; j <= (size_t)in->places[query]; j++) {
        const double *v = x + ((size_t)in->sequences[s].key_first + j) * width + column + 2 * d;
        for (size_t l = 0; l < d; l++)
            out[l] += scores[j] / sum * v[l];
    }
}

static double *dense(struct bench *b, const struct inputs *in)
{
    const size_t width = 3 * in->heads * in->d;
    double *x = bench_doubles(b, in->tokens * width);

    for (size_t i = 0; i < in->tokens; i++)
        for (size_t j = 0; j < width; j++)
            x[i * width + j] = in->qkv[i * in->stride + j];
    return x;
}

/* Σ dout · attention over sequence s and head h. */
static double dot(const struct inputs *in, const double *x, size_t s, size_t h)
{
    double out[64], sum = 0;

    for (size_t i = 0; i < (size_t)in->sequences[s].query_count; i++) {
        const size_t query = (size_t)in->sequences[s].query_first + i;
        naive(in, x, s, i, h, out);
        for (size_t l = 0; l < in->d; l++)
            sum += in->dout[query * in->out_stride + h * in->d + l] * out[l];
    }
    return sum;
}

static struct attention_args arguments(struct bench *b, const struct inputs *in, float *out)
{
    return (struct attention_args){.q = in->qkv,
                                   .kv = in->qkv,
                                   .q_stride = in->stride,
                                   .kv_stride = in->stride,
                                   .query_row = in->rows,
                                   .query_place = in->places,
                                   .sequences = in->sequences,
                                   .n_sequences = SEQUENCES,
                                   .slopes = in->slopes,
                                   .out = out,
                                   .out_stride = in->out_stride,
                                   .row_max = bench_zeros(b, in->queries * in->heads),
                                   .row_scale = bench_zeros(b, in->queries * in->heads),
                                   .heads = in->heads,
                                   .d = in->d,
                                   .scale = (float)(1 / sqrt((double)in->d))};
}

static void check_forward(struct bench *b, const struct inputs *in, const float *out)
{
    const size_t width = in->heads * in->d;
    double *want = bench_doubles(b, in->queries * width), *x = dense(b, in);

    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t i = 0; i < (size_t)in->sequences[s].query_count; i++)
            for (size_t h = 0; h < in->heads; h++)
                naive(in, x, s, i, h,
                      want + ((size_t)in->sequences[s].query_first + i) * width + h * in->d);
    bench_check_rows(b, out, want, in->queries, width, 2e-5, "attention");
}

/* Central differences are slow: sampled elements of the first sequences. */
static void check_backward(struct bench *b, const struct inputs *in, const float *dqkv)
{
    const size_t width = 3 * in->heads * in->d;
    double *x = dense(b, in);

    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t j = 0; j < (size_t)lengths[s]; j += s < 2 ? 1 : 11)
            for (size_t c = (j * 5) % 7; c < width; c += s < 2 ? 1 : 23) {
                const size_t row = (size_t)in->sequences[s].key_first + j;
                const double h = 1e-5, at = x[row * width + c];
                double plus, minus;
                x[row * width + c] = at + h;
                plus = dot(in, x, s, c / (3 * in->d));
                x[row * width + c] = at - h;
                minus = dot(in, x, s, c / (3 * in->d));
                x[row * width + c] = at;
                bench_near(dqkv[row * in->stride + c], (plus - minus) / (2 * h), 5e-5, "dqkv");
            }
}

static void case_attention(struct bench *b, size_t heads, size_t d, bool every)
{
    const struct inputs in = make(b, heads, d, every);
    float *out = bench_zeros(b, in.queries * in.out_stride);
    float *dqkv = bench_rows(b, in.tokens, 3 * heads * d); /* all of it must be overwritten */
    const struct attention_args a = arguments(b, &in, out);

    assert_int_equal(b->ops->prepare(b->be, &(struct ops_limits){.keys = 127, .d = d}, &b->err),
                     OK);
    b->ops->attention(b->be, &a);
    check_forward(b, &in, out);
    b->ops->attention_backward(b->be, &(struct attention_backward_args){a, in.dout, dqkv});
    if (!b->compared_only)
        check_backward(b, &in, dqkv);
    hasher_add(b->hasher, dqkv, in.tokens * in.stride * sizeof *dqkv);
}

/* The keys of the last sequence in a cache, its last query alone: the same bits as together. */
static void case_cache(struct bench *b)
{
    const struct inputs in = make(b, 2, 24, true);
    const struct attention_sequence *last = &in.sequences[SEQUENCES - 1];
    const size_t n = (size_t)last->key_count, width = (size_t)2 * 24;
    float *out = bench_zeros(b, in.queries * in.out_stride);
    float *one = bench_zeros(b, in.out_stride), *cache = bench_zeros(b, 2 * n * in.stride);
    struct attention_args a = arguments(b, &in, out);
    const struct attention_sequence alone = {0, 1, (int32_t)n, (int32_t)n};
    const int32_t place = (int32_t)n - 1;

    assert_int_equal(b->ops->prepare(b->be, &(struct ops_limits){.keys = 127, .d = 24}, &b->err),
                     OK);
    b->ops->attention(b->be, &a);
    memcpy(cache + n * in.stride, in.qkv + (size_t)last->key_first * in.stride,
           n * in.stride * sizeof *cache);
    a.kv = cache;
    a.query_row = &in.rows[in.queries - 1];
    a.query_place = &place;
    a.sequences = &alone;
    a.n_sequences = 1;
    a.out = one;
    b->ops->attention(b->be, &a);
    assert_memory_equal(one, out + (in.queries - 1) * in.out_stride, width * sizeof *one);
}

static void all(struct bench *b)
{
    static const struct {
        size_t heads, d;
    } sizes[] = {{1, 5}, {3, 16}, {2, 33}, {4, 32}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int every = 0; every < 2; every++) {
            bench_begin(b);
            case_attention(b, sizes[i].heads, sizes[i].d, every);
            bench_end(b);
        }
    bench_begin(b);
    case_cache(b);
    bench_end(b);
}

static void test_attention(void **state)
{
    (void)state;
    bench_on_every_backend(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attention)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
