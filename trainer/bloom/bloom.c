/*
 * bloom: the plan of the slabs, then the blocks forward and backward. The forward half of the file
 * reads in the model's order, the backward half in reverse. Start at bloom_forward.
 */
#include "trainer/bloom/bloom.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

/* Hands out pieces of one slab, each on a cache line of its own. First without a slab, to count. */
struct planner {
    char *slab;
    size_t bytes;
};

enum { CACHE_LINE = 64 };

static void *piece(struct planner *p, size_t count, size_t size)
{
    const size_t at = p->bytes;
    size_t n;

    /* On overflow a size that no machine has: allocate will refuse it. */
    if (__builtin_mul_overflow(count, size, &n) || n > SIZE_MAX / 4 || at > SIZE_MAX / 4)
        p->bytes = SIZE_MAX / 2;
    else
        p->bytes += (n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    return p->slab ? p->slab + at : NULL;
}

static float *floats(struct planner *p, size_t count)
{
    return piece(p, count, sizeof(float));
}

/* Activations of a block: all tokens up to attention, `rows` after it. */
static void plan_block(struct bloom *b, struct planner *p, struct block_activations *a,
                       size_t tokens, size_t rows, bool last)
{
    const size_t heads = b->layout->config.heads;

    a->qkv = floats(p, tokens * b->qkv_stride);
    a->row_max = floats(p, rows * heads);
    a->row_scale = floats(p, rows * heads);
    a->context = floats(p, rows * b->hidden_stride);
    if (last)
        a->skip = floats(p, rows * b->hidden_stride);
    a->middle = floats(p, rows * b->hidden_stride);
    a->up = floats(p, rows * b->up_stride);
}

/*
 * Training keeps every block's activations. Otherwise blocks share one set, and what flows between
 * them alternates between two buffers. The last block has a set for itself.
 */
static void plan_blocks(struct bloom *b, struct planner *p, const struct bloom_plan *plan)
{
    const size_t layers = b->layout->config.layers, tokens = plan->limits.tokens;
    float *x[2] = {NULL, NULL};

    for (size_t i = 0; i < layers; i++) {
        struct block_activations *a = &b->blocks[i];
        const bool last = i + 1 == layers;
        if (plan->training || last || i == 0)
            plan_block(b, p, a, tokens, last ? plan->limits.queries : tokens, last);
        else
            *a = b->blocks[0];
        if (plan->training || i < 2)
            x[i % 2] = floats(p, tokens * b->hidden_stride);
        a->x = x[i % 2];
    }
    b->normed = floats(p, tokens * b->hidden_stride);
    b->mean = floats(p, tokens);
    b->rstd = floats(p, tokens);
    b->gelu = floats(p, tokens * b->up_stride);
}

static void plan_head(struct bloom *b, struct planner *p, size_t tokens, size_t queries)
{
    b->embedded = floats(p, tokens * b->hidden_stride);
    b->mean0 = floats(p, tokens);
    b->rstd0 = floats(p, tokens);
    b->last = floats(p, queries * b->hidden_stride);
    b->last_norm = floats(p, queries * b->hidden_stride);
    b->last_mean = floats(p, queries);
    b->last_rstd = floats(p, queries);
    b->logits = floats(p, queries * b->vocab_stride);
    b->losses = piece(p, queries, sizeof *b->losses);
}

static void plan_all(struct bloom *b, struct planner *p, const struct bloom_plan *plan)
{
    const size_t n = b->layout->n_floats, tokens = plan->limits.tokens;

    b->weights = floats(p, n);
    b->slopes = floats(p, b->layout->config.heads);
    plan_blocks(b, p, plan);
    plan_head(b, p, tokens, plan->limits.queries);
    b->cache_rows = plan->cache_rows;
    b->cache = floats(p, b->layout->config.layers * plan->cache_rows * b->qkv_stride);
    if (!plan->training)
        return;
    b->gradients = floats(p, n);
    b->moment1 = floats(p, n);
    b->moment2 = floats(p, n);
    b->norms = floats(p, b->layout->n_tensors);
    b->d_rows = floats(p, tokens * b->hidden_stride);
    b->d_norm = floats(p, tokens * b->hidden_stride);
    b->d_skip = floats(p, tokens * b->hidden_stride);
    b->d_up = floats(p, tokens * b->up_stride);
    b->d_qkv = floats(p, tokens * b->qkv_stride);
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
 * Slopes of ALiBi as transformers computes them: powers 1, 2, 3, ... of a float for the largest
 * power of two of heads; what is left over takes powers 1, 3, 5, ... of the base of twice as many.
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

static enum status prepare(struct bloom *b, const struct bloom_plan *plan, struct error *err)
{
    const struct config *c = &b->layout->config;
    const struct ops_shape products[] = {
        {plan->limits.tokens, 4 * c->hidden, c->hidden},
        {plan->limits.tokens, c->hidden, 4 * c->hidden},
        {plan->limits.queries, c->vocab, c->hidden},
    };
    const struct ops_limits limits = {.keys = plan->limits.keys,
                                      .d = c->hidden / c->heads,
                                      .products = products,
                                      .n_products =
                                          b->bf16 ? sizeof products / sizeof *products : 0};

    return b->ops->prepare(b->be, &limits, err);
}

enum status bloom_open(struct backend *be, const struct ops *ops, const struct layout *layout,
                       const struct bloom_plan *plan, struct arena *arena, struct bloom *out,
                       struct error *err)
{
    const size_t hidden = layout->config.hidden;
    struct planner planner = {NULL, 0};
    void *slab;

    *out = (struct bloom){.be = be,
                          .ops = ops,
                          .layout = layout,
                          .bf16 = plan->precision == PRECISION_BF16,
                          .hidden_stride = ops_stride(hidden),
                          .qkv_stride = ops_stride(3 * hidden),
                          .up_stride = ops_stride(4 * hidden),
                          .vocab_stride = ops_stride(layout->config.vocab)};
    if (!(out->blocks = arena_array(arena, layout->config.layers, sizeof *out->blocks)))
        return error_memory(err);
    plan_all(out, &planner, plan);
    TRY(prepare(out, plan, err));
    TRY(ops->allocate(be, planner.bytes, &slab, err));
    planner = (struct planner){slab, 0};
    plan_all(out, &planner, plan);
    fill_slopes(out->slopes, layout->config.heads);
    return OK;
}

/* The weights and gradients at an offset of the layout. */
static const float *weight(const struct bloom *b, size_t offset)
{
    return b->weights + offset;
}

/* One layer norm: what it reads, and what it writes for the next layer and the backward pass. */
struct norm_place {
    const float *x;
    size_t gain, bias; /* offsets */
    float *out, *mean, *rstd;
};

static struct norm_place norm_embedding(const struct bloom *b)
{
    return (struct norm_place){b->embedded,
                               b->layout->embedding_norm_weight,
                               b->layout->embedding_norm_bias,
                               b->blocks[0].x,
                               b->mean0,
                               b->rstd0};
}

static struct norm_place norm_attention(const struct bloom *b, size_t layer)
{
    const struct block_offsets *o = &b->layout->blocks[layer];

    return (struct norm_place){b->blocks[layer].x, o->norm1_weight, o->norm1_bias,
                               b->normed,          b->mean,         b->rstd};
}

static struct norm_place norm_network(const struct bloom *b, size_t layer)
{
    const struct block_offsets *o = &b->layout->blocks[layer];

    return (struct norm_place){
        b->blocks[layer].middle, o->norm2_weight, o->norm2_bias, b->normed, b->mean, b->rstd};
}

static struct norm_place norm_last(const struct bloom *b)
{
    return (struct norm_place){b->last,
                               b->layout->last_norm_weight,
                               b->layout->last_norm_bias,
                               b->last_norm,
                               b->last_mean,
                               b->last_rstd};
}

static void norm(struct bloom *b, struct norm_place n, size_t m)
{
    b->ops->norm(b->be, &(struct norm_args){.x = n.x,
                                            .weight = weight(b, n.gain),
                                            .bias = weight(b, n.bias),
                                            .out = n.out,
                                            .mean = n.mean,
                                            .rstd = n.rstd,
                                            .stride = b->hidden_stride,
                                            .m = m,
                                            .n = b->layout->config.hidden,
                                            .eps = (float)b->layout->config.norm_eps});
}

static void gelu(struct bloom *b, const float *up, size_t m)
{
    b->ops->gelu(b->be, &(struct gelu_args){up, b->gelu, m * b->up_stride});
}

/* The shape of one linear layer. */
struct linear_shape {
    size_t weight, bias; /* offsets; bias NO_BIAS: none */
    size_t n, k, n_stride, k_stride;
};

static const size_t no_bias = SIZE_MAX;

static struct linear_shape shape_qkv(const struct bloom *b, const struct block_offsets *o)
{
    const size_t h = b->layout->config.hidden;

    return (struct linear_shape){o->qkv_weight, o->qkv_bias,     3 * h, h,
                                 b->qkv_stride, b->hidden_stride};
}

static struct linear_shape shape_dense(const struct bloom *b, const struct block_offsets *o)
{
    const size_t h = b->layout->config.hidden;

    return (struct linear_shape){o->dense_weight,  o->dense_bias,   h, h,
                                 b->hidden_stride, b->hidden_stride};
}

static struct linear_shape shape_up(const struct bloom *b, const struct block_offsets *o)
{
    const size_t h = b->layout->config.hidden;

    return (struct linear_shape){o->up_weight, o->up_bias,      4 * h, h,
                                 b->up_stride, b->hidden_stride};
}

static struct linear_shape shape_down(const struct bloom *b, const struct block_offsets *o)
{
    const size_t h = b->layout->config.hidden;

    return (struct linear_shape){o->down_weight, o->down_bias,     h,
                                 4 * h,          b->hidden_stride, b->up_stride};
}

static struct linear_shape shape_head(const struct bloom *b)
{
    return (struct linear_shape){b->layout->head,          no_bias,         b->layout->config.vocab,
                                 b->layout->config.hidden, b->vocab_stride, b->hidden_stride};
}

static void linear(struct bloom *b, struct linear_shape s, const float *x, const float *residual,
                   float *out, size_t m)
{
    b->ops->linear(b->be,
                   &(struct linear_args){.x = x,
                                         .x_stride = s.k_stride,
                                         .weight = weight(b, s.weight),
                                         .bias = s.bias == no_bias ? NULL : weight(b, s.bias),
                                         .residual = residual,
                                         .out = out,
                                         .out_stride = s.n_stride,
                                         .m = m,
                                         .n = s.n,
                                         .k = s.k,
                                         .bf16 = b->bf16});
}

/* The rows of a step: all tokens, or in the last block its queries. */
struct rows {
    size_t n;
    const int32_t *at, *places; /* rows of tokens, places in the sequence */
    const struct attention_sequence *sequences;
};

static struct rows rows_of(const struct bloom *b, const struct batch *batch, size_t layer)
{
    if (layer + 1 == b->layout->config.layers)
        return (struct rows){batch->n_queries, batch->query_rows, batch->query_places,
                             batch->query_sequences};
    return (struct rows){batch->n_tokens, batch->token_rows, batch->token_places, batch->sequences};
}

static struct attention_args attention_of(const struct bloom *b, const struct batch *batch,
                                          const struct rows *rows, size_t layer)
{
    const struct block_activations *a = &b->blocks[layer];
    const size_t heads = b->layout->config.heads, d = b->layout->config.hidden / heads;
    const float *kv = a->qkv;

    if (batch->cache_rows)
        kv = b->cache + layer * b->cache_rows * b->qkv_stride;
    return (struct attention_args){.q = a->qkv,
                                   .kv = kv,
                                   .q_stride = b->qkv_stride,
                                   .kv_stride = b->qkv_stride,
                                   .query_row = rows->at,
                                   .query_place = rows->places,
                                   .sequences = rows->sequences,
                                   .n_sequences = batch->n_sequences,
                                   .slopes = b->slopes,
                                   .out = a->context,
                                   .out_stride = b->hidden_stride,
                                   .row_max = a->row_max,
                                   .row_scale = a->row_scale,
                                   .heads = heads,
                                   .d = d,
                                   .scale = (float)(1 / sqrt((double)d))};
}

static void block_forward(struct bloom *b, const struct batch *batch, size_t layer, float *out)
{
    const struct block_offsets *o = &b->layout->blocks[layer];
    const struct block_activations *a = &b->blocks[layer];
    const bool after_norm = b->layout->config.residual_after_norm;
    const struct rows rows = rows_of(b, batch, layer);
    const float *skip = after_norm ? b->normed : a->x;

    norm(b, norm_attention(b, layer), batch->n_tokens);
    linear(b, shape_qkv(b, o), b->normed, NULL, a->qkv, batch->n_tokens);
    if (batch->cache_rows)
        b->ops->put_rows(
            b->be, &(struct rows_args){.x = a->qkv,
                                       .out = b->cache + layer * b->cache_rows * b->qkv_stride,
                                       .rows = batch->cache_rows,
                                       .stride = b->qkv_stride,
                                       .m = batch->n_tokens});
    const struct attention_args attention = attention_of(b, batch, &rows, layer);
    b->ops->attention(b->be, &attention);
    if (a->skip) {
        b->ops->take_rows(b->be, &(struct rows_args){.x = skip,
                                                     .out = a->skip,
                                                     .rows = rows.at,
                                                     .stride = b->hidden_stride,
                                                     .m = rows.n});
        skip = a->skip;
    }
    linear(b, shape_dense(b, o), a->context, skip, a->middle, rows.n);
    norm(b, norm_network(b, layer), rows.n);
    linear(b, shape_up(b, o), b->normed, NULL, a->up, rows.n);
    gelu(b, a->up, rows.n);
    linear(b, shape_down(b, o), b->gelu, after_norm ? b->normed : a->middle, out, rows.n);
}

void bloom_forward(struct bloom *b, const struct batch *batch)
{
    const struct layout *l = b->layout;
    const size_t layers = l->config.layers;

    b->ops->embed(b->be, &(struct embed_args){.ids = batch->ids,
                                              .weight = weight(b, l->embedding),
                                              .out = b->embedded,
                                              .out_stride = b->hidden_stride,
                                              .m = batch->n_tokens,
                                              .n = l->config.hidden});
    norm(b, norm_embedding(b), batch->n_tokens);
    for (size_t i = 0; i < layers; i++)
        block_forward(b, batch, i, i + 1 < layers ? b->blocks[i + 1].x : b->last);
    norm(b, norm_last(b), batch->n_queries);
    linear(b, shape_head(b), b->last_norm, NULL, b->logits, batch->n_queries);
}

double bloom_loss(struct bloom *b, const struct batch *batch, double scale, bool gradient)
{
    double sum = 0;

    b->ops->cross_entropy(b->be, &(struct cross_entropy_args){.logits = b->logits,
                                                              .stride = b->vocab_stride,
                                                              .targets = batch->targets,
                                                              .losses = b->losses,
                                                              .m = batch->n_queries,
                                                              .n = b->layout->config.vocab,
                                                              .scale = (float)scale,
                                                              .gradient = gradient});
    for (size_t i = 0; i < batch->n_queries; i++)
        sum += b->losses[i];
    return sum;
}

/* x and dy of a linear layer → the gradients of its weight and bias. */
static void linear_weight(struct bloom *b, struct linear_shape s, const float *dy, const float *x,
                          size_t m, bool accumulate)
{
    float *dbias = s.bias == no_bias ? NULL : b->gradients + s.bias;

    b->ops->linear_weight(b->be, &(struct linear_weight_args){.dy = dy,
                                                              .dy_stride = s.n_stride,
                                                              .x = x,
                                                              .x_stride = s.k_stride,
                                                              .dweight = b->gradients + s.weight,
                                                              .dbias = dbias,
                                                              .m = m,
                                                              .n = s.n,
                                                              .k = s.k,
                                                              .accumulate = accumulate,
                                                              .bf16 = b->bf16});
}

/* dx = dy through the layer, plus add where it is not NULL. */
static void linear_input(struct bloom *b, struct linear_shape s, const float *dy, const float *add,
                         float *dx, size_t m)
{
    b->ops->linear_input(b->be, &(struct linear_input_args){.dy = dy,
                                                            .dy_stride = s.n_stride,
                                                            .weight = weight(b, s.weight),
                                                            .add = add,
                                                            .dx = dx,
                                                            .dx_stride = s.k_stride,
                                                            .m = m,
                                                            .n = s.n,
                                                            .k = s.k,
                                                            .bf16 = b->bf16});
}

static void norm_backward(struct bloom *b, struct norm_place n, const float *dy, const float *add,
                          float *dx, size_t m, bool accumulate)
{
    b->ops->norm_backward(b->be, &(struct norm_backward_args){.dy = dy,
                                                              .x = n.x,
                                                              .weight = weight(b, n.gain),
                                                              .mean = n.mean,
                                                              .rstd = n.rstd,
                                                              .add = add,
                                                              .dx = dx,
                                                              .dweight = b->gradients + n.gain,
                                                              .dbias = b->gradients + n.bias,
                                                              .stride = b->hidden_stride,
                                                              .m = m,
                                                              .n = b->layout->config.hidden,
                                                              .accumulate = accumulate});
}

/* Norms and GELU are computed a second time here: that costs little, and the blocks keep a third
 * fewer activations. */

/* The MLP after the second norm: d_rows holds the block's output gradient, then that of
 * `middle`. */
static void network_backward(struct bloom *b, size_t layer, size_t m, bool accumulate)
{
    const struct block_offsets *o = &b->layout->blocks[layer];
    const struct block_activations *a = &b->blocks[layer];
    const bool after_norm = b->layout->config.residual_after_norm;
    float *d = b->d_rows;

    gelu(b, a->up, m);
    linear_weight(b, shape_down(b, o), d, b->gelu, m, accumulate);
    linear_input(b, shape_down(b, o), d, NULL, b->d_up, m);
    b->ops->gelu_backward(b->be,
                          &(struct gelu_backward_args){b->d_up, a->up, b->d_up, m * b->up_stride});
    norm(b, norm_network(b, layer), m);
    linear_weight(b, shape_up(b, o), b->d_up, b->normed, m, accumulate);
    linear_input(b, shape_up(b, o), b->d_up, after_norm ? d : NULL, b->d_norm, m);
    norm_backward(b, norm_network(b, layer), b->d_norm, after_norm ? NULL : d, d, m, accumulate);
}

/* d_rows: the gradient of the block's output, then of its input. */
static void block_backward(struct bloom *b, const struct batch *batch, size_t layer,
                           bool accumulate)
{
    const struct block_offsets *o = &b->layout->blocks[layer];
    const struct block_activations *a = &b->blocks[layer];
    const bool after_norm = b->layout->config.residual_after_norm;
    const struct rows rows = rows_of(b, batch, layer);
    const float *skip = b->d_rows;

    network_backward(b, layer, rows.n, accumulate);
    linear_weight(b, shape_dense(b, o), b->d_rows, a->context, rows.n, accumulate);
    linear_input(b, shape_dense(b, o), b->d_rows, NULL, b->d_norm, rows.n);
    b->ops->attention_backward(
        b->be, &(struct attention_backward_args){.forward = attention_of(b, batch, &rows, layer),
                                                 .dout = b->d_norm,
                                                 .dqkv = b->d_qkv});
    if (a->skip) {
        b->ops->put_rows(b->be, &(struct rows_args){.x = b->d_rows,
                                                    .out = b->d_skip,
                                                    .rows = rows.at,
                                                    .stride = b->hidden_stride,
                                                    .m = rows.n,
                                                    .zero_rows = batch->n_tokens});
        skip = b->d_skip;
    }
    norm(b, norm_attention(b, layer), batch->n_tokens);
    linear_weight(b, shape_qkv(b, o), b->d_qkv, b->normed, batch->n_tokens, accumulate);
    linear_input(b, shape_qkv(b, o), b->d_qkv, after_norm ? skip : NULL, b->d_norm,
                 batch->n_tokens);
    norm_backward(b, norm_attention(b, layer), b->d_norm, after_norm ? NULL : skip, b->d_rows,
                  batch->n_tokens, accumulate);
}

void bloom_backward(struct bloom *b, const struct batch *batch, bool accumulate)
{
    const struct layout *l = b->layout;

    if (!l->config.tied && !accumulate)
        b->ops->fill(b->be, &(struct fill_args){b->gradients + l->embedding,
                                                ops_panels(l->config.vocab, l->config.hidden), 0});
    linear_weight(b, shape_head(b), b->logits, b->last_norm, batch->n_queries, accumulate);
    linear_input(b, shape_head(b), b->logits, NULL, b->d_norm, batch->n_queries);
    norm_backward(b, norm_last(b), b->d_norm, NULL, b->d_rows, batch->n_queries, accumulate);
    for (size_t i = l->config.layers; i-- > 0;)
        block_backward(b, batch, i, accumulate);
    norm_backward(b, norm_embedding(b), b->d_rows, NULL, b->d_norm, batch->n_tokens, accumulate);
    b->ops->embed_backward(b->be,
                           &(struct embed_backward_args){.ids = batch->ids,
                                                         .dx = b->d_norm,
                                                         .dx_stride = b->hidden_stride,
                                                         .dweight = b->gradients + l->embedding,
                                                         .m = batch->n_tokens,
                                                         .n = l->config.hidden});
}
