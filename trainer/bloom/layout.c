/* layout: the config's fields, then the tensors that follow from them. Start at layout_make. */
#include "trainer/bloom/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"

/* Beyond any model of this kind; products of two of them fit 64 bits with room to spare. */
enum { HIDDEN_MAX = 1 << 14, LAYERS_MAX = 1 << 10, VOCAB_MAX = 1 << 24 };

static const char prefix[] = "transformer.";

/* A whole number under any of its two spellings; the first wins. */
static enum status read_size(const struct json *file, const char *where, const char *name,
                             const char *other, size_t high, size_t *out, struct error *err)
{
    int64_t x = 0;

    if (!json_get(file, name) && json_get(file, other))
        name = other;
    TRY(json_want_integer(file, where, name, 1, (int64_t)high, &x, err));
    *out = (size_t)x;
    return OK;
}

/* A number, or the default where it is absent or null. */
static enum status read_number(const struct json *file, const char *where, const char *name,
                               double low, double high, double *out, struct error *err)
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

static enum status read_truth(const struct json *file, const char *where, const char *name,
                              bool *out, struct error *err)
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
        value->integer >= VOCAB_MAX)
        return error_set(err, ERR_INPUT, where, "eos_token_id: expected a token, found %s",
                         json_kind_name(value));
    if (out->n_eos == CONFIG_EOS_MAX)
        return error_set(err, ERR_INPUT, where, "eos_token_id: expected at most %d tokens",
                         CONFIG_EOS_MAX);
    out->eos[out->n_eos++] = (int32_t)value->integer;
    return OK;
}

/* One token, a list of them, or null; 2 where it is absent, as in BloomConfig. */
static enum status read_eos(const struct json *file, const char *where, struct config *out,
                            struct error *err)
{
    const struct json *value = json_get(file, "eos_token_id");

