/* a_model: the layout of a small model, from the text of a config.json. */
#ifndef TESTS_UNIT_TRAINER_A_MODEL_H
#define TESTS_UNIT_TRAINER_A_MODEL_H

#include "fixture.h"
#include "trainer/model/layout.h"

static inline enum status a_config(const char *text, size_t vocab, struct arena *arena,
                                   struct config *out, struct error *err)
{
    struct json *tree;

    assert_int_equal(json_parse(text, strlen(text), "c", JSON_STRICT, arena, &tree, err), OK);
    return config_read(tree, "c", vocab, out, err);
}

static inline struct layout *a_layout(const char *text, struct arena *arena)
{
    struct layout *l = NULL;
    struct config config;
    struct error err;

    ASSERT_OK(a_config(text, 0, arena, &config, &err));
    ASSERT_OK(layout_make(&config, arena, &l, &err));
    return l;
}

#define A_BLOOM                                                                                    \
    "{\"model_type\": \"bloom\", \"hidden_size\": 24, \"n_layer\": 2, \"n_head\": 3, "             \
    "\"vocab_size\": 50, \"initializer_range\": 0.3"
#define A_GPT2                                                                                     \
    "{\"model_type\": \"gpt2\", \"n_embd\": 24, \"n_layer\": 2, \"n_head\": 3, \"vocab_size\": "   \
    "50, "                                                                                         \
    "\"n_positions\": 40, \"initializer_range\": 0.3"

#endif
