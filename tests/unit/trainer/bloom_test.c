/*
 * bloom: gradients against differences of the loss along them, tensor by tensor, for every variant;
 * a batch cut in two, an example in other company, and a cache: the same bits where they must be.
 */
#include "trainer/bloom/bloom.h"

#include <math.h>

#include "fixture.h"
#include "trainer/bloom/generate.h"
#include "trainer/bloom/init.h"

enum { EXAMPLES = 3, LONGEST = 12, VOCAB = 50 };

struct setting {
    struct arena *arena;
    struct backend *be;
    const struct ops *ops;
    struct layout *layout;
    struct bloom bloom;
    struct batch batch;
    struct example examples[EXAMPLES];
    const struct example *order[EXAMPLES];
};

static void fill_examples(struct setting *s)
{
    static int32_t ids[EXAMPLES][LONGEST], places[EXAMPLES][3], targets[EXAMPLES][3];

    for (int i = 0; i < EXAMPLES; i++) {
        const int32_t n = LONGEST - 3 * i;
        for (int32_t j = 0; j < n; j++)
            ids[i][j] = (i * 17 + j * 11 + 3) % VOCAB;
        for (int32_t q = 0; q < 3; q++) {
            places[i][q] = n - 5 + 2 * q;
            targets[i][q] = (i * 5 + q * 7) % VOCAB;
        }
        s->examples[i] = (struct example){ids[i], (size_t)n, places[i], targets[i], 3, 3, 3};
        s->order[i] = &s->examples[i];
    }
}

static struct setting open_with(struct config config)
{
    struct setting s = {.arena = arena_open()};
    struct bloom_plan plan = {.training = true};
    struct dataset data = {.examples = s.examples, .n = EXAMPLES};
    struct error err;

    fill_examples(&s);
    data.examples = s.examples;
    ASSERT_OK(layout_make(&config, s.arena, &s.layout, &err));
    ASSERT_OK(backend_open("cpu", 2, &s.be, &s.ops, &err));
    ASSERT_OK(batch_measure(&data, EXAMPLES, &plan.limits, &err));
    ASSERT_OK(batch_open(&plan.limits, s.arena, &s.batch, &err));
    ASSERT_OK(bloom_open(s.be, s.ops, s.layout, &plan, s.arena, &s.bloom, &err));
    ASSERT_OK(init_weights(&(struct slabs){s.be, s.ops, s.layout}, 5, s.bloom.weights, &err));
    return s;
}

static void close_setting(struct setting *s)
{
    backend_close(s->be);
    arena_close(s->arena);
}

static double loss_of(struct setting *s, bool gradient)
{
    double loss;

    fill_examples(s); /* the order points into this setting */
    batch_fill(&s->batch, s->order, EXAMPLES);
    bloom_forward(&s->bloom, &s->batch);
    loss = bloom_loss(&s->bloom, &s->batch, 1.0 / 9, gradient) / 9;
    if (gradient)
        bloom_backward(&s->bloom, &s->batch, false);
    return loss;
}

/* The loss after weights + step · gradient, for one tensor. */
static double loss_along(struct setting *s, const struct ops_tensor *t, const float *gradient,
                         double step)
{
    const size_t n = ops_panels(t->n, t->k ? t->k : 1);
    float *kept = arena_array(s->arena, n, sizeof *kept), *w = s->bloom.weights + t->offset;
    double loss;

    assert_non_null(kept);
    memcpy(kept, w, n * sizeof *kept);
    for (size_t i = 0; i < n; i++)
        w[i] += (float)(step * (double)gradient[t->offset + i]);
    loss = loss_of(s, false);
    memcpy(w, kept, n * sizeof *kept);
    return loss;
}

static void check_gradients(struct config config)
{
    struct setting s = open_with(config);
    const size_t floats = s.layout->n_floats;
    float *gradient = arena_array(s.arena, floats, sizeof *gradient);

    assert_non_null(gradient);
    for (size_t i = 0; i < floats; i++) /* away from where biases and norms start */
        if (i >= s.layout->n_decayed && s.bloom.weights[i] == 1)
            s.bloom.weights[i] = 1 + 0.1f * (float)((int)(i * 7919 % 21) - 10) / 10;
    (void)loss_of(&s, true);
    memcpy(gradient, s.bloom.gradients, floats * sizeof *gradient);
    for (size_t t = 0; t < s.layout->n_tensors; t++) {
        const struct ops_tensor *tensor = &s.layout->shapes[t];
        const size_t n = ops_panels(tensor->n, tensor->k ? tensor->k : 1);
        double square = 0, step, difference;
        for (size_t i = 0; i < n; i++)
            square += pow((double)gradient[tensor->offset + i], 2);
        if (square < 1e-12) /* keys' biases alone: nothing depends on them */
            continue;
        step = 0.01 / sqrt(square); /* the loss moves by some 0.01 |gradient| */
        difference =
            (loss_along(&s, tensor, gradient, step) - loss_along(&s, tensor, gradient, -step)) /
            (2 * step);
        if (!(fabs(difference - square) < 0.01 * square))
            fail_msg("tensor %zu: expected %g, found %g", t, difference, square);
    }
    close_setting(&s);
}

