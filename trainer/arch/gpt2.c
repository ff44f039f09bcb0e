/* gpt2: Radford et al. 2019: learned positions, matrices that files hold the other way round. */
#include <string.h>

#include "base/json.h"
#include "trainer/arch/decoder.h"
#include "trainer/model/config.h"

/* Both names are one function in transformers: GELU by tanh. */
static enum status check_activation(const struct json *file, const char *where, struct error *err)
{
    const struct json *value = json_get(file, "activation_function");

    if (!value || (value->kind == JSON_STRING && (strcmp(value->string, "gelu_new") == 0 ||
                                                  strcmp(value->string, "gelu_pytorch_tanh") == 0)))
        return OK;
    return error_set(
        err, ERR_INPUT, where,
        "activation_function: expected \"gelu_new\" or \"gelu_pytorch_tanh\", found %s%.60s%s",
        value->kind == JSON_STRING ? "\"" : "",
        value->kind == JSON_STRING ? value->string : json_kind_name(value),
        value->kind == JSON_STRING ? "\"" : "");
}

/* The width of a block's network; null: four times the hidden size. */
static enum status read_inner(const struct json *file, const char *where, struct config *out,
                              struct error *err)
{
    const struct json *value = json_get(file, "n_inner");

    out->inner = 4 * out->hidden;
    if (!value || value->kind == JSON_NULL)
        return OK;
    return config_size(file, where, "n_inner", "n_inner", CONFIG_INNER_MAX, &out->inner, err);
}

static enum status read_config(const struct json *file, const char *where, struct config *out,
                               struct error *err)
{
    TRY(config_size(file, where, "n_embd", "hidden_size", CONFIG_HIDDEN_MAX, &out->hidden, err));
    TRY(config_size(file, where, "n_positions", "max_position_embeddings", CONFIG_VOCAB_MAX,
                    &out->positions, err));
    TRY(read_inner(file, where, out, err));
    TRY(check_activation(file, where, err));
    TRY(config_expect(file, where, "scale_attn_weights", true, "scores are scaled by 1 / sqrt(d)",
                      err));
    TRY(config_expect(file, where, "add_cross_attention", false, "there is no encoder", err));
    TRY(config_truth(file, where, "scale_attn_by_inverse_layer_idx", &out->scale_by_layer, err));
    TRY(config_dropout(file, where, "resid_pdrop", 0.1, out, err));
    TRY(config_dropout(file, where, "embd_pdrop", 0.1, out, err));
    TRY(config_dropout(file, where, "attn_pdrop", 0.1, out, err));
    return config_eos(file, where, 50256, out, err);
}

static const struct decoder_family family = {
    .embedding = "wte",
    .positions = "wpe",
    .last_norm = "ln_f",
    .norm1 = "ln_1",
    .qkv = "attn.c_attn",
    .dense = "attn.c_proj",
    .norm2 = "ln_2",
    .up = "mlp.c_fc",
    .down = "mlp.c_proj",
    .transposed = true,
    .parts_first = true,
    .scaled_residual = true,
};

extern const struct architecture architecture_gpt2;

const struct architecture architecture_gpt2 = {
    .type = "gpt2",
    .class_name = "GPT2LMHeadModel",
    .dropout_fields = {"resid_pdrop", "embd_pdrop", "attn_pdrop"},
    .bos = 50256,
    .eos = 50256,
    .pad = -1,
    .read_config = read_config,
    .body = &decoder_body,
    .family = &family,
};
