/*
 * adamw: one pass over parameters, gradients, moments and rounded values. The order of roundings is
 * that of PyTorch's fused kernel on the processor.
 */
#include "kernels/cpu/cpu.h"

enum { ADAMW_CHUNK = 16384 };

struct adamw_factors {
    lanes decay, beta1_rest, beta2, beta2_rest, minus_step, root, eps, scale;
};

struct adamw_task {
    float *param, *m, *v;
    const float *grad;
    bf16 *rounded; /* or NULL */
    size_t n;      /* whole panels */
    struct adamw_factors f;
};

/* beta^n by squaring: n is a count of steps, and libm's pow is not the same everywhere. */
static double power(double beta, int64_t n)
{
    double result = 1;

    for (; n > 0; n /= 2, beta *= beta)
        if (n % 2 != 0)
            result *= beta;
    return result;
}

static void update(const struct adamw_task *t, size_t i)
{
    const struct adamw_factors *f = &t->f;
    const lanes grad = lanes_mul(lanes_load(t->grad + i), f->scale);
    lanes first = lanes_load(t->m + i), second = lanes_load(t->v + i);
    lanes param = lanes_mul(lanes_load(t->param + i), f->decay), root;

    first = lanes_fma(f->beta1_rest, lanes_sub(grad, first), first);
    second = lanes_fma(lanes_mul(f->beta2_rest, grad), grad, lanes_mul(second, f->beta2));
    root = lanes_add(lanes_div(lanes_sqrt(second), f->root), f->eps);
    param = lanes_add(param, lanes_div(lanes_mul(f->minus_step, first), root));
    lanes_store(t->m + i, first);
    lanes_store(t->v + i, second);
    lanes_store(t->param + i, param);
    if (t->rounded)
        lanes_store_bf16(t->rounded + i, param);
}

static void adamw_chunk(void *context, size_t index, size_t worker)
{
    const struct adamw_task *t = context;
    const size_t from = index * ADAMW_CHUNK;
    const size_t to = t->n - from < ADAMW_CHUNK ? t->n : from + ADAMW_CHUNK;

    (void)worker;
    for (size_t i = from; i < to; i += LANES)
        update(t, i);
}

void NAMED(adamw)(struct backend *be, const struct adamw_args *a)
{
    const double correction1 = 1 - power(a->beta1, a->step);
    const double correction2 = 1 - power(a->beta2, a->step);
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
        {.decay = lanes_all((float)(1 - a->lr * a->weight_decay)),
         .beta1_rest = lanes_all((float)(1 - a->beta1)),
         .beta2 = lanes_all((float)a->beta2),
         .beta2_rest = lanes_all((float)(1 - a->beta2)),
         .minus_step = lanes_all((float)-(a->lr / correction1)),
         .root = lanes_all((float)sqrt(correction2)),
         .eps = lanes_all((float)a->eps),
         .scale = lanes_all(a->grad_scale)},
    };

    cpu_run(cpu_of(be), (t.n + ADAMW_CHUNK - 1) / ADAMW_CHUNK, 8 * t.n, adamw_chunk, &t);
}
