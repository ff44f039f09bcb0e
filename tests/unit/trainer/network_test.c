/*
 * network: gradients against differences of the loss along them, tensor by tensor, for every
 * variant of every architecture; an example in other company, a window of micro-batches, and a
 * cache: the same bits where they must be.
 */
#include "trainer/model/network.h"

#include <math.h>

#include "a_model.h"
#include "trainer/model/generate.h"
#include "trainer/model/init.h"

enum { EXAMPLES = 3, LONGEST = 12, QUERIES = 3, VOCAB = 50 };

struct setting {
    struct arena *arena;
    struct backend *be;
    struct layout *layout;
    struct network network;
    struct batch batch;
    struct example examples[EXAMPLES];
    const struct example *order[EXAMPLES];
};

static void fill_examples(struct setting *s)
{
    static int32_t ids[EXAMPLES][LONGEST], places[EXAMPLES][QUERIES], targets[EXAMPLES][QUERIES];

    for (int i = 0; i < EXAMPLES; i++) {
        const int32_t n = LONGEST - 3 * i;
        for (int32_t j = 0; j < n; j++)
            ids[i][j] = (i * 17 + j * 11 + 3) % VOCAB;
        for (int32_t q = 0; q < QUERIES; q++) {
            places[i][q] = n - 5 + 2 * q;
            targets[i][q] = (i * 5 + q * 7) % VOCAB;
        }
        s->examples[i] =
            (struct example){ids[i], (size_t)n, places[i], targets[i], QUERIES, QUERIES, QUERIES};
        s->order[i] = &s->examples[i];
    }
}

static void open_network(struct setting *s, const struct network_plan *plan)
{
    struct error err;

    ASSERT_OK(backend_open(&(struct backend_options){.name = "cpu", .threads = 2}, &s->be, &err));
    ASSERT_OK(network_open(s->be, s->layout, plan, s->arena, &s->network, &err));
    ASSERT_OK(init_weights(s->be, s->layout, 5, &err));
}

static void open_setting(struct setting *s, const char *config, bool accumulate)
{
    struct network_plan plan = {.training = true, .accumulate = accumulate};
    struct dataset data = {.examples = s->examples, .n = EXAMPLES};
    struct error err;

    *s = (struct setting){.arena = arena_open()};
    fill_examples(s);
    s->layout = a_layout(config, s->arena);
    ASSERT_OK(batch_measure(&data, EXAMPLES, &plan.limits, &err));
    ASSERT_OK(batch_open(&plan.limits, s->arena, &s->batch, &err));
    open_network(s, &plan);
}

static void close_setting(struct setting *s)
{
    backend_close(s->be);
    arena_close(s->arena);
}

static size_t elements(const struct tensor *t)
{
    return t->rows * (t->columns ? t->columns : 1);
}

static float *read_part(struct setting *s, enum ops_part part, size_t number)
{
    const struct tensor *t = &s->layout->tensors[number];
    float *rows = arena_array(s->arena, elements(t), sizeof *rows);
    struct snapshot *snapshot;
    struct error err;

    assert_non_null(rows);
    ASSERT_OK(s->be->ops->snapshot(s->be, &snapshot, &err));
    ASSERT_OK(s->be->ops->download(snapshot, part, (int)number, 0, t->rows, rows, &err));
    s->be->ops->release(snapshot);
    return rows;
}

static void write_values(struct setting *s, size_t number, const float *rows)
{
    s->be->ops->upload(s->be, OPS_VALUE, (int)number, 0, s->layout->tensors[number].rows, rows);
}

/* The mean loss of examples [from, to), and with gradient their share of the gradient. */
static double loss_of(struct setting *s, size_t from, size_t to, bool gradient)
{
    double losses[EXAMPLES * QUERIES];
    struct error err;

    batch_fill(&s->batch, s->order + from, to - from);
    network_forward(&s->network, &s->batch);
    network_loss(&s->network, &s->batch, 1.0 / 9, gradient, losses);
    if (gradient)
        network_backward(&s->network);
    ASSERT_OK(s->be->ops->sync(s->be, &err));
    return network_sum(losses, s->batch.n_queries) / 9;
}

