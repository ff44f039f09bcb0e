/*
 * cuda_rows: a row has the same bits whatever rows are beside it, and everything has the same bits
 * in whatever order threads and blocks begin; in each precision.
 */
#include "base/digest.h"
#include "card.h"

enum { M = 70, N = 35, K = 48, HEADS = 3, D = 16, WORDS = 90 }; /* HEADS · D = K */
enum { WEIGHT, BIAS, NORM, SHIFT, TABLE, QKV, PARAMETERS };

static const struct ops_shape shapes[] = {{N, K}, {N, 0}, {K, 0}, {K, 0}, {WORDS, K}, {3 * K, K}};
static const struct attention_sequence sequences[] = {
    {0, 1, 0, 1}, {1, 33, 1, 33}, {34, 36, 34, 36}};

enum { SEQUENCES = sizeof sequences / sizeof *sequences };

/* Everything that operations read, on the device. */
struct world {
    struct card c;
    struct ops_rows x, x16; /* [M] rows of K */
    struct ops_rows dy;     /* [M] rows of N */
    struct ops_rows qkv;    /* [M] rows of 3 · K */
    float *mean, *rstd;
    int32_t *ids, *targets;
    int32_t *query_row, *query_place;
    struct attention_sequence *sequences;
    float *slopes;
};

static struct world world_open(enum ops_product product)
{
    struct world w = {.c = card_open(product)};
    struct card *c = &w.c;
    int32_t ids[M], targets[M], rows[M], places[M];
    const float slopes[HEADS] = {0.5F, 0.25F, 0.125F};
    const struct ops_limit products[] = {{M, WEIGHT}, {M, QKV}};
    const struct ops_limits limits = {.keys = 36, .d = D, .products = products, .n_products = 2};

    card_parameters(c, &(struct ops_parameters){.shapes = shapes,
                                                .n = PARAMETERS,
                                                .product = product,
                                                .training = true,
                                                .accumulate = true});
    assert_int_equal(c->ops->prepare(c->be, &limits, &c->err), OK);
    for (int i = 0; i < PARAMETERS; i++) {
        float *rows_of = card_floats(c, shapes[i].n * (shapes[i].k ? shapes[i].k : 1));
        c->ops->upload(c->be, OPS_VALUE, i, 0, shapes[i].n, rows_of);
        test_free(rows_of);
    }
    for (int i = 0; i < M; i++) {
        ids[i] = i * 37 % WORDS;
        targets[i] = i % 4 == 0 ? -1 : i % N;
        rows[i] = i;
        places[i] = i < 1 ? i : i < 34 ? i - 1 : i - 34; /* in its sequence */
    }
    w.ids = card_sent(c, ids, sizeof ids);
    w.targets = card_sent(c, targets, sizeof targets);
    w.query_row = card_sent(c, rows, sizeof rows);
    w.query_place = card_sent(c, places, sizeof places);
    w.sequences = card_sent(c, sequences, sizeof sequences);
    w.slopes = card_sent(c, slopes, sizeof slopes);
    w.mean = card_memory(c, M * sizeof(float));
    w.rstd = card_memory(c, M * sizeof(float));
    for (int i = 0; i < 3; i++) {
        const size_t width = i == 0 ? K : i == 1 ? N : 3 * (size_t)K;
        float *x = card_floats(c, M * width);
        *(i == 0 ? &w.x : i == 1 ? &w.dy : &w.qkv) = card_put(c, x, M, width);
        test_free(x);
    }
    w.x16 = card_rows(c, M, K, c->be->operand);
    c->ops->gelu(c->be, &(struct gelu_args){.x = w.x, .out = w.x16, .m = M, .n = K});
    return w;
}

/* Makes rows [first, first + m) of out from the same rows of what it reads. */
typedef void operation(struct world *w, size_t first, size_t m, struct ops_rows out);

static void do_linear(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->linear(w->c.be, &(struct linear_args){.x = card_from(w->x, first),
                                                    .residual = card_from(w->dy, first),
                                                    .out = card_from(out, first),
                                                    .weight = WEIGHT,
                                                    .bias = BIAS,
                                                    .m = m});
}

static void do_linear_half(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->linear(w->c.be, &(struct linear_args){.x = card_from(w->x16, first),
                                                    .out = card_from(out, first),
                                                    .weight = WEIGHT,
                                                    .bias = OPS_NONE,
                                                    .m = m});
}

static void do_linear_input(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->linear_input(w->c.be, &(struct linear_input_args){.dy = card_from(w->dy, first),
                                                                .dx = card_from(out, first),
                                                                .weight = WEIGHT,
                                                                .m = m});
}

static void do_norm(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->norm(w->c.be, &(struct norm_args){.x = card_from(w->x, first),
                                                .out = card_from(out, first),
                                                .weight = NORM,
                                                .bias = SHIFT,
                                                .mean = w->mean + first,
                                                .rstd = w->rstd + first,
                                                .m = m,
                                                .eps = 1e-5F});
}

