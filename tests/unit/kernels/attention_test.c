/*
 * attention: against a naive one in double, and the backward pass against its central differences;
 * for whole sequences, for some of their queries, and with keys that lie elsewhere (a cache); with
 * and without slopes, in the layouts of BLOOM and of GPT-2, which give the same bits.
 */
#include "bench.h"

enum { SEQUENCES = 5 };

/* Lengths of the sequences: one key, less than a panel, a block and a panel crossed. */
static const int32_t lengths[SEQUENCES] = {1, 7, 33, 70, 127};

struct inputs {
    size_t tokens, queries;
    struct attention_layout layout;
    struct ops_rows qkv, dout;
    int32_t *rows, *places;
    struct attention_sequence sequences[SEQUENCES];
    const float *slopes; /* or NULL */
};

/* A head's query, key and value lie together. */
static struct attention_layout bloom(size_t heads, size_t d)
{
    return (struct attention_layout){.heads = heads, .d = d, .head_step = 3 * d, .part_step = d};
}

/* The queries of all heads, then the keys, then the values. */
static struct attention_layout gpt2(size_t heads, size_t d)
{
    return (struct attention_layout){
        .heads = heads, .d = d, .head_step = d, .part_step = heads * d};
}

static size_t width_of(const struct inputs *in)
{
    return 3 * in->layout.heads * in->layout.d;
}

static size_t column_of(const struct attention_layout *l, size_t head, size_t part)
{
    return head * l->head_step + part * l->part_step;
}

/* every: each token is a query; else every third, and the last. */
static struct inputs make(struct bench *b, struct attention_layout layout, bool slopes, bool every)
{
    static const float values[] = {0.5f, 0.7071f, 0.0625f, 0.25f};
    struct inputs in = {.layout = layout, .slopes = slopes ? values : NULL};

    for (int s = 0; s < SEQUENCES; s++)
        in.tokens += (size_t)lengths[s];
    in.qkv = bench_rows(b, in.tokens, width_of(&in));
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
    in.dout = bench_rows(b, in.queries, layout.heads * layout.d);
    assert_int_equal(
        b->ops->prepare(b->be, &(struct ops_limits){.keys = 127, .d = layout.d}, &b->err), OK);
    return in;
}

/* What query i of sequence s gives in head h: d numbers. x: the rows of qkv, dense. */
static void naive(const struct inputs *in, const double *x, size_t s, size_t i, size_t h,
                  double *out)
{
    const size_t width = width_of(in), d = in->layout.d;
    const size_t query = (size_t)in->sequences[s].query_first + i;
    const double *q = x + (size_t)in->rows[query] * width + column_of(&in->layout, h, 0);
    const double *keys = x + (size_t)in->sequences[s].key_first * width;
    double scores[128] = {0}, sum = 0;

    for (size_t l = 0; l < d; l++)
        out[l] = 0;
    for (size_t j = 0; j <= (size_t)in->places[query]; j++) {
        const double *k = keys + j * width + column_of(&in->layout, h, 1);
        scores[j] = in->slopes ? (double)in->slopes[h] * (double)j : 0;
        for (size_t l = 0; l < d; l++)
            scores[j] += q[l] * k[l] / sqrt((double)d);
        scores[j] = exp(scores[j]);
        sum += scores[j];
    }
    for (size_t j = 0; j <= (size_t)in->places[query]; j++) {
        const double *v = keys + j * width + column_of(&in->layout, h, 2);
        for (size_t l = 0; l < d; l++)
            out[l] += scores[j] / sum * v[l];
    }
}

static double *dense(struct bench *b, const struct inputs *in)
{
    const size_t width = width_of(in);
    double *x = bench_doubles(b, in->tokens * width);

    for (size_t i = 0; i < in->tokens; i++)
        for (size_t j = 0; j < width; j++)
            x[i * width + j] = bench_row(in->qkv, i)[j];
    return x;
}

/* Σ dout · attention over sequence s and head h. */
static double dot(const struct inputs *in, const double *x, size_t s, size_t h)
{
    double out[64], sum = 0;

    for (size_t i = 0; i < (size_t)in->sequences[s].query_count; i++) {
        const size_t query = (size_t)in->sequences[s].query_first + i;
        naive(in, x, s, i, h, out);
        for (size_t l = 0; l < in->layout.d; l++)
            sum += bench_row(in->dout, query)[h * in->layout.d + l] * out[l];
    }
    return sum;
}