/* The loss where a tensor's values are moved by step · gradient. */
static double loss_along(struct setting *s, size_t number, const float *values,
                         const float *gradient, double step)
{
    const size_t n = elements(&s->layout->tensors[number]);
    float *moved = arena_array(s->arena, n, sizeof *moved);
    double loss;

    assert_non_null(moved);
    for (size_t i = 0; i < n; i++)
        moved[i] = values[i] + (float)(step * (double)gradient[i]);
    write_values(s, number, moved);
    loss = loss_of(s, 0, EXAMPLES, false);
    write_values(s, number, values);
    return loss;
}

/* Vectors away from where biases and norms start. */
static void stir_vectors(struct setting *s)
{
    for (size_t t = s->layout->n_matrices; t < s->layout->n_tensors; t++) {
        float *rows = read_part(s, OPS_VALUE, t);
        for (size_t i = 0; i < elements(&s->layout->tensors[t]); i++)
            rows[i] += 0.1f * (float)((int)((t + i) * 7919 % 21) - 10) / 10;
        write_values(s, t, rows);
    }
}

static void check_gradients(const char *config)
{
    struct setting s;

    open_setting(&s, config, false);
    stir_vectors(&s);
    (void)loss_of(&s, 0, EXAMPLES, true);
    for (size_t t = 0; t < s.layout->n_tensors; t++) {
        const float *gradient = read_part(&s, OPS_GRADIENT, t), *values;
        double square = 0, step, slope;
        for (size_t i = 0; i < elements(&s.layout->tensors[t]); i++)
            square += pow((double)gradient[i], 2);
        if (square < 1e-12) /* keys' biases alone: nothing depends on them */
            continue;
        values = read_part(&s, OPS_VALUE, t);
        step = 0.01 / sqrt(square); /* the loss moves by some 0.01 |gradient| */
        slope = (loss_along(&s, t, values, gradient, step) -
                 loss_along(&s, t, values, gradient, -step)) /
                (2 * step);
        if (!(fabs(slope - square) < 0.01 * square))
            fail_msg("%s: %s: expected %g, found %g", config, s.layout->tensors[t].name, slope,
                     square);
    }
    close_setting(&s);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradients(A_BLOOM "}");
    check_gradients(A_BLOOM ", \"apply_residual_connection_post_layernorm\": true}");
    check_gradients(A_BLOOM ", \"tie_word_embeddings\": false}");
    check_gradients(A_GPT2 "}");
    check_gradients(A_GPT2 ", \"tie_word_embeddings\": false, \"n_inner\": 40}");
    check_gradients(A_GPT2 ", \"scale_attn_by_inverse_layer_idx\": true}");
}

static void fetch_logits(struct setting *s, size_t queries, float *out)
{
    const struct ops_rows logits = s->network.logits;
    struct error err;

    s->be->ops->fetch(s->be, out, logits.at, queries * logits.stride * sizeof *out);
    ASSERT_OK(s->be->ops->sync(s->be, &err));
}

/* Each example alone gives the logits it has in the batch. */
static void check_company(const char *config)
{
    float *together, *alone;
    struct setting s;
    size_t row;

    open_setting(&s, config, false);
    row = s.network.logits.stride;
    together = arena_array(s.arena, EXAMPLES * QUERIES * row, sizeof *together);
    alone = arena_array(s.arena, QUERIES * row, sizeof *alone);
    assert_true(together && alone);
    (void)loss_of(&s, 0, EXAMPLES, false);
    fetch_logits(&s, EXAMPLES * QUERIES, together);
    for (size_t i = 0; i < EXAMPLES; i++) {
        (void)loss_of(&s, i, i + 1, false);
        fetch_logits(&s, QUERIES, alone);
        assert_memory_equal(alone, together + QUERIES * i * row, QUERIES * row * sizeof *alone);
    }
    close_setting(&s);
}

static void test_company(void **state)
{
    (void)state;
    check_company(A_BLOOM "}");
    check_company(A_GPT2 "}");
}

