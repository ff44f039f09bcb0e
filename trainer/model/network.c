/* network: the plan of all memory, then what every architecture's passes have around them. */
#include "trainer/model/network.h"

#include <string.h>

#include "base/arena.h"
#include "trainer/model/architecture.h"

enum { CACHE_LINE = 64 };

void *planner_take(struct planner *p, size_t count, size_t size)
{
    const size_t at = p->bytes;
    size_t n;

    /* On overflow a size that no machine has: allocate will refuse it. */
    if (__builtin_mul_overflow(count, size, &n) || n > SIZE_MAX / 4 || at > SIZE_MAX / 4)
        p->bytes = SIZE_MAX / 2;
    else
        p->bytes += (n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    return p->memory ? p->memory + at : NULL;
}

struct ops_rows planner_rows(struct planner *p, size_t m, size_t width, enum ops_type type)
{
    return (struct ops_rows){planner_take(p, p->ops->matrix_bytes(m, width, type), 1),
                             p->ops->stride(width, type), type};
}

static enum status plan(struct network *n, struct planner *p, const struct network_plan *plan,
                        struct error *err)
{
    const struct config *c = &n->layout->config;
    int32_t *words = planner_take(p, batch_words(&plan->limits), sizeof *words);

    batch_place(&plan->limits, words, &n->on_backend);
    n->logits = planner_rows(p, plan->limits.queries, c->vocab, OPS_FP32);
    n->losses = planner_take(p, plan->limits.queries, sizeof *n->losses);
    n->chosen = planner_take(p, plan->limits.queries, sizeof *n->chosen);
    if (plan->training) {
        n->norms = planner_take(p, n->layout->n_tensors, sizeof *n->norms);
        n->largest = planner_take(p, n->layout->n_tensors, sizeof *n->largest);
    }
    return c->architecture->body->plan(n, p, plan, err);
}

static enum status open_parameters(struct network *n, const struct network_plan *plan,
                                   struct error *err)
{
    const struct ops_parameters p = {.shapes = layout_shapes(n->layout, n->arena),
                                     .looked_up = layout_looked_up(n->layout, n->arena),
                                     .n = n->layout->n_tensors,
                                     .product = plan->product,
                                     .training = plan->training,
                                     .accumulate = plan->accumulate};

    return p.shapes && p.looked_up ? n->be->ops->parameters(n->be, &p, err) : error_memory(err);
}

enum status network_open(struct backend *be, const struct layout *layout,
                         const struct network_plan *wanted, struct arena *arena,
                         struct network *out, struct error *err)
{
    struct planner planner = {.ops = be->ops};
    void *memory = NULL;

    *out = (struct network){.be = be, .layout = layout, .arena = arena};
    TRY(open_parameters(out, wanted, err));
    TRY(plan(out, &planner, wanted, err));
    const struct ops_limits limits = {planner.keys, planner.d, planner.products,
                                      planner.n_products};
    TRY(be->ops->prepare(be, &limits, err));
    TRY(be->ops->allocate(be, planner.bytes, &memory, err));
    planner.memory = memory;
    planner.bytes = 0;
    TRY(plan(out, &planner, wanted, err));
    layout->config.architecture->body->prepare(out);
    return OK;
}

void network_forward(struct network *n, const struct batch *batch)
{
    struct batch *on = &n->on_backend;

    n->be->ops->send(n->be, on->words, batch->words, batch->n_words * sizeof *batch->words);
    on->n_tokens = batch->n_tokens;
    on->n_queries = batch->n_queries;
    on->n_labels = batch->n_labels;
    on->n_sequences = batch->n_sequences;
    on->cached = batch->cached;
    n->layout->config.architecture->body->forward(n, on);
}

void network_loss(struct network *n, const struct batch *batch, double scale, bool gradient,
                  double *losses)
{
    const struct ops *ops = n->be->ops;

    ops->cross_entropy(n->be, &(struct cross_entropy_args){.logits = n->logits,
                                                           .targets = n->on_backend.targets,
                                                           .losses = n->losses,
                                                           .m = batch->n_queries,
                                                           .n = n->layout->config.vocab,
                                                           .scale = (float)scale,
                                                           .gradient = gradient});
    ops->fetch(n->be, losses, n->losses, batch->n_queries * sizeof *losses);
}

double network_sum(const double *losses, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += losses[i];
    return sum;
}

void network_backward(struct network *n)
{
    n->layout->config.architecture->body->backward(n, &n->on_backend);
}

void network_choose(struct network *n, const struct batch *batch, int32_t *tokens)
{
    const struct ops *ops = n->be->ops;

    ops->largest(n->be, &(struct largest_args){n->logits, n->chosen, batch->n_queries,
                                               n->layout->config.vocab});
    ops->fetch(n->be, tokens, n->chosen, batch->n_queries * sizeof *tokens);
}
