/* parameters: their slabs, and who may look at them meanwhile. */
#include <string.h>

#include "kernels/cpu/memory.h"

/* Offsets of all parameters; false on overflow. */
static bool place(struct cpu *c, const struct ops_shape *shapes)
{
    for (size_t i = 0; i < c->n_parameters; i++) {
        const size_t n = shapes[i].n, k = shapes[i].k > 0 ? shapes[i].k : 1;
        struct cpu_parameter *p = &c->parameters[i];
        size_t floats;
        if (__builtin_mul_overflow((n + CPU_PANEL - 1) / CPU_PANEL * CPU_PANEL, k, &floats) ||
            floats > SIZE_MAX / 64 - c->floats)
            return false;
        *p = (struct cpu_parameter){c->floats, n, k, floats};
        c->floats += floats;
    }
    return true;
}

/* One allocation for all slabs, so that a refusal names what they need together. */
static enum status take_slabs(struct cpu *c, const struct ops_parameters *p, struct error *err)
{
    const size_t slabs = !p->training ? 1 : p->accumulate ? 5 : 4;
    const size_t rounded = p->product == OPS_PRODUCT_FP32 ? 0 : c->floats * sizeof(bf16);
    void *memory = NULL;
    float *at;

    TRY(cpu_allocate(&c->base, slabs * c->floats * sizeof(float) + rounded, &memory, err));
    at = c->value = memory;
    if (rounded > 0)
        c->rounded = (bf16 *)(at + slabs * c->floats);
    if (!p->training)
        return OK;
    c->gradient = at += c->floats;
    c->moment1 = at += c->floats;
    c->moment2 = at += c->floats;
    if (p->accumulate)
        c->window = at + c->floats;
    return OK;
}

enum status cpu_parameters(struct backend *be, const struct ops_parameters *p, struct error *err)
{
    struct cpu *c = cpu_of(be);
    void *memory = NULL;

    TRY(cpu_allocate(be, p->n * sizeof *c->parameters, &memory, err));
    c->parameters = memory;
    c->n_parameters = p->n;
    c->product = p->product;
    be->operand = p->product == OPS_PRODUCT_FP32 ? OPS_FP32 : OPS_BF16;
    if (!place(c, p->shapes))
        return error_set(err, ERR_MEMORY, NULL, "the parameters need more bytes than there can be");
    return take_slabs(c, p, err);
}

void cpu_clear(struct backend *be, int parameter)
{
    struct cpu *c = cpu_of(be);
    const struct cpu_parameter *p = &c->parameters[parameter];

    memset(c->gradient + p->offset, 0, p->floats * sizeof(float));
}

void cpu_micro_batch(struct backend *be, bool first, size_t present)
{
    (void)present; /* one backend, one rank */
    cpu_of(be)->first = first;
}

enum status cpu_snapshot(struct backend *be, struct snapshot **out, struct error *err)
{
    struct cpu *c = cpu_of(be);

    (void)err;
    (void)pthread_mutex_lock(&c->mutex);
    c->snapshots++;
    (void)pthread_mutex_unlock(&c->mutex);
    *out = &c->snapshot;
    return OK;
}

void cpu_release(struct snapshot *s)
{
    struct cpu *c = s->cpu;

    (void)pthread_mutex_lock(&c->mutex);
    c->snapshots--;
    (void)pthread_cond_broadcast(&c->released);
    (void)pthread_mutex_unlock(&c->mutex);
}

void cpu_settle(struct backend *be)
{
    struct cpu *c = cpu_of(be);

    (void)pthread_mutex_lock(&c->mutex);
    while (c->snapshots > 0)
        (void)pthread_cond_wait(&c->released, &c->mutex);
    (void)pthread_mutex_unlock(&c->mutex);
}