/* A window's gradient is the sum of its micro-batches', each from zero, in their order. */
static void test_window(void **state)
{
    struct setting window, each;
    float *sums[64];

    (void)state;
    open_setting(&window, A_GPT2 "}", true);
    open_setting(&each, A_GPT2 "}", false);
    for (size_t i = 0; i < EXAMPLES; i++) {
        window.be->ops->micro_batch(window.be, i == 0, 1);
        (void)loss_of(&window, i, i + 1, true);
        window.be->ops->add_gradients(window.be);
        (void)loss_of(&each, i, i + 1, true);
        for (size_t t = 0; t < each.layout->n_tensors; t++) {
            const float *gradient = read_part(&each, OPS_GRADIENT, t);
            if (i == 0)
                sums[t] = read_part(&each, OPS_GRADIENT, t);
            for (size_t j = 0; j < elements(&each.layout->tensors[t]) && i > 0; j++)
                sums[t][j] += gradient[j];
        }
    }
    for (size_t t = 0; t < each.layout->n_tensors; t++)
        assert_memory_equal(read_part(&window, OPS_GRADIENT, t), sums[t],
                            elements(&each.layout->tensors[t]) * sizeof(float));
    close_setting(&window);
    close_setting(&each);
}

/* The token after these, by a whole pass. */
static int32_t next_token(struct setting *s, int32_t *ids, size_t n)
{
    int32_t place = (int32_t)n - 1, target = 0, token = 0;
    struct example e = {ids, n, &place, &target, 1, 0, 0};
    const struct example *one = &e;
    struct error err;

    batch_fill(&s->batch, &one, 1);
    network_forward(&s->network, &s->batch);
    network_choose(&s->network, &s->batch, &token);
    ASSERT_OK(s->be->ops->sync(s->be, &err));
    return token;
}

/* With a cache, token by token, the texts are those of whole passes. */
static void check_cache(const char *config)
{
    struct setting s, cached = {.arena = arena_open()};
    struct network_plan plan = {.training = false};
    struct generate_text texts[EXAMPLES];
    int32_t tokens[EXAMPLES][6];
    struct generator g;
    struct error err;

    open_setting(&s, config, false);
    cached.layout = s.layout;
    for (size_t i = 0; i < EXAMPLES; i++)
        texts[i] = (struct generate_text){
            .prompt = s.examples[i].ids, .n_prompt = s.examples[i].n, .tokens = tokens[i]};
    ASSERT_OK(generate_plan(texts, EXAMPLES, 6, &s.layout->config, &plan, &err));
    open_network(&cached, &plan);
    ASSERT_OK(generate_open(&cached.network, &plan, cached.arena, &g, &err));
    ASSERT_OK(generate_run(&g, texts, EXAMPLES, 6, &err));
    for (size_t i = 0; i < EXAMPLES; i++) {
        int32_t whole[LONGEST + 6];
        size_t n = texts[i].n_prompt;
        memcpy(whole, texts[i].prompt, n * sizeof *whole);
        for (size_t t = 0; t < 6 && n <= LONGEST;
             t++, n++) { /* as many as the batch has room for */
            assert_int_equal(texts[i].tokens[t], next_token(&s, whole, n));
            whole[n] = texts[i].tokens[t];
        }
        assert_int_equal(texts[i].n_tokens, 6);
    }
    close_setting(&cached);
    close_setting(&s);
}

static void test_cache(void **state)
{
    (void)state;
    check_cache(A_BLOOM "}");
    check_cache(A_GPT2 "}");
}

/* A text ends where there is no position for its newest token; a prompt must have its own. */
static void test_positions(void **state)
{
    struct arena *arena = arena_open();
    struct setting s = {.arena = arena, .layout = a_layout(A_GPT2 "}", arena)};
    int32_t prompt[41] = {1, 2, 3}, tokens[8];
    struct generate_text text = {.prompt = prompt, .n_prompt = 38, .tokens = tokens};
    struct network_plan plan = {.training = false};
    struct generator g;
    struct error err;

    (void)state;
    ASSERT_OK(generate_plan(&text, 1, 8, &s.layout->config, &plan, &err));
    open_network(&s, &plan);
    ASSERT_OK(generate_open(&s.network, &plan, arena, &g, &err));
    ASSERT_OK(generate_run(&g, &text, 1, 8, &err));
    assert_int_equal(text.n_tokens, 3); /* the third is the 41st, and is not read */
    text.n_prompt = 41;
    assert_int_equal(generate_plan(&text, 1, 1, &s.layout->config, &plan, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "40 positions"));
    close_setting(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_company),
        cmocka_unit_test(test_window),    cmocka_unit_test(test_cache),
        cmocka_unit_test(test_positions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
