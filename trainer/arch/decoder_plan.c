/* decoder_plan: a config → the tensors; the largest batch → the activations. */
#include <math.h>

#include "base/arena.h"
#include "trainer/arch/decoder_parts.h"

/* ---- tensors ---- */

static const struct decoder_family *family_of(const struct config *c)
{
    return c->architecture->family;
}

static int add_embedding(struct layout_builder *b, const char *name, size_t rows)
{
    const struct config *c = &b->layout->config;

    return layout_add(b,
                      (struct tensor){.name = arena_printf(b->arena, "transformer.%s.weight", name),
                                      .rows = rows,
                                      .columns = c->hidden,
                                      .looked_up = true,
                                      .deviation = c->initializer_range});
}

static int add_head(struct layout_builder *b)
{
    const struct config *c = &b->layout->config;

    return layout_add(b, (struct tensor){.name = "lm_head.weight",
                                         .rows = c->vocab,
                                         .columns = c->hidden,
                                         .deviation = c->initializer_range});
}

/* The matrix of a linear layer of a block. */
static int add_matrix(struct layout_builder *b, size_t layer, const char *name, size_t n, size_t k,
                      bool residual)
{
    const struct config *c = &b->layout->config;
    const struct decoder_family *f = family_of(c);
    const double less = residual && f->scaled_residual ? sqrt(2 * (double)c->layers) : 1;

    return layout_add(b, (struct tensor){.name = arena_printf(
                                             b->arena, "transformer.h.%zu.%s.weight", layer, name),
                                         .rows = n,
                                         .columns = k,
                                         .transposed = f->transposed,
                                         .deviation = c->initializer_range / less});
}

static int add_vector(struct layout_builder *b, const char *name, size_t n, double mean)
{
    return layout_add(b, (struct tensor){.name = name, .rows = n, .mean = mean});
}

/* A layer norm begins as the identity. */
static struct decoder_pair add_norm(struct layout_builder *b, const char *name)
{
    const size_t h = b->layout->config.hidden;

    if (!name)
        return (struct decoder_pair){OPS_NONE, OPS_NONE};
    return (struct decoder_pair){
        add_vector(b, arena_printf(b->arena, "transformer.%s.weight", name), h, 1),
        add_vector(b, arena_printf(b->arena, "transformer.%s.bias", name), h, 0)};
}

static struct decoder_pair add_block_norm(struct layout_builder *b, size_t layer, const char *name)
{
    const char *whole = arena_printf(b->arena, "h.%zu.%s", layer, name);

    b->failed |= !whole;
    return add_norm(b, whole);
}

static int add_bias(struct layout_builder *b, size_t layer, const char *name, size_t n)
{
    return add_vector(b, arena_printf(b->arena, "transformer.h.%zu.%s.bias", layer, name), n, 0);
}

static void list_matrices(struct layout_builder *b, struct decoder_numbers *n)
{
    const struct config *c = &b->layout->config;
    const struct decoder_family *f = family_of(c);
    const size_t h = c->hidden;

    n->embedding = add_embedding(b, f->embedding, c->vocab);
    n->head = c->tied ? n->embedding : add_head(b);
    n->positions = f->positions ? add_embedding(b, f->positions, c->positions) : OPS_NONE;
    for (size_t i = 0; i < c->layers; i++) {
        struct decoder_block_numbers *o = &n->blocks[i];
        o->qkv.weight = add_matrix(b, i, f->qkv, 3 * h, h, false);
        o->dense.weight = add_matrix(b, i, f->dense, h, h, true);
        o->up.weight = add_matrix(b, i, f->up, c->inner, h, false);
        o->down.weight = add_matrix(b, i, f->down, h, c->inner, true);
    }
}

static void list_vectors(struct layout_builder *b, struct decoder_numbers *n)
{
    const struct config *c = &b->layout->config;
    const struct decoder_family *f = family_of(c);

    n->embedding_norm = add_norm(b, f->embedding_norm);
    for (size_t i = 0; i < c->layers; i++) {
        struct decoder_block_numbers *o = &n->blocks[i];
        o->norm1 = add_block_norm(b, i, f->norm1);
        o->qkv.bias = add_bias(b, i, f->qkv, 3 * c->hidden);
        o->dense.bias = add_bias(b, i, f->dense, c->hidden);
        o->norm2 = add_block_norm(b, i, f->norm2);
        o->up.bias = add_bias(b, i, f->up, c->inner);
        o->down.bias = add_bias(b, i, f->down, c->hidden);
    }
    n->last_norm = add_norm(b, f->last_norm);
}

void decoder_list(struct layout_builder *b, const struct config *config)
{
    struct decoder_numbers *n =
        layout_reserve(b, 7 + 12 * config->layers,
                       sizeof *n + config->layers * sizeof(struct decoder_block_numbers));

    if (!n)
        return;
    list_matrices(b, n);
    list_vectors(b, n);
}

/* ---- activations ---- */

/* Normed rows also go around the block, as they are, in BLOOM's other variant. */
static enum ops_type normed_type(const struct decoder *d)
{
    return d->config->residual_after_norm ? OPS_FP32 : d->network->be->operand;
}

