/* parameters: their slabs, and rows on their way to them. */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/half_linear.h"
#include "kernels/cuda/rows.h"

namespace
{

enum { THREADS = 256, ALIGNED = 64 /* floats: every parameter begins on 256 bytes */ };

__global__ void round_kernel(const float *x, uint16_t *out, enum ops_type type, size_t n)
{
    const size_t i = cuda_thread();

    if (i < n)
        out[i] = half_of(type, x[i]);
}

/* Offsets of all parameters; false on overflow. */
bool place(struct cuda *c, const struct ops_shape *shapes)
{
    for (size_t i = 0; i < c->n_parameters; i++) {
        const size_t n = shapes[i].n, k = shapes[i].k > 0 ? shapes[i].k : 1;
        const size_t pitch = shapes[i].k > 0 ? cuda_round_up(k, 8) : 1;
        if (k > SIZE_MAX / 2 || (n > 0 && pitch > SIZE_MAX / 64 / n) ||
            n * pitch > SIZE_MAX / 64 - c->floats)
            return false;
        c->parameters[i] = {c->floats, n, k, pitch, n * pitch};
        c->floats += cuda_round_up(n * pitch, ALIGNED);
    }
    return true;
}

/* One allocation for all slabs, so that a refusal names what they need together. */
enum status take_slabs(struct cuda *c, const struct ops_parameters *p, struct error *err)
{
    const size_t slabs = !p->training ? 1 : p->accumulate ? 5 : 4;
    const size_t rounded = c->base.operand == OPS_FP32 ? 0 : c->floats * sizeof(uint16_t);
    void *memory = NULL;
    float *at;

    TRY(cuda_allocate(&c->base, slabs * c->floats * sizeof(float) + rounded, &memory, err));
    at = c->value = static_cast<float *>(memory);
    if (rounded > 0)
        c->rounded = reinterpret_cast<uint16_t *>(at + slabs * c->floats);
    if (!p->training)
        return OK;
    c->gradient = at += c->floats;
    c->moment1 = at += c->floats;
    c->moment2 = at += c->floats;
    if (p->accumulate)
        c->window = at + c->floats;
    return OK;
}

enum ops_type operand_of(enum ops_product product)
{
    switch (product) {
    case OPS_PRODUCT_BF16:
        return OPS_BF16;
    case OPS_PRODUCT_FP16:
        return OPS_FP16;
    default:
        return OPS_FP32;
    }
}

} // namespace

float *cuda_part(const struct cuda *c, enum ops_part part)
{
    switch (part) {
    case OPS_GRADIENT:
        return c->window ? c->window : c->gradient;
    case OPS_MOMENT1:
        return c->moment1;
    case OPS_MOMENT2:
        return c->moment2;
    case OPS_VALUE:
    default:
        return c->value;
    }
}

enum status cuda_parameters(struct backend *be, const struct ops_parameters *p, struct error *err)
{
    struct cuda *c = cuda_of(be);
    const size_t bytes = p->n * sizeof *c->parameters;
    void *memory = NULL;

    if (!(c->parameters = static_cast<struct cuda_parameter *>(calloc(p->n + 1, bytes / p->n))))
        return error_memory(err);
    c->n_parameters = p->n;
    be->operand = operand_of(p->product);
    if (!place(c, p->shapes))
        return error_set(err, ERR_MEMORY, "cuda",
                         "the parameters need more bytes than there can be");
    if (be->operand != OPS_FP32)
        TRY(half_open(c, err));
    TRY(take_slabs(c, p, err));
    TRY(cuda_allocate(be, bytes, &memory, err));
    c->on_device = static_cast<const struct cuda_parameter *>(memory);
    cuda_send(be, memory, c->parameters, bytes);
    return OK;
}

void cuda_upload(struct backend *be, enum ops_part part, int parameter, size_t first, size_t n,
                 const float *rows)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *p = &c->parameters[parameter];
    const size_t at = p->offset + first * p->pitch, count = n * p->pitch;

    cuda_send_rows(c, cuda_part(c, part) + at, rows, n, p->k, p->pitch);
    if (part == OPS_VALUE && c->rounded && count > 0)
        LAUNCH(c, cuda_blocks(count, THREADS), THREADS, 0, round_kernel, c->value + at,
               c->rounded + at, be->operand, count);
}

void cuda_clear(struct backend *be, int parameter)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *p = &c->parameters[parameter];

    cuda_check(c, cudaMemsetAsync(c->gradient + p->offset, 0, p->floats * sizeof(float), c->stream),
               "clear");
}
