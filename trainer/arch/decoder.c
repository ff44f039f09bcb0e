/*
 * decoder: the blocks forward and backward, one line an operation. The forward half of the file
 * reads in the model's order, the backward half in reverse. Start at forward.
 */
#include "trainer/arch/decoder.h"

#include <math.h>

#include "trainer/arch/decoder_parts.h"

/* ---- forward ---- */

static struct backend *backend_of(const struct decoder *d)
{
    return d->network->be;
}

/* One layer norm: what it reads, and what it writes for the next layer and the backward pass. */
struct norm_place {
    struct ops_rows x;
    struct decoder_pair parameters;
    struct ops_rows out;
    float *mean, *rstd;
};

static struct norm_place norm_embedding(const struct decoder *d)
{
    return (struct norm_place){d->embedded, d->numbers->embedding_norm, d->blocks[0].x, d->mean0,
                               d->rstd0};
}

static struct norm_place norm_attention(const struct decoder *d, size_t layer)
{
    return (struct norm_place){d->blocks[layer].x, d->numbers->blocks[layer].norm1, d->normed,
                               d->mean, d->rstd};
}

static struct norm_place norm_network(const struct decoder *d, size_t layer)
{
    return (struct norm_place){d->blocks[layer].middle, d->numbers->blocks[layer].norm2, d->normed,
                               d->mean, d->rstd};
}

static struct norm_place norm_last(const struct decoder *d)
{
    return (struct norm_place){d->last, d->numbers->last_norm, d->last_norm, d->last_mean,
                               d->last_rstd};
}

static void norm(const struct decoder *d, struct norm_place n, size_t m)
{
    struct backend *be = backend_of(d);

    be->ops->norm(be, &(struct norm_args){.x = n.x,
                                          .out = n.out,
                                          .weight = n.parameters.weight,
                                          .bias = n.parameters.bias,
                                          .mean = n.mean,
                                          .rstd = n.rstd,
                                          .m = m,
                                          .eps = (float)d->config->norm_eps});
}

static void gelu(const struct decoder *d, struct ops_rows up, size_t m)
{
    struct backend *be = backend_of(d);

    be->ops->gelu(be, &(struct gelu_args){up, d->gelu, m, d->config->inner});
}

static const struct ops_rows nowhere = {NULL, 0, OPS_FP32};

static void linear(const struct decoder *d, struct decoder_pair p, struct ops_rows x,
                   struct ops_rows residual, struct ops_rows out, size_t m)
{
    struct backend *be = backend_of(d);

    be->ops->linear(be, &(struct linear_args){x, residual, out, p.weight, p.bias, m});
}

/* The head has no bias. */
static struct decoder_pair head_of(const struct decoder *d)
{
    return (struct decoder_pair){d->numbers->head, OPS_NONE};
}

/* The rows of a step: all tokens, or in the last block its queries. */
struct rows {
    size_t n;
    const int32_t *at, *places; /* rows of tokens, places in the sequence */
    const struct attention_sequence *sequences;
};

static struct rows rows_of(const struct decoder *d, const struct batch *batch, size_t layer)
{
    if (layer + 1 == d->config->layers)
        return (struct rows){batch->n_queries, batch->query_rows, batch->query_places,
                             batch->query_sequences};
    return (struct rows){batch->n_tokens, batch->token_rows, batch->token_places, batch->sequences};
}

/* The cache of one layer. */
static struct ops_rows cache_of(const struct decoder *d, size_t layer)
{
    struct ops_rows cache = d->cache;

    cache.at = (float *)cache.at + layer * d->cache_rows * cache.stride;
    return cache;
}

static struct attention_args attention_of(const struct decoder *d, const struct batch *batch,
                                          const struct rows *rows, size_t layer)
{
    const struct decoder_block *a = &d->blocks[layer];
    const struct config *c = d->config;
    const size_t width = c->hidden / c->heads;
    const bool parts_first = d->family->parts_first;
    const double scale = 1 / sqrt((double)width);

    return (struct attention_args){
        .q = a->qkv,
        .kv = batch->cached ? cache_of(d, layer) : a->qkv,
        .layout = {c->heads, width, parts_first ? width : 3 * width,
                   parts_first ? c->hidden : width},
        .query_row = rows->at,
        .query_place = rows->places,
        .sequences = rows->sequences,
        .n_sequences = batch->n_sequences,
        .slopes = d->slopes,
        .out = a->context,
        .row_max = a->row_max,
        .row_scale = a->row_scale,
        .scale = (float)(c->scale_by_layer ? scale / (double)(layer + 1) : scale)};
}

