/* layout: the tensors of a config, where they lie, and the way of rows in and out of panels. */
#include "trainer/bloom/layout.h"

#include "fixture.h"
#include "kernels/backend.h"

static struct layout *make(struct arena *arena, struct config config)
{
    struct error err;
    struct layout *l = NULL;

    ASSERT_OK(layout_make(&config, arena, &l, &err));
    return l;
}

static const struct config small = {
    .vocab = 70, .hidden = 24, .layers = 3, .heads = 4, .norm_eps = 1e-5, .tied = true};

static void test_tensors(void **state)
{
    struct arena *arena = arena_open();
    const struct layout *l = make(arena, small);
    const struct tensor *t;

    (void)state;
    assert_int_equal(l->n_tensors, 3 * 12 + 5);
    assert_int_equal(l->n_elements, 70 * 24 + 4 * 24 + 3 * (12 * 24 * 24 + 13 * 24));
    assert_int_equal(l->head, l->embedding);
    t = layout_find(l, "transformer.h.2.self_attention.query_key_value.weight");
    assert_non_null(t);
    assert_int_equal(t->offset, l->blocks[2].qkv_weight);
    assert_int_equal(t->rows, 72);
    assert_int_equal(t->columns, 24);
    assert_true(t->offset < l->n_decayed);
    assert_ptr_equal(layout_find(l, "h.2.self_attention.query_key_value.weight"), t);
    t = layout_find(l, "ln_f.bias");
    assert_non_null(t);
    assert_int_equal(t->columns, 0);
    assert_true(t->offset >= l->n_decayed);
    assert_null(layout_find(l, "h.3.ln.weight"));
    assert_null(layout_find(l, "lm_head.weight"));
    arena_close(arena);
}

static void test_untied(void **state)
{
    struct arena *arena = arena_open();
    struct config config = small;
    const struct layout *l;

    (void)state;
    config.tied = false;
    l = make(arena, config);
    assert_true(l->head != l->embedding);
    assert_int_equal(layout_find(l, "lm_head.weight")->offset, l->head);
    arena_close(arena);
}

static void test_rows(void **state)
{
    struct arena *arena = arena_open();
    const struct layout *l = make(arena, small);
    const struct tensor *t = layout_find(l, "word_embeddings.weight");
    float *slab = arena_array(arena, l->n_floats, sizeof *slab), rows[70 * 24], back[70 * 24];

    struct slabs slabs = {.layout = l};
    struct error err;

    (void)state;
    assert_non_null(slab);
    ASSERT_OK(backend_open("cpu", 1, &slabs.be, &slabs.ops, &err));
    for (size_t i = 0; i < (size_t)70 * 24; i++)
        rows[i] = (float)i + 1;
    layout_put_rows(&slabs, t, slab, 0, 64, rows);
    layout_put_rows(&slabs, t, slab, 64, 6, rows + (size_t)64 * 24);
    layout_get_rows(&slabs, t, slab, 0, 70, back);
    assert_memory_equal(back, rows, sizeof rows);
    layout_get_rows(&slabs, t, slab, 32, 38, back);
    assert_memory_equal(back, rows + (size_t)32 * 24, (size_t)38 * 24 * sizeof *back);
    for (size_t row = 70; row < 96; row++) /* the padding stays zero */
        assert_true(slab[t->offset + ops_panel_at(row, 5, 24)] == 0);
    backend_close(slabs.be);
    arena_close(arena);
}

static enum status parse(const char *text, size_t vocab, struct config *out, struct error *err)
{
    struct arena *arena = arena_open();
    struct json *tree;
    enum status s;

    assert_int_equal(json_parse(text, strlen(text), "c", JSON_STRICT, arena, &tree, err), OK);
    s = config_read(tree, "c", vocab, out, err);
    arena_close(arena);
    return s;
}

static void test_config(void **state)
{
    struct error err;
    struct config c;

    (void)state;
    ASSERT_OK(parse("{\"n_embed\": 8, \"hidden_size\": 9, \"num_hidden_layers\": 2, "
                    "\"num_attention_heads\": 4, \"vocab_size\": 11, \"eos_token_id\": [5, 6]}",
                    0, &c, &err));
    assert_int_equal(c.hidden, 8);
    assert_int_equal(c.layers, 2);
    assert_int_equal(c.heads, 4);
    assert_int_equal(c.vocab, 11);
    assert_int_equal(c.n_eos, 2);
    assert_true(c.tied && !c.residual_after_norm && c.norm_eps == 1e-5);
    ASSERT_OK(parse("{\"hidden_size\": 8, \"n_layer\": 2, \"n_head\": 4}", 33, &c, &err));
    assert_int_equal(c.vocab, 33);
    assert_int_equal(c.eos[0], 2);
    assert_int_equal(parse("{\"hidden_size\": 8, \"n_layer\": 2, \"n_head\": 4}", 0, &c, &err),
                     ERR_INPUT);
    assert_non_null(strstr(err.text, "vocab_size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_untied),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