/* Activations of a block: all tokens up to attention, `rows` after it. */
static void plan_block(const struct decoder *d, struct planner *p, struct decoder_block *a,
                       size_t tokens, size_t rows, bool last)
{
    const struct config *c = d->config;

    a->qkv = planner_rows(p, tokens, 3 * c->hidden, OPS_FP32);
    a->row_max = planner_take(p, rows * c->heads, sizeof(float));
    a->row_scale = planner_take(p, rows * c->heads, sizeof(float));
    a->context = planner_rows(p, rows, c->hidden, d->network->be->operand);
    if (last)
        a->skip = planner_rows(p, rows, c->hidden, OPS_FP32);
    a->middle = planner_rows(p, rows, c->hidden, OPS_FP32);
    a->up = planner_rows(p, rows, c->inner, OPS_FP32);
}

/*
 * Training keeps every block's activations. Otherwise blocks share one set, and what flows between
 * them alternates between two buffers. The last block has a set for itself.
 */
static void plan_blocks(struct decoder *d, struct planner *p, const struct network_plan *plan)
{
    const size_t layers = d->config->layers, tokens = plan->limits.tokens;
    struct ops_rows x[2] = {{0}};

    for (size_t i = 0; i < layers; i++) {
        struct decoder_block *a = &d->blocks[i];
        const bool last = i + 1 == layers;
        if (plan->training || last || i == 0)
            plan_block(d, p, a, tokens, last ? plan->limits.queries : tokens, last);
        else
            *a = d->blocks[0];
        if (plan->training || i < 2)
            x[i % 2] = planner_rows(p, tokens, d->config->hidden, OPS_FP32);
        a->x = x[i % 2];
    }
    d->normed = planner_rows(p, tokens, d->config->hidden, normed_type(d));
    d->mean = planner_take(p, tokens, sizeof(float));
    d->rstd = planner_take(p, tokens, sizeof(float));
    d->gelu = planner_rows(p, tokens, d->config->inner, d->network->be->operand);
}

static void plan_ends(struct decoder *d, struct planner *p, const struct batch_limits *l)
{
    const size_t hidden = d->config->hidden;

    if (d->family->slopes)
        d->slopes = planner_take(p, d->config->heads, sizeof(float));
    if (d->family->embedding_norm) {
        d->embedded = planner_rows(p, l->tokens, hidden, OPS_FP32);
        d->mean0 = planner_take(p, l->tokens, sizeof(float));
        d->rstd0 = planner_take(p, l->tokens, sizeof(float));
    }
    d->last = planner_rows(p, l->queries, hidden, OPS_FP32);
    d->last_norm = planner_rows(p, l->queries, hidden, d->network->be->operand);
    d->last_mean = planner_take(p, l->queries, sizeof(float));
    d->last_rstd = planner_take(p, l->queries, sizeof(float));
    d->cache_rows = l->cache_rows;
    d->cache = planner_rows(p, d->config->layers * l->cache_rows, 3 * hidden, OPS_FP32);
}

static void plan_gradients(struct decoder *d, struct planner *p, size_t tokens)
{
    const size_t hidden = d->config->hidden;
    const enum ops_type operand = d->network->be->operand;

    d->d_rows = planner_rows(p, tokens, hidden, OPS_FP32);
    d->d_norm = planner_rows(p, tokens, hidden, OPS_FP32);
    d->d_skip = planner_rows(p, tokens, hidden, OPS_FP32);
    d->d_up = d->d_gelu = planner_rows(p, tokens, d->config->inner, OPS_FP32);
    if (operand != OPS_FP32)
        d->d_up = planner_rows(p, tokens, d->config->inner, operand);
    d->d_qkv = planner_rows(p, tokens, 3 * hidden, operand);
}

static void plan_limits(const struct decoder *d, struct planner *p, const struct batch_limits *l)
{
    const struct decoder_block_numbers *first = &d->numbers->blocks[0];

    p->keys = l->keys;
    p->d = d->config->hidden / d->config->heads;
    p->products[0] = (struct ops_limit){l->tokens, first->qkv.weight};
    p->products[1] = (struct ops_limit){l->tokens, first->up.weight};
    p->products[2] = (struct ops_limit){l->tokens, first->down.weight};
    p->products[3] = (struct ops_limit){l->queries, d->numbers->head};
    p->n_products = 4;
}

enum status decoder_plan(struct network *n, struct planner *p, const struct network_plan *plan,
                         struct error *err)
{
    const struct config *c = &n->layout->config;
    struct decoder *d = n->own;

    if (!d &&
        !(d = n->own = arena_alloc(n->arena, sizeof *d + c->layers * sizeof(struct decoder_block))))
        return error_memory(err);
    d->network = n;
    d->config = c;
    d->family = family_of(c);
    d->numbers = n->layout->numbers;
    plan_blocks(d, p, plan);
    plan_ends(d, p, &plan->limits);
    if (plan->training)
        plan_gradients(d, p, plan->limits.tokens);
    plan_limits(d, p, &plan->limits);
    return OK;
}

void decoder_prepare(struct network *n)
{
    const struct decoder *d = n->own;
    const size_t bytes = d->config->heads * sizeof(float);
    float slopes[CONFIG_HIDDEN_MAX];

    if (!d->family->slopes)
        return;
    d->family->slopes(slopes, d->config->heads);
    n->be->ops->send(n->be, d->slopes, slopes, bytes);
}
