/* bloom: Scao et al. 2022: ALiBi in the place of positions, a norm behind the embedding. */
#include <math.h>

#include "trainer/arch/decoder.h"
#include "trainer/model/config.h"

static enum status read_config(const struct json *file, const char *where, struct config *out,
                               struct error *err)
{
    TRY(config_size(file, where, "n_embed", "hidden_size", CONFIG_HIDDEN_MAX, &out->hidden, err));
    out->inner = 4 * out->hidden;
    TRY(config_truth(file, where, "apply_residual_connection_post_layernorm",
                     &out->residual_after_norm, err));
    TRY(config_dropout(file, where, "hidden_dropout", 0, out, err));
    TRY(config_dropout(file, where, "attention_dropout", 0, out, err));
    return config_eos(file, where, 2, out, err);
}

/* 2^-(8 / 2^log2) rounded to float: what the slopes of 2^log2 heads are powers of. */
static float slope_base(size_t log2)
{
    double base = log2 < 3 ? ldexp(1, -(8 >> log2)) : 0.5;

    for (size_t i = 3; i < log2; i++)
        base = sqrt(base);
    return (float)base;
}

/*
 * Slopes of ALiBi (Press et al. 2022) as transformers computes them: powers 1, 2, 3, ... of a float
 * for the largest power of two of heads; what is left over takes powers 1, 3, 5, ... of the base of
 * twice as many.
 */
static void fill_slopes(float *slopes, size_t heads)
{
    size_t power = 1, log2 = 0;

    while (power * 2 <= heads) {
        power *= 2;
        log2++;
    }
    for (size_t i = 0; i < heads; i++) {
        const double base = slope_base(i < power ? log2 : log2 + 1);
        const size_t exponent = i < power ? i + 1 : 2 * (i - power) + 1;
        double product = 1;
        for (size_t j = 0; j < exponent; j++)
            product *= base;
        slopes[i] = (float)product;
    }
}

static const struct decoder_family family = {
    .embedding = "word_embeddings",
    .embedding_norm = "word_embeddings_layernorm",
    .last_norm = "ln_f",
    .norm1 = "input_layernorm",
    .qkv = "self_attention.query_key_value",
    .dense = "self_attention.dense",
    .norm2 = "post_attention_layernorm",
    .up = "mlp.dense_h_to_4h",
    .down = "mlp.dense_4h_to_h",
    .slopes = fill_slopes,
};

extern const struct architecture architecture_bloom;

const struct architecture architecture_bloom = {
    .type = "bloom",
    .class_name = "BloomForCausalLM",
    .dropout_fields = {"hidden_dropout", "attention_dropout"},
    .bos = 1,
    .eos = 2,
    .pad = 3,
    .read_config = read_config,
    .body = &decoder_body,
    .family = &family,
};
