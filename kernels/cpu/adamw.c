/* adamw: one pass over parameters, gradients, moments and rounded values. */
#include "kernels/adamw.h"

#include "kernels/cpu/cpu.h"

enum { ADAMW_CHUNK = 16384 };

struct adamw_task {
    float *param, *m, *v;
    const float *grad;
    bf16 *rounded; /* or NULL */
    size_t n;      /* whole panels */
    struct adamw_numbers numbers;
};

static inline void update(const struct adamw_task *t, const struct adamw_numbers *f, size_t i)
{
    lanes param = lanes_load(t->param + i), m = lanes_load(t->m + i), v = lanes_load(t->v + i);

    lanes_adamw(f, lanes_load(t->grad + i), &param, &m, &v);
    lanes_store(t->m + i, m);
    lanes_store(t->v + i, v);
    lanes_store(t->param + i, param);
    if (t->rounded)
        lanes_store_bf16(t->rounded + i, param);
}

static void adamw_chunk(void *context, size_t index, size_t worker)
{
    const struct adamw_task *t = context;
    const struct adamw_numbers f = t->numbers; /* here no store can change it */
    const size_t from = index * ADAMW_CHUNK;
    const size_t to = t->n - from < ADAMW_CHUNK ? t->n : from + ADAMW_CHUNK;

    (void)worker;
    for (size_t i = from; i < to; i += LANES)
        update(t, &f, i);
}

void NAMED(adamw)(struct backend *be, const struct adamw_args *a)
{
    const struct cpu *c = cpu_of(be);
    const struct cpu_parameter *first = &c->parameters[a->first];
    const struct cpu_parameter *last = first + a->n - 1;
    const size_t at = first->offset;
    struct adamw_task t = {
        c->value + at,
        c->moment1 + at,
        c->moment2 + at,
        cpu_part(c, OPS_GRADIENT) + at,
        c->rounded ? c->rounded + at : NULL,
        last->offset + last->floats - at,
        adamw_numbers(a),
    };

    cpu_run(cpu_of(be), (t.n + ADAMW_CHUNK - 1) / ADAMW_CHUNK, 8 * t.n, adamw_chunk, &t);
}