/* After do_norm of all rows, which left mean and rstd. */
static void do_norm_backward(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->norm_backward(w->c.be, &(struct norm_backward_args){.dy = card_from(w->qkv, first),
                                                                  .x = card_from(w->x, first),
                                                                  .dx = card_from(out, first),
                                                                  .weight = NORM,
                                                                  .bias = SHIFT,
                                                                  .mean = w->mean + first,
                                                                  .rstd = w->rstd + first,
                                                                  .m = m});
}

static void do_gelu(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->gelu(w->c.be,
                   &(struct gelu_args){
                       .x = card_from(w->x, first), .out = card_from(out, first), .m = m, .n = K});
}

static void do_gelu_backward(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->gelu_backward(w->c.be, &(struct gelu_backward_args){.dy = card_from(w->x, first),
                                                                  .x = card_from(w->x, first),
                                                                  .dx = card_from(out, first),
                                                                  .m = m,
                                                                  .n = K});
}

static void do_embed(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    w->c.ops->embed(
        w->c.be, &(struct embed_args){
                     .ids = w->ids + first, .weight = TABLE, .out = card_from(out, first), .m = m});
}

/* Copies of the logits, whose gradient replaces them; losses beside it are not compared here. */
static void do_cross_entropy(struct world *w, size_t first, size_t m, struct ops_rows out)
{
    double *losses = card_memory(&w->c, m * sizeof *losses);

    w->c.ops->take_rows(w->c.be, &(struct rows_args){.x = w->dy,
                                                     .out = card_from(out, first),
                                                     .rows = w->query_row + first,
                                                     .m = m});
    w->c.ops->cross_entropy(w->c.be, &(struct cross_entropy_args){.logits = card_from(out, first),
                                                                  .targets = w->targets + first,
                                                                  .losses = losses,
                                                                  .m = m,
                                                                  .n = N,
                                                                  .scale = 0.125F,
                                                                  .gradient = true});
}

static const struct {
    const char *name;
    operation *run;
    size_t width;
} operations[] = {
    {"linear", do_linear, N},
    {"linear of the operand's type", do_linear_half, N},
    {"linear_input", do_linear_input, K},
    {"norm", do_norm, K},
    {"norm_backward", do_norm_backward, K},
    {"gelu", do_gelu, K},
    {"gelu_backward", do_gelu_backward, K},
    {"embed", do_embed, K},
    {"cross_entropy", do_cross_entropy, N},
};

enum { OPERATIONS = sizeof operations / sizeof *operations };

static const enum ops_product products[] = {OPS_PRODUCT_FP32, OPS_PRODUCT_BF16, OPS_PRODUCT_FP16};

static struct attention_args attention_of(struct world *w, size_t first, size_t n,
                                          struct ops_rows out)
{
    return (struct attention_args){.q = w->qkv,
                                   .kv = w->qkv,
                                   .layout = {HEADS, D, 3 * (size_t)D, D},
                                   .query_row = w->query_row,
                                   .query_place = w->query_place,
                                   .sequences = w->sequences + first,
                                   .n_sequences = n,
                                   .slopes = w->slopes,
                                   .out = out,
                                   .row_max = card_memory(&w->c, sizeof(float) * M * HEADS),
                                   .row_scale = card_memory(&w->c, sizeof(float) * M * HEADS),
                                   .scale = 0.25F};
}

/* Rows by themselves, by threes, and the rest of them. */
static void check_rows(struct world *w, int i)
{
    static const size_t pieces[] = {1, 1, 3, 31, 33, 1};
    struct card *c = &w->c;
    const size_t width = operations[i].width;
    const struct ops_rows whole = card_rows(c, M, width, OPS_FP32);
    const struct ops_rows cut = card_rows(c, M, width, OPS_FP32);
    size_t first = 0;
    float *want, *got;

    operations[i].run(w, 0, M, whole);
    for (size_t j = 0; j < sizeof pieces / sizeof *pieces; first += pieces[j++])
        operations[i].run(w, first, pieces[j], cut);
    assert_int_equal(first, M);
    want = card_get(c, whole, M, width);
    got = card_get(c, cut, M, width);
    for (size_t j = 0; j < M * width; j++)
        if (memcmp(&got[j], &want[j], sizeof *got) != 0)
            fail_msg("%s: row %zu is %a, and alone %a", operations[i].name, j / width,
                     (double)want[j], (double)got[j]);
    test_free(want);
    test_free(got);
}

static void check_sequences(struct world *w)
{
    struct card *c = &w->c;
    const struct ops_rows whole = card_rows(c, M, K, OPS_FP32), cut = card_rows(c, M, K, OPS_FP32);
    struct attention_args a = attention_of(w, 0, SEQUENCES, whole);
    float *want, *got;

    c->ops->attention(c->be, &a);
    for (size_t i = 0; i < SEQUENCES; i++) {
        a = attention_of(w, i, 1, cut);
        c->ops->attention(c->be, &a);
    }
    want = card_get(c, whole, M, K);
    got = card_get(c, cut, M, K);
    assert_memory_equal(got, want, sizeof *got * M * K);
    test_free(want);
    test_free(got);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof products / sizeof *products; p++) {
        struct world w = world_open(products[p]);
        for (int i = 0; i < OPERATIONS; i++)
            check_rows(&w, i);
        check_sequences(&w);
        card_close(&w.c);
    }
}

