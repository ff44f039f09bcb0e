/* config: the fields that architectures share. Start at config_read. */
#include "trainer/model/config.h"

#include <string.h>

#include "base/json.h"
#include "trainer/model/architecture.h"

enum status config_size(const struct json *file, const char *where, const char *name,
                        const char *other, size_t high, size_t *out, struct error *err)
{
    int64_t x = 0;

    if (!json_get(file, name) && json_get(file, other))
        name = other;
    TRY(json_want_integer(file, where, name, 1, (int64_t)high, &x, err));
    *out = (size_t)x;
    return OK;
}

enum status config_number(const struct json *file, const char *where, const char *name, double low,
                          double high, double *out, struct error *err)
{
    const struct json *value = json_get(file, name);

    if (!value || value->kind == JSON_NULL)
        return OK;
    TRY(json_want_number(file, where, name, out, err));
    if (*out >= low && *out <= high)
        return OK;
    return error_set(err, ERR_INPUT, where, "%s: expected a number from %g to %g, found %g", name,
                     low, high, *out);
}

enum status config_truth(const struct json *file, const char *where, const char *name, bool *out,
                         struct error *err)
{
    const struct json *value = json_get(file, name);

    if (!value || value->kind == JSON_NULL)
        return OK;
    if (value->kind != JSON_BOOLEAN)
        return error_set(err, ERR_INPUT, where, "%s: expected a boolean, found %s", name,
                         json_kind_name(value));
    *out = value->truth;
    return OK;
}

static enum status add_eos(const struct json *value, const char *where, struct config *out,
                           struct error *err)
{
    if (value->kind != JSON_NUMBER || !value->whole || value->integer < 0 ||
        value->integer >= CONFIG_VOCAB_MAX)
        return error_set(err, ERR_INPUT, where, "eos_token_id: expected a token, found %s",
                         json_kind_name(value));
    if (out->n_eos == CONFIG_EOS_MAX)
        return error_set(err, ERR_INPUT, where, "eos_token_id: expected at most %d tokens",
                         CONFIG_EOS_MAX);
    out->eos[out->n_eos++] = (int32_t)value->integer;
    return OK;
}

enum status config_eos(const struct json *file, const char *where, int32_t absent,
                       struct config *out, struct error *err)
{
    const struct json *value = json_get(file, "eos_token_id");

    if (!value) {
        out->eos[out->n_eos++] = absent;
        return OK;
    }
    if (value->kind == JSON_NULL)
        return OK;
    if (value->kind != JSON_ARRAY)
        return add_eos(value, where, out, err);
    for (size_t i = 0; i < value->n; i++)
        TRY(add_eos(&value->items[i], where, out, err));
    return OK;
}

enum status config_expect(const struct json *file, const char *where, const char *name, bool want,
                          const char *why, struct error *err)
{
    bool found = want;

    TRY(config_truth(file, where, name, &found, err));
    if (found == want)
        return OK;
    return error_set(err, ERR_INPUT, where, "%s: expected %s, found %s: %s", name,
                     want ? "true" : "false", found ? "true" : "false", why);
}

enum status config_dropout(const struct json *file, const char *where, const char *name,
                           double absent, struct config *out, struct error *err)
{
    double rate = absent;

    TRY(config_number(file, where, name, 0, 1, &rate, err));
    out->dropout |= rate != 0;
    return OK;
}

/* The architecture that model_type names; BLOOM's files may lack it. */
static enum status find_architecture(const struct json *file, const char *where,
                                     const struct architecture **out, struct error *err)
{
    const struct json *type = json_get(file, "model_type");
    const char *wanted = type && type->kind == JSON_STRING ? type->string : "bloom";

    if (type && type->kind != JSON_STRING)
        return error_set(err, ERR_INPUT, where, "model_type: expected a string, found %s",
                         json_kind_name(type));
    for (size_t i = 0; architectures[i]; i++)
        if (strcmp(architectures[i]->type, wanted) == 0) {
            *out = architectures[i];
            return OK;
        }
    (void)error_set(err, ERR_INPUT, where, "model_type: no architecture of this name: \"%.60s\"",
                    wanted);
    architecture_hint(err);
    return ERR_INPUT;
}

/* The architecture's fields, then the sizes that all have under the same names. */
static enum status read_sizes(const struct json *file, const char *where, struct config *out,
                              struct error *err)
{
    TRY(out->architecture->read_config(file, where, out, err));
    TRY(config_size(file, where, "n_layer", "num_hidden_layers", CONFIG_LAYERS_MAX, &out->layers,
                    err));
    return config_size(file, where, "n_head", "num_attention_heads", CONFIG_HIDDEN_MAX, &out->heads,
                       err);
}

enum status config_read(const struct json *file, const char *where, size_t vocab,
                        struct config *out, struct error *err)
{
    const struct architecture *architecture = NULL;
    enum status s;

    if (file->kind != JSON_OBJECT)
        return error_set(err, ERR_INPUT, where, "expected an object, found %s",
                         json_kind_name(file));
    TRY(find_architecture(file, where, &architecture, err));
    *out = (struct config){.architecture = architecture,
                           .vocab = vocab,
                           .norm_eps = 1e-5,
                           .initializer_range = 0.02,
                           .tied = true};
    if (vocab == 0 || json_get(file, "vocab_size"))
        TRY(config_size(file, where, "vocab_size", "vocab_size", CONFIG_VOCAB_MAX, &out->vocab,
                        err));
    TRY(config_number(file, where, "layer_norm_epsilon", 0, 1, &out->norm_eps, err));
    TRY(config_number(file, where, "initializer_range", 0, 1000, &out->initializer_range, err));
    TRY(config_truth(file, where, "tie_word_embeddings", &out->tied, err));
    s = read_sizes(file, where, out, err);
    if (s != OK && !json_get(file, "model_type"))
        error_hint(err, "it has no model_type, and is read as a bloom's");
    TRY(s);
    if (out->hidden % out->heads != 0)
        return error_set(err, ERR_INPUT, where,
                         "n_head: expected a divisor of the hidden size %zu, found %zu",
                         out->hidden, out->heads);
    return OK;
}

const char *config_difference(const struct config *a, const struct config *b)
{
    const struct {
        const char *name;
        bool same;
    } fields[] = {
        {"model_type", a->architecture == b->architecture},
        {"vocab_size", a->vocab == b->vocab},
        {"hidden size", a->hidden == b->hidden},
        {"number of layers", a->layers == b->layers},
        {"number of heads", a->heads == b->heads},
        {"n_inner", a->inner == b->inner},
        {"n_positions", a->positions == b->positions},
        {"layer_norm_epsilon", a->norm_eps == b->norm_eps},
        {"tie_word_embeddings", a->tied == b->tied},
        {"apply_residual_connection_post_layernorm",
         a->residual_after_norm == b->residual_after_norm},
        {"scale_attn_by_inverse_layer_idx", a->scale_by_layer == b->scale_by_layer},
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!fields[i].same)
            return fields[i].name;
    return NULL;
}
