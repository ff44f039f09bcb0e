/* layout: the tensors of a config, by number and by name; what a config may say. */
#include "trainer/model/layout.h"

#include "a_model.h"

static const struct tensor *tensor(const struct layout *l, const char *name)
{
    const int number = layout_find(l, name);

    if (number == OPS_NONE)
        fail_msg("there is no tensor %s", name);
    return &l->tensors[number];
}

static void check_order(const struct layout *l)
{
    for (size_t i = 0; i < l->n_tensors; i++) {
        assert_true((l->tensors[i].columns > 0) == (i < l->n_matrices));
        assert_true(i == 0 ||
                    strcmp(l->tensors[l->by_name[i - 1]].name, l->tensors[l->by_name[i]].name) < 0);
    }
}

static void test_bloom(void **state)
{
    struct arena *arena = arena_open();
    const struct layout *l = a_layout(A_BLOOM "}", arena);
    const struct tensor *t;

    (void)state;
    assert_int_equal(l->n_tensors, 2 * 12 + 5);
    assert_int_equal(l->n_elements, 50 * 24 + 4 * 24 + 2 * (12 * 24 * 24 + 13 * 24));
    check_order(l);
    t = tensor(l, "transformer.h.1.self_attention.query_key_value.weight");
    assert_int_equal(t->rows, 72);
    assert_int_equal(t->columns, 24);
    assert_false(t->transposed);
    assert_ptr_equal(tensor(l, "h.1.self_attention.query_key_value.weight"), t);
    assert_int_equal(tensor(l, "ln_f.bias")->columns, 0);
    assert_int_equal(layout_find(l, "h.2.ln.weight"), OPS_NONE);
    assert_int_equal(layout_find(l, "lm_head.weight"), OPS_NONE);
    l = a_layout(A_BLOOM ", \"tie_word_embeddings\": false}", arena);
    assert_int_equal(tensor(l, "lm_head.weight")->rows, 50);
    check_order(l);
    arena_close(arena);
}

static void test_gpt2(void **state)
{
    struct arena *arena = arena_open();
    const struct layout *l = a_layout(A_GPT2 ", \"n_inner\": 20}", arena);
    const struct tensor *t;

    (void)state;
    assert_int_equal(l->n_tensors, 2 * 12 + 4);
    check_order(l);
    assert_int_equal(tensor(l, "wpe.weight")->rows, 40);
    t = tensor(l, "transformer.h.0.mlp.c_proj.weight");
    assert_int_equal(t->rows, 24);
    assert_int_equal(t->columns, 20);
    assert_true(t->transposed);
    assert_true(t->deviation > 0.149 && t->deviation < 0.151); /* 0.3 / sqrt(2 · 2) */
    assert_true(tensor(l, "h.0.mlp.c_fc.weight")->deviation == 0.3);
    arena_close(arena);
}

static void test_config(void **state)
{
    struct arena *arena = arena_open();
    struct error err;
    struct config c;

    (void)state;
    ASSERT_OK(a_config("{\"n_embed\": 8, \"hidden_size\": 9, \"num_hidden_layers\": 2, "
                       "\"num_attention_heads\": 4, \"vocab_size\": 11, \"eos_token_id\": [5, 6]}",
                       0, arena, &c, &err));
    assert_int_equal(c.hidden, 8);
    assert_int_equal(c.layers, 2);
    assert_int_equal(c.heads, 4);
    assert_int_equal(c.vocab, 11);
    assert_int_equal(c.inner, 32);
    assert_int_equal(c.positions, 0);
    assert_int_equal(c.n_eos, 2);
    assert_true(c.tied && !c.residual_after_norm && !c.dropout && c.norm_eps == 1e-5);
    ASSERT_OK(a_config("{\"hidden_size\": 8, \"n_layer\": 2, \"n_head\": 4}", 33, arena, &c, &err));
    assert_int_equal(c.vocab, 33);
    assert_int_equal(c.eos[0], 2);
    ASSERT_OK(a_config(A_GPT2 "}", 0, arena, &c, &err));
    assert_int_equal(c.positions, 40);
    assert_int_equal(c.eos[0], 50256);
    assert_true(c.dropout); /* transformers' default is 0.1 */
    ASSERT_OK(a_config(A_GPT2 ", \"resid_pdrop\": 0, \"embd_pdrop\": 0, \"attn_pdrop\": 0}", 0,
                       arena, &c, &err));
    assert_false(c.dropout);
    arena_close(arena);
}

static void test_what_a_config_may_not_say(void **state)
{
    static const char *const cases[][2] = {
        {"{\"hidden_size\": 8, \"n_layer\": 2, \"n_head\": 4}", "vocab_size"},
        {"{\"hidden_size\": 8, \"n_layer\": 2, \"n_head\": 3, \"vocab_size\": 9}", "n_head"},
        {"{\"model_type\": \"llama\"}", "llama"},
        {"{\"model_type\": 3}", "model_type"},
        {A_GPT2 ", \"activation_function\": \"relu\"}", "activation_function"},
        {A_GPT2 ", \"scale_attn_weights\": false}", "scale_attn_weights"},
        {A_GPT2 ", \"n_inner\": 0}", "n_inner"},
        {A_GPT2 ", \"attn_pdrop\": 2}", "attn_pdrop"},
        {A_BLOOM ", \"eos_token_id\": -1}", "eos_token_id"},
    };
    struct arena *arena = arena_open();
    struct error err;
    struct config c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(a_config(cases[i][0], 0, arena, &c, &err), ERR_INPUT);
        if (!strstr(err.text, cases[i][1]))
            fail_msg("expected a word on %s, found \"%s\"", cases[i][1], err.text);
    }
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bloom),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_what_a_config_may_not_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