static void block_forward(const struct decoder *d, const struct batch *batch, size_t layer,
                          struct ops_rows out)
{
    struct backend *be = backend_of(d);
    const struct decoder_block_numbers *o = &d->numbers->blocks[layer];
    const struct decoder_block *a = &d->blocks[layer];
    const bool after_norm = d->config->residual_after_norm;
    const struct rows rows = rows_of(d, batch, layer);
    struct ops_rows skip = after_norm ? d->normed : a->x;

    norm(d, norm_attention(d, layer), batch->n_tokens);
    linear(d, o->qkv, d->normed, nowhere, a->qkv, batch->n_tokens);
    if (batch->cached)
        be->ops->put_rows(be, &(struct rows_args){a->qkv, cache_of(d, layer), batch->cache_rows,
                                                  batch->n_tokens, 0});
    const struct attention_args attention = attention_of(d, batch, &rows, layer);
    be->ops->attention(be, &attention);
    if (a->skip.at) {
        be->ops->take_rows(be, &(struct rows_args){skip, a->skip, rows.at, rows.n, 0});
        skip = a->skip;
    }
    linear(d, o->dense, a->context, skip, a->middle, rows.n);
    norm(d, norm_network(d, layer), rows.n);
    linear(d, o->up, d->normed, nowhere, a->up, rows.n);
    gelu(d, a->up, rows.n);
    linear(d, o->down, d->gelu, after_norm ? d->normed : a->middle, out, rows.n);
}

static void embed(const struct decoder *d, const struct batch *batch)
{
    struct backend *be = backend_of(d);
    const struct ops_rows out = d->embedded.at ? d->embedded : d->blocks[0].x;
    const size_t m = batch->n_tokens;

    be->ops->embed(be, &(struct embed_args){batch->ids, d->numbers->embedding, out, m, false});
    if (d->numbers->positions != OPS_NONE)
        be->ops->embed(be,
                       &(struct embed_args){batch->positions, d->numbers->positions, out, m, true});
    if (d->embedded.at)
        norm(d, norm_embedding(d), m);
}

static void forward(struct network *n, const struct batch *batch)
{
    const struct decoder *d = n->own;
    const size_t layers = d->config->layers;

    embed(d, batch);
    for (size_t i = 0; i < layers; i++)
        block_forward(d, batch, i, i + 1 < layers ? d->blocks[i + 1].x : d->last);
    norm(d, norm_last(d), batch->n_queries);
    linear(d, head_of(d), d->last_norm, nowhere, n->logits, batch->n_queries);
}

/* ---- backward ---- */

/* x and dy of a linear layer → the gradients of its weight and bias. */
static void linear_weight(const struct decoder *d, struct decoder_pair p, struct ops_rows dy,
                          struct ops_rows x, size_t m)
{
    struct backend *be = backend_of(d);

    be->ops->linear_weight(be, &(struct linear_weight_args){dy, x, p.weight, p.bias, m});
}

/* dx = dy through the layer, plus add where there is one. */
static void linear_input(const struct decoder *d, struct decoder_pair p, struct ops_rows dy,
                         struct ops_rows add, struct ops_rows dx, size_t m)
{
    struct backend *be = backend_of(d);

    be->ops->linear_input(be, &(struct linear_input_args){dy, add, dx, p.weight, m});
}

static void norm_backward(const struct decoder *d, struct norm_place n, struct ops_rows dy,
                          struct ops_rows add, struct ops_rows dx, size_t m)
{
    struct backend *be = backend_of(d);

    be->ops->norm_backward(be, &(struct norm_backward_args){.dy = dy,
                                                            .x = n.x,
                                                            .add = add,
                                                            .dx = dx,
                                                            .weight = n.parameters.weight,
                                                            .bias = n.parameters.bias,
                                                            .mean = n.mean,
                                                            .rstd = n.rstd,
                                                            .m = m});
}

/* Norms and GELU are computed a second time here: that costs little, and the blocks keep a third
 * fewer activations. */

/* The network after the second norm: d_rows holds the block's output gradient, then that of
 * `middle`. */