static struct attention_args arguments(struct bench *b, const struct inputs *in)
{
    const size_t kept = in->queries * in->layout.heads;

    return (struct attention_args){
        .q = in->qkv,
        .kv = in->qkv,
        .layout = in->layout,
        .query_row = in->rows,
        .query_place = in->places,
        .sequences = in->sequences,
        .n_sequences = SEQUENCES,
        .slopes = in->slopes,
        .out = bench_zero_rows(b, in->queries, in->layout.heads * in->layout.d),
        .row_max = bench_zeros(b, kept),
        .row_scale = bench_zeros(b, kept),
        .scale = (float)(1 / sqrt((double)in->layout.d))};
}

static void check_forward(struct bench *b, const struct inputs *in, struct ops_rows out)
{
    const size_t width = in->layout.heads * in->layout.d;
    double *want = bench_doubles(b, in->queries * width), *x = dense(b, in);

    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t i = 0; i < (size_t)in->sequences[s].query_count; i++)
            for (size_t h = 0; h < in->layout.heads; h++)
                naive(in, x, s, i, h,
                      want + ((size_t)in->sequences[s].query_first + i) * width + h * in->layout.d);
    bench_check_rows(b, out, want, in->queries, width, 2e-5, "attention");
}

/* The head that a column of qkv belongs to. */
static size_t head_of(const struct attention_layout *l, size_t column)
{
    return l->head_step > l->part_step ? column / l->head_step : column % l->part_step / l->d;
}

/* Central differences are slow: sampled elements of the first sequences. */
static void check_backward(struct bench *b, const struct inputs *in, struct ops_rows dqkv)
{
    const size_t width = width_of(in);
    double *x = dense(b, in);

    for (size_t s = 0; s < SEQUENCES; s++)
        for (size_t j = 0; j < (size_t)lengths[s]; j += s < 2 ? 1 : 11)
            for (size_t c = (j * 5) % 7; c < width; c += s < 2 ? 1 : 23) {
                const size_t row = (size_t)in->sequences[s].key_first + j;
                const double h = 1e-5, at = x[row * width + c];
                double plus, minus;
                x[row * width + c] = at + h;
                plus = dot(in, x, s, head_of(&in->layout, c));
                x[row * width + c] = at - h;
                minus = dot(in, x, s, head_of(&in->layout, c));
                x[row * width + c] = at;
                bench_near(bench_row(dqkv, row)[c], (plus - minus) / (2 * h), 5e-5, "dqkv");
            }
}

/* dqkv of a forward and a backward pass; out is in `a`. */
static struct ops_rows run(struct bench *b, const struct inputs *in, const struct attention_args *a)
{
    /* all of it must be overwritten */
    const struct ops_rows dqkv = bench_rows(b, in->tokens, width_of(in));

    b->ops->attention(b->be, a);
    b->ops->attention_backward(b->be, &(struct attention_backward_args){*a, in->dout, dqkv});
    return dqkv;
}

static void case_attention(struct bench *b, struct attention_layout layout, bool slopes, bool every)
{
    const struct inputs in = make(b, layout, slopes, every);
    const struct attention_args a = arguments(b, &in);
    const struct ops_rows dqkv = run(b, &in, &a);

    check_forward(b, &in, a.out);
    if (!b->compared_only)
        check_backward(b, &in, dqkv);
    hasher_add(b->hasher, dqkv.at, in.tokens * dqkv.stride * sizeof(float));
    for (size_t i = 0; i < in.tokens; i++)
        for (size_t j = width_of(&in); j < dqkv.stride; j++)
            assert_true(bench_row(dqkv, i)[j] == 0);
}

/* Copies rows of `from` to the places of another layout. */
static void lay_out(const struct attention_layout *from_layout, struct ops_rows from,
                    const struct attention_layout *to_layout, struct ops_rows to, size_t m)
{
    for (size_t i = 0; i < m; i++)
        for (size_t h = 0; h < from_layout->heads; h++)
            for (size_t part = 0; part < 3; part++)
                memcpy(bench_row(to, i) + column_of(to_layout, h, part),
                       bench_row(from, i) + column_of(from_layout, h, part),
                       from_layout->d * sizeof(float));
}

