/* adamw: one pass over parameters, gradients, moments and rounded values. */
#include "kernels/adamw.h"

#include "kernels/cuda/rows.h"

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
    const struct cuda_parameter *first = &c->parameters[a->first];
    const struct cuda_parameter *last = first + a->n - 1;
    const size_t at = first->offset;
    const struct adamw_task t = {c->value + at,
                                 c->moment1 + at,
                                 c->moment2 + at,
                                 cuda_part(c, OPS_GRADIENT) + at,
                                 c->rounded ? c->rounded + at : NULL,
                                 c->base.operand,
                                 last->offset + last->floats - at,
                                 adamw_numbers(a)};

    LAUNCH(c, cuda_blocks(t.n, THREADS), THREADS, 0, adamw_kernel, t);
}