static const struct config small = {.vocab = VOCAB,
                                    .hidden = 24,
                                    .layers = 2,
                                    .heads = 3,
                                    .norm_eps = 1e-5,
                                    .initializer_range = 0.3,
                                    .tied = true};

static void test_gradients(void **state)
{
    struct config config = small;

    (void)state;
    check_gradients(config);
    config.residual_after_norm = true;
    check_gradients(config);
    config.residual_after_norm = false;
    config.tied = false;
    config.layers = 1;
    check_gradients(config);
}

/* Each example alone gives the logits it has in the batch; and gradients add up. */
static void test_company(void **state)
{
    struct setting s = open_with(small);
    const size_t n = s.layout->n_floats, row = s.bloom.vocab_stride;
    float *together = arena_array(s.arena, 9 * row, sizeof *together);
    float *sum = arena_array(s.arena, n, sizeof *sum);

    (void)state;
    assert_true(together && sum);
    (void)loss_of(&s, false);
    memcpy(together, s.bloom.logits, 9 * row * sizeof *together);
    (void)loss_of(&s, true);
    memcpy(sum, s.bloom.gradients, n * sizeof *sum);
    for (size_t i = 0; i < EXAMPLES; i++) {
        batch_fill(&s.batch, s.order + i, 1);
        bloom_forward(&s.bloom, &s.batch);
        assert_memory_equal(s.bloom.logits, together + 3 * i * row, 3 * row * sizeof *together);
        (void)bloom_loss(&s.bloom, &s.batch, 1.0 / 9, true);
        bloom_backward(&s.bloom, &s.batch, i > 0);
    }
    for (size_t i = 0; i < n; i++)
        assert_true(fabsf(s.bloom.gradients[i] - sum[i]) < 1e-5f);
    close_setting(&s);
}

/* With a cache, token by token, the texts are those of whole passes. */
static void test_cache(void **state)
{
    struct setting s = open_with(small);
    struct bloom_plan plan = {.training = false};
    int32_t tokens[EXAMPLES][6];
    struct generate_text texts[EXAMPLES];
    struct generator g;
    struct bloom b;
    struct error err;

    (void)state;
    fill_examples(&s);
    for (size_t i = 0; i < EXAMPLES; i++)
        texts[i] = (struct generate_text){
            .prompt = s.examples[i].ids, .n_prompt = s.examples[i].n, .tokens = tokens[i]};
    generate_plan(texts, EXAMPLES, 6, &plan);
    ASSERT_OK(bloom_open(s.be, s.ops, s.layout, &plan, s.arena, &b, &err));
    ASSERT_OK(init_weights(&(struct slabs){s.be, s.ops, s.layout}, 5, b.weights, &err));
    ASSERT_OK(generate_open(&b, &plan, s.arena, &g, &err));
    ASSERT_OK(generate_run(&g, texts, EXAMPLES, 6, &err));
    for (size_t i = 0; i < EXAMPLES; i++) {
        int32_t whole[LONGEST + 6], place = 0, target = 0;
        struct example e = {whole, texts[i].n_prompt, &place, &target, 1, 0, 0};
        const struct example *one = &e;
        memcpy(whole, texts[i].prompt, e.n * sizeof *whole);
        for (size_t t = 0; t < 2; t++, e.n++) { /* as many as the batch has room for */
            size_t best = 0;
            if (e.n > LONGEST)
                break;
            place = (int32_t)e.n - 1;
            batch_fill(&s.batch, &one, 1);
            bloom_forward(&s.bloom, &s.batch);
            for (size_t v = 1; v < VOCAB; v++)
                if (s.bloom.logits[v] > s.bloom.logits[best])
                    best = v;
            assert_int_equal(texts[i].tokens[t], best);
            whole[e.n] = (int32_t)best;
        }
        assert_int_equal(texts[i].n_tokens, 6);
    }
    close_setting(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