static void network_part_backward(const struct decoder *d, size_t layer, size_t m)
{
    struct backend *be = backend_of(d);
    const struct decoder_block_numbers *o = &d->numbers->blocks[layer];
    const struct decoder_block *a = &d->blocks[layer];
    const bool after_norm = d->config->residual_after_norm;

    gelu(d, a->up, m);
    linear_weight(d, o->down, d->d_rows, d->gelu, m);
    linear_input(d, o->down, d->d_rows, nowhere, d->d_gelu, m);
    be->ops->gelu_backward(
        be, &(struct gelu_backward_args){d->d_gelu, a->up, d->d_up, m, d->config->inner});
    norm(d, norm_network(d, layer), m);
    linear_weight(d, o->up, d->d_up, d->normed, m);
    linear_input(d, o->up, d->d_up, after_norm ? d->d_rows : nowhere, d->d_norm, m);
    norm_backward(d, norm_network(d, layer), d->d_norm, after_norm ? nowhere : d->d_rows, d->d_rows,
                  m);
}

/* d_rows: the gradient of the block's output, then of its input. */
static void block_backward(const struct decoder *d, const struct batch *batch, size_t layer)
{
    struct backend *be = backend_of(d);
    const struct decoder_block_numbers *o = &d->numbers->blocks[layer];
    const struct decoder_block *a = &d->blocks[layer];
    const bool after_norm = d->config->residual_after_norm;
    const struct rows rows = rows_of(d, batch, layer);
    struct ops_rows skip = d->d_rows;

    network_part_backward(d, layer, rows.n);
    linear_weight(d, o->dense, d->d_rows, a->context, rows.n);
    linear_input(d, o->dense, d->d_rows, nowhere, d->d_norm, rows.n);
    be->ops->attention_backward(
        be, &(struct attention_backward_args){.forward = attention_of(d, batch, &rows, layer),
                                              .dout = d->d_norm,
                                              .dqkv = d->d_qkv});
    if (a->skip.at) {
        be->ops->put_rows(
            be, &(struct rows_args){d->d_rows, d->d_skip, rows.at, rows.n, batch->n_tokens});
        skip = d->d_skip;
    }
    norm(d, norm_attention(d, layer), batch->n_tokens);
    linear_weight(d, o->qkv, d->d_qkv, d->normed, batch->n_tokens);
    linear_input(d, o->qkv, d->d_qkv, after_norm ? skip : nowhere, d->d_norm, batch->n_tokens);
    norm_backward(d, norm_attention(d, layer), d->d_norm, after_norm ? nowhere : skip, d->d_rows,
                  batch->n_tokens);
}

/* d_rows: the gradient of what the first block reads. The head's is there already where it is
 * tied. */
static void embed_backward(const struct decoder *d, const struct batch *batch)
{
    struct backend *be = backend_of(d);
    const struct decoder_numbers *n = d->numbers;
    struct ops_rows dx = d->d_rows;

    if (d->embedded.at) {
        norm_backward(d, norm_embedding(d), d->d_rows, nowhere, d->d_norm, batch->n_tokens);
        dx = d->d_norm;
    }
    if (n->head != n->embedding)
        be->ops->clear(be, n->embedding);
    be->ops->embed_backward(
        be, &(struct embed_backward_args){batch->ids, dx, n->embedding, batch->n_tokens});
    if (n->positions == OPS_NONE)
        return;
    be->ops->clear(be, n->positions);
    be->ops->embed_backward(
        be, &(struct embed_backward_args){batch->positions, dx, n->positions, batch->n_tokens});
}

static void backward(struct network *n, const struct batch *batch)
{
    const struct decoder *d = n->own;

    linear_weight(d, head_of(d), n->logits, d->last_norm, batch->n_queries);
    linear_input(d, head_of(d), n->logits, nowhere, d->d_norm, batch->n_queries);
    norm_backward(d, norm_last(d), d->d_norm, nowhere, d->d_rows, batch->n_queries);
    for (size_t i = d->config->layers; i-- > 0;)
        block_backward(d, batch, i);
    embed_backward(d, batch);
}

const struct architecture_body decoder_body = {
    .list = decoder_list,
    .plan = decoder_plan,
    .prepare = decoder_prepare,
    .forward = forward,
    .backward = backward,
};