/* The same numbers in the other layout: the same bits out of both passes. */
static void case_layouts(struct bench *b, size_t heads, size_t d, bool slopes)
{
    const struct inputs in = make(b, bloom(heads, d), slopes, false);
    const struct attention_args a = arguments(b, &in);
    struct inputs other = in;
    struct attention_args other_a;
    struct ops_rows dqkv, other_dqkv, back;

    other.layout = gpt2(heads, d);
    other.qkv = bench_zero_rows(b, in.tokens, width_of(&in));
    lay_out(&in.layout, in.qkv, &other.layout, other.qkv, in.tokens);
    other_a = arguments(b, &other);
    dqkv = run(b, &in, &a);
    other_dqkv = run(b, &other, &other_a);
    back = bench_zero_rows(b, in.tokens, width_of(&in));
    lay_out(&other.layout, other_dqkv, &in.layout, back, in.tokens);
    assert_memory_equal(other_a.out.at, a.out.at, in.queries * a.out.stride * sizeof(float));
    assert_memory_equal(other_a.row_max, a.row_max, in.queries * heads * sizeof(float));
    assert_memory_equal(other_a.row_scale, a.row_scale, in.queries * heads * sizeof(float));
    assert_memory_equal(back.at, dqkv.at, in.tokens * dqkv.stride * sizeof(float));
}

/* The keys of the last sequence in a cache, its last query alone: the same bits as together. */
static void case_cache(struct bench *b, bool slopes)
{
    const struct inputs in = make(b, bloom(2, 24), slopes, true);
    const struct attention_sequence *last = &in.sequences[SEQUENCES - 1];
    const size_t n = (size_t)last->key_count, width = (size_t)2 * 24;
    const struct ops_rows one = bench_zero_rows(b, 1, width);
    const struct ops_rows cache = bench_zero_rows(b, 2 * n, width_of(&in));
    const struct attention_sequence alone = {0, 1, (int32_t)n, (int32_t)n};
    const struct attention_args together = arguments(b, &in);
    struct attention_args a = together;
    const int32_t place = (int32_t)n - 1;

    b->ops->attention(b->be, &together);
    memcpy(bench_row(cache, n), bench_row(in.qkv, (size_t)last->key_first),
           n * cache.stride * sizeof(float));
    a.kv = cache;
    a.query_row = &in.rows[in.queries - 1];
    a.query_place = &place;
    a.sequences = &alone;
    a.n_sequences = 1;
    a.out = one;
    b->ops->attention(b->be, &a);
    assert_memory_equal(one.at, bench_row(together.out, in.queries - 1), width * sizeof(float));
}

/* Scratch grows from limits to limits, and smaller ones leave it as it is. */
static void case_limits(struct bench *b)
{
    const struct inputs in = make(b, bloom(3, 40), true, true);
    const struct attention_args a = arguments(b, &in), again = arguments(b, &in);

    b->ops->attention(b->be, &a);
    for (size_t keys = 1; keys < 2000; keys *= 11)
        assert_int_equal(
            b->ops->prepare(b->be, &(struct ops_limits){.keys = keys, .d = keys}, &b->err), OK);
    assert_int_equal(b->ops->prepare(b->be, &(struct ops_limits){.keys = 2, .d = 3}, &b->err), OK);
    b->ops->attention(b->be, &again);
    assert_memory_equal(a.out.at, again.out.at, in.queries * a.out.stride * sizeof(float));
}

static void all(struct bench *b)
{
    static const struct {
        size_t heads, d;
    } sizes[] = {{1, 5}, {3, 16}, {2, 33}, {4, 32}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int with = 0; with < 4; with++) { /* slopes, every token */
            const size_t heads = sizes[i].heads, d = sizes[i].d;
            bench_begin(b);
            case_attention(b, with & 1 ? bloom(heads, d) : gpt2(heads, d), with & 1, with & 2);
            bench_end(b);
        }
    for (int slopes = 0; slopes < 2; slopes++) {
        bench_begin(b);
        case_layouts(b, 3, 21, slopes);
        bench_end(b);
        bench_begin(b);
        case_cache(b, slopes);
        bench_end(b);
    }
    bench_begin(b);
    case_limits(b);
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