    if (!value) {
        out->eos[out->n_eos++] = 2;
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

static enum status refuse_dropout(const struct json *file, const char *where, const char *name,
                                  struct error *err)
{
    double rate = 0;

    TRY(read_number(file, where, name, 0, 1, &rate, err));
    return rate == 0
               ? OK
               : error_set(err, ERR_INPUT, where,
                           "%s: expected 0 (this trainer has no dropout), found %g", name, rate);
}

enum status config_read(const struct json *file, const char *where, size_t vocab,
                        struct config *out, struct error *err)
{
    const struct json *type = json_get(file, "model_type");

    *out = (struct config){.norm_eps = 1e-5, .initializer_range = 0.02, .tied = true};
    if (file->kind != JSON_OBJECT)
        return error_set(err, ERR_INPUT, where, "expected an object, found %s",
                         json_kind_name(file));
    if (type && (type->kind != JSON_STRING || strcmp(type->string, "bloom") != 0))
        return error_set(err, ERR_INPUT, where, "model_type: expected \"bloom\", found %s%s%.60s%s",
                         type->kind == JSON_STRING ? "" : json_kind_name(type),
                         type->kind == JSON_STRING ? "\"" : "",
                         type->kind == JSON_STRING ? type->string : "",
                         type->kind == JSON_STRING ? "\"" : "");
    TRY(read_size(file, where, "n_embed", "hidden_size", HIDDEN_MAX, &out->hidden, err));
    TRY(read_size(file, where, "n_layer", "num_hidden_layers", LAYERS_MAX, &out->layers, err));
    TRY(read_size(file, where, "n_head", "num_attention_heads", HIDDEN_MAX, &out->heads, err));
    out->vocab = vocab;
    if (vocab == 0 || json_get(file, "vocab_size"))
        TRY(read_size(file, where, "vocab_size", "vocab_size", VOCAB_MAX, &out->vocab, err));
    if (out->hidden % out->heads != 0)
        return error_set(err, ERR_INPUT, where,
                         "n_head: expected a divisor of the hidden size %zu, found %zu",
                         out->hidden, out->heads);
    TRY(read_number(file, where, "layer_norm_epsilon", 0, 1, &out->norm_eps, err));
    TRY(read_number(file, where, "initializer_range", 0, 1000, &out->initializer_range, err));
    TRY(read_truth(file, where, "apply_residual_connection_post_layernorm",
                   &out->residual_after_norm, err));
    TRY(read_truth(file, where, "tie_word_embeddings", &out->tied, err));
    TRY(refuse_dropout(file, where, "hidden_dropout", err));
    TRY(refuse_dropout(file, where, "attention_dropout", err));
    return read_eos(file, where, out, err);
}

struct builder {
    struct layout *layout;
    struct arena *arena;
    bool failed;
};

/* Appends a tensor and returns its offset. columns 0: a vector. */
static size_t add(struct builder *b, const char *name, size_t rows, size_t columns)
{
    struct layout *l = b->layout;
    struct tensor *t = &l->tensors[l->n_tensors];

    if (!name)
        b->failed = true;
    *t = (struct tensor){name, rows, columns, l->n_floats, ops_panels(rows, columns ? columns : 1)};
    l->shapes[l->n_tensors++] = (struct ops_tensor){l->n_floats, rows, columns};
    l->n_floats += t->floats;
    l->n_elements += rows * (columns ? columns : 1);
    return t->offset;
}

static size_t add_in(struct builder *b, size_t layer, const char *name, size_t rows, size_t columns)
{
    return add(b, arena_printf(b->arena, "%sh.%zu.%s", prefix, layer, name), rows, columns);
}

static void add_matrices(struct builder *b)
{
    struct layout *l = b->layout;
    const size_t h = l->config.hidden;

    l->embedding = add(b, "transformer.word_embeddings.weight", l->config.vocab, h);
    l->head = l->config.tied ? l->embedding : add(b, "lm_head.weight", l->config.vocab, h);
    for (size_t i = 0; i < l->config.layers; i++) {
        struct block_offsets *o = &l->blocks[i];
        o->qkv_weight = add_in(b, i, "self_attention.query_key_value.weight", 3 * h, h);
        o->dense_weight = add_in(b, i, "self_attention.dense.weight", h, h);
        o->up_weight = add_in(b, i, "mlp.dense_h_to_4h.weight", 4 * h, h);
        o->down_weight = add_in(b, i, "mlp.dense_4h_to_h.weight", h, 4 * h);
    }
    l->n_decayed = l->n_floats;
}

static void add_vectors(struct builder *b)
{
    struct layout *l = b->layout;
    const size_t h = l->config.hidden;

    l->embedding_norm_weight = add(b, "transformer.word_embeddings_layernorm.weight", h, 0);
    l->embedding_norm_bias = add(b, "transformer.word_embeddings_layernorm.bias", h, 0);
    for (size_t i = 0; i < l->config.layers; i++) {
        struct block_offsets *o = &l->blocks[i];
        o->norm1_weight = add_in(b, i, "input_layernorm.weight", h, 0);
        o->norm1_bias = add_in(b, i, "input_layernorm.bias", h, 0);
        o->qkv_bias = add_in(b, i, "self_attention.query_key_value.bias", 3 * h, 0);
        o->dense_bias = add_in(b, i, "self_attention.dense.bias", h, 0);
        o->norm2_weight = add_in(b, i, "post_attention_layernorm.weight", h, 0);
        o->norm2_bias = add_in(b, i, "post_attention_layernorm.bias", h, 0);
        o->up_bias = add_in(b, i, "mlp.dense_h_to_4h.bias", 4 * h, 0);
        o->down_bias = add_in(b, i, "mlp.dense_4h_to_h.bias", h, 0);
    }
    l->last_norm_weight = add(b, "transformer.ln_f.weight", h, 0);
    l->last_norm_bias = add(b, "transformer.ln_f.bias", h, 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

enum status layout_make(const struct config *config, struct arena *arena, struct layout **out,
                        struct error *err)
{
    const size_t most = 6 + 12 * config->layers;
    struct layout *l = arena_alloc(arena, sizeof *l);
    struct builder b = {l, arena, false};

    if (!l)
        return error_memory(err);
    l->config = *config;
    l->tensors = arena_array(arena, most, sizeof *l->tensors);
    l->blocks = arena_array(arena, config->layers, sizeof *l->blocks);
    l->shapes = arena_array(arena, most, sizeof *l->shapes);
    if (!l->tensors || !l->blocks || !l->shapes)
        return error_memory(err);
    add_matrices(&b);
    add_vectors(&b);
    if (b.failed)
        return error_memory(err);
    qsort(l->tensors, l->n_tensors, sizeof *l->tensors, by_name);
    *out = l;
    return OK;
}

/* Compares name, or "transformer." and name, with the tensor's. */
static int compare(const char *name, const struct tensor *t, bool with_prefix)
{
    int order;

    if (!with_prefix)
        return strcmp(name, t->name);
    order = strncmp(prefix, t->name, sizeof prefix - 1);
    return order ? order : strcmp(name, t->name + sizeof prefix - 1);
}

static const struct tensor *find(const struct layout *l, const char *name, bool with_prefix)
{
    size_t low = 0, high = l->n_tensors;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(name, &l->tensors[middle], with_prefix);
        if (order == 0)
            return &l->tensors[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct tensor *layout_find(const struct layout *layout, const char *name)
{
    const struct tensor *t = find(layout, name, false);

    return t ? t : find(layout, name, true);
}

static struct panels_args panels_of(const struct tensor *t, const float *slab, size_t first,
                                    size_t n, const float *rows)
{
    const size_t k = t->columns ? t->columns : 1;

    return (struct panels_args){(float *)rows, (float *)slab + t->offset + first * k, n, k};
}

void layout_put_rows(const struct slabs *s, const struct tensor *t, float *slab, size_t first,
                     size_t n, const float *rows)
{
    const struct panels_args a = panels_of(t, slab, first, n, rows);

    s->ops->to_panels(s->be, &a);
}

void layout_get_rows(const struct slabs *s, const struct tensor *t, const float *slab, size_t first,
                     size_t n, float *rows)
{
    const struct panels_args a = panels_of(t, slab, first, n, rows);

    s->ops->from_panels(s->be, &a);
}
