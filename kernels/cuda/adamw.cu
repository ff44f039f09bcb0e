/* adamw: one pass over parameters, gradients, moments and rounded values. */
#include "kernels/adamw.h"

#include "kernels/cuda/rows.h"
#include "kernels/cuda/shards.h"

namespace
{

enum { THREADS = 256 };

struct adamw_task {
    float *param, *m, *v;
    const float *grad;
    uint16_t *rounded; /* or NULL */
    enum ops_type type;
    size_t n;
    struct adamw_numbers numbers;
};

__global__ void adamw_kernel(struct adamw_task t)
{
    const size_t i = cuda_thread();
    float param, m, v;

    if (i >= t.n)
        return;
    param = t.param[i];
    m = t.m[i];
    v = t.v[i];
    lanes_adamw(&t.numbers, t.grad[i], &param, &m, &v);
    t.m[i] = m;
    t.v[i] = v;
    t.param[i] = param;
    if (t.rounded)
        t.rounded[i] = half_of(t.type, param);
}

} // namespace

void cuda_adamw(struct backend *be, const struct adamw_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *first = &c->parameters[a->first], *last = first + a->n - 1;
    const bool sharded = c->state.sharded;
    const size_t at = sharded ? first->local : first->offset;
    const size_t end = sharded ? last->local + last->shard : last->offset + last->floats;
    struct adamw_task t = {c->state.value + at,
                           c->state.moment1 + at,
                           c->state.moment2 + at,
                           NULL,
                           NULL,
                           c->base.operand,
                           end - at,
                           adamw_numbers(a)};

    if (c->sums && !sharded)
        shards_gather_sums(c, a->first, a->n);
    t.grad = (sharded ? c->sums : cuda_window(c)) + at;
    if (c->rounded && (!sharded || !c->value))
        t.rounded = c->rounded + at;
    LAUNCH(c, cuda_blocks(t.n, THREADS), THREADS, 0, adamw_kernel, t);
    if (!sharded || !c->value)
        return;
    shards_gather(c, a->first, a->n);
    cuda_round(c, c->value, first->offset, last->offset + last->floats - first->offset);
}