/* ---- orders ---- */

static void add_rows(struct world *w, struct hasher *h, struct ops_rows r, size_t width)
{
    float *x = card_get(&w->c, r, M, width);

    hasher_add(h, x, sizeof *x * M * width);
    test_free(x);
}

/* Gradients of parameters twice, their sum, norms, and an update from it. */
static void update(struct world *w, struct hasher *h)
{
    struct card *c = &w->c;
    float *norms = card_memory(c, PARAMETERS * sizeof *norms);
    float *largest = card_memory(c, PARAMETERS * sizeof *largest), got[2 * PARAMETERS];
    const struct ops_rows dx = card_rows(c, M, K, OPS_FP32);

    for (int i = 0; i < 2; i++) {
        c->ops->linear_weight(
            c->be,
            &(struct linear_weight_args){
                .dy = w->dy, .x = i ? w->x : w->x16, .weight = WEIGHT, .bias = BIAS, .m = M});
        c->ops->linear_weight(
            c->be, &(struct linear_weight_args){
                       .dy = w->qkv, .x = w->x, .weight = QKV, .bias = OPS_NONE, .m = M});
        do_norm_backward(w, 0, M, dx);
        c->ops->clear(c->be, TABLE);
        c->ops->embed_backward(
            c->be, &(struct embed_backward_args){.ids = w->ids, .dx = dx, .weight = TABLE, .m = M});
        c->ops->add_gradients(c->be);
    }
    c->ops->gradient_norms(c->be, &(struct gradient_norms_args){norms, largest});
    c->ops->adamw(c->be, &(struct adamw_args){.n = PARAMETERS,
                                              .step = 3,
                                              .lr = 0.01,
                                              .beta1 = 0.9,
                                              .beta2 = 0.999,
                                              .eps = 1e-8,
                                              .weight_decay = 0.1,
                                              .grad_scale = 0.5F});
    c->ops->fetch(c->be, got, norms, sizeof got / 2);
    c->ops->fetch(c->be, got + PARAMETERS, largest, sizeof got / 2);
    card_sync(c);
    hasher_add(h, got, sizeof got);
    for (int i = 0; i < PARAMETERS; i++) {
        const size_t n = shapes[i].n, k = shapes[i].k ? shapes[i].k : 1;
        float *value = card_download(c, OPS_VALUE, i, n, k);
        hasher_add(h, value, n * k * sizeof *value);
        test_free(value);
    }
}

static void digest_of(enum ops_product product, struct digest *out)
{
    struct world w = world_open(product);
    struct card *c = &w.c;
    const struct ops_rows dqkv = card_rows(c, M, 3 * (size_t)K, OPS_FP32);
    const struct ops_rows out_rows = card_rows(c, M, K, OPS_FP32);
    int32_t *largest = card_memory(c, M * sizeof *largest), places[M];
    struct attention_args a = attention_of(&w, 0, SEQUENCES, out_rows);
    struct hasher *h;

    assert_int_equal(hasher_open(&h, &c->err), OK);
    for (int i = 0; i < OPERATIONS; i++) {
        const struct ops_rows rows = card_rows(c, M, operations[i].width, OPS_FP32);
        operations[i].run(&w, 0, M, rows);
        add_rows(&w, h, rows, operations[i].width);
    }
    c->ops->attention(c->be, &a);
    c->ops->attention_backward(
        c->be, &(struct attention_backward_args){.forward = a, .dout = w.x, .dqkv = dqkv});
    add_rows(&w, h, out_rows, K);
    add_rows(&w, h, dqkv, 3 * (size_t)K);
    c->ops->largest(c->be, &(struct largest_args){.x = w.dy, .out = largest, .m = M, .n = N});
    card_read(c, places, largest, sizeof places);
    hasher_add(h, places, sizeof places);
    update(&w, h);
    assert_int_equal(hasher_finish(h, out, &c->err), OK);
    hasher_close(h);
    card_close(c);
}

static void test_orders(void **state)
{
    static const char *const orders[] = {"forward", "backward", "shuffled"};

    (void)state;
    for (size_t p = 0; p < sizeof products / sizeof *products; p++) {
        struct digest first = {{0}}, digest;
        for (int i = 0; i < 3; i++) {
            assert_int_equal(setenv("HPO_EMULATION_ORDER", orders[i], 1), 0);
            digest_of(products[p], i ? &digest : &first);
            if (i && !digest_equal(&first, &digest))
                fail_msg("product %d: %s gives other bits", (int)products[p], orders[i]);
        }
        assert_int_equal(setenv("CUDA_LAUNCH_BLOCKING", "1", 1), 0); /* nothing is late */
        digest_of(products[p], &digest);
        assert_true(digest_equal(&first, &digest));
        assert_int_equal(unsetenv("CUDA_LAUNCH_BLOCKING"), 0);
    }
    assert_int_equal(unsetenv("HPO_EMULATION_ORDER"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_orders)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
