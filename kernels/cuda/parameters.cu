/* parameters: their slabs, and rows on their way to them. */
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/chain.h"
#include "kernels/cuda/half_linear.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/shards.h"

namespace
{

enum { THREADS = 256 };

__global__ void round_kernel(const float *x, uint16_t *out, enum ops_type type, size_t n)
{
    const size_t i = cuda_thread();

    if (i < n)
        out[i] = half_of(type, x[i]);
}

/* Offsets of all parameters; false on overflow. */
bool place(struct cuda *c, const struct ops_parameters *all)
{
    const struct ops_shape *shapes = all->shapes;
    size_t kept = 0;

    for (size_t i = 0; i < c->n_parameters; i++) {
        const size_t n = shapes[i].n, k = shapes[i].k > 0 ? shapes[i].k : 1;
        const bool product = shapes[i].k > 0 && c->base.operand != OPS_FP32; /* of whole 16 bytes */
        const size_t pitch = k > 1 || product ? cuda_round_up(k, 8) : 1;
        struct cuda_parameter *p = &c->parameters[i];
        if (k > SIZE_MAX / 2 || (n > 0 && pitch > SIZE_MAX / 128 / n) ||
            n * pitch > SIZE_MAX / 128 - c->floats)
            return false;
        *p = {};
        p->n = n;
        p->k = k;
        p->pitch = pitch;
        p->floats = n * pitch;
        p->matrix = shapes[i].k > 0;
        p->looked_up = all->looked_up && all->looked_up[i];
        p->shard = cuda_round_up((p->floats + c->n_ranks - 1) / c->n_ranks, SHARD_BLOCK);
        p->local = c->shard_floats;
        p->offset = c->floats;
        p->kept = kept;
        c->shard_floats += p->shard;
        c->floats += p->shard * c->n_ranks;
        kept += p->looked_up ? p->shard * c->n_ranks : 0;
    }
    return true;
}

/* How many floats of each kind: a piece of memory for each, in this order. */
struct plan {
    size_t value, gradient, window, sums, state_value, moments;
};

struct plan plan_of(const struct cuda *c, const struct ops_parameters *p)
{
    const bool alone = c->n_ranks == 1;
    const size_t state = c->state.sharded ? c->shard_floats : c->floats;
    struct plan plan = {};

    plan.value = c->zero == 3 ? 0 : c->floats;
    plan.state_value = c->state.sharded && (p->training || c->zero == 3) ? c->shard_floats : 0;
    if (!p->training)
        return plan;
    plan.gradient = c->zero >= 2 ? 0 : c->floats;
    plan.window = alone && p->accumulate ? c->floats : 0;
    plan.sums = alone ? 0 : c->shard_floats;
    plan.moments = state;
    return plan;
}

float *piece(float **at, size_t floats)
{
    float *const memory = *at;

    *at += floats;
    return floats > 0 ? memory : NULL;
}

/* One allocation for all slabs, so that a refusal names what they need together. */
enum status take_slabs(struct cuda *c, const struct ops_parameters *p, struct error *err)
{
    const struct plan n = plan_of(c, p);
    const size_t rounded = c->base.operand == OPS_FP32 ? 0
                           : n.value > 0               ? n.value
                                                       : c->shard_floats;
    const size_t floats = n.value + n.gradient + n.window + n.sums + n.state_value + 2 * n.moments;
    const size_t whole = n.value + n.gradient + n.window + (c->state.sharded ? 0 : 2 * n.moments);
    void *memory = NULL;
    float *at;

    c->memory.whole = whole * sizeof(float) + (n.value > 0 ? rounded * sizeof(uint16_t) : 0);
    c->memory.states = floats * sizeof(float) + rounded * sizeof(uint16_t) - c->memory.whole;
    TRY(cuda_allocate(&c->base, floats * sizeof(float) + rounded * sizeof(uint16_t), &memory, err));
    at = static_cast<float *>(memory);
    c->value = piece(&at, n.value);
    c->gradient = piece(&at, n.gradient);
    c->window = piece(&at, n.window);
    c->sums = piece(&at, n.sums);
    c->state.value = piece(&at, n.state_value);
    c->state.moment1 = piece(&at, n.moments);
    c->state.moment2 = piece(&at, n.moments);
    c->state.floats = c->state.sharded ? c->shard_floats : c->floats;
    if (!c->state.value)
        c->state.value = c->value;
    if (rounded > 0)
        c->rounded = reinterpret_cast<uint16_t *>(at);
    return OK;
}

size_t longest(const struct cuda *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_parameters; i++)
        n = c->parameters[i].floats > n ? c->parameters[i].floats : n;
    return n;
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

enum status cuda_parameters(struct backend *be, const struct ops_parameters *p, struct error *err)
{
    struct cuda *c = cuda_of(be);
    const size_t bytes = p->n * sizeof *c->parameters;
    void *memory = NULL;

    if (!(c->parameters =
              static_cast<struct cuda_parameter *>(calloc(p->n + 1, sizeof *c->parameters))))
        return error_memory(err);
    c->n_parameters = p->n;
    c->state.sharded = c->n_ranks > 1 && c->zero > 0 && (p->training || c->zero == 3);
    be->operand = operand_of(p->product);
    if (!place(c, p))
        return error_set(err, ERR_MEMORY, "cuda",
                         "the parameters need more bytes than there can be");
    if (be->operand != OPS_FP32)
        TRY(half_open(c, err));
    TRY(take_slabs(c, p, err));
    if (c->n_ranks > 1)
        TRY(shards_open(c, p->training, err));
    TRY(cuda_allocate(be, p->n * CUDA_STATES * sizeof(float), &memory, err));
    c->states = static_cast<float *>(memory);
    if (p->training) {
        TRY(cuda_allocate(be, chain_bytes(longest(c)), &memory, err));
        c->chunks = static_cast<struct chain_chunk *>(memory);
    }
    TRY(cuda_allocate(be, bytes, &memory, err));
    c->on_device = static_cast<const struct cuda_parameter *>(memory);
    cuda_send(be, memory, c->parameters, bytes);
    return OK;
}

void cuda_memory(struct backend *be, struct ops_memory *out)
{
    *out = cuda_of(be)->memory;
}

/* ---- what operations ask for ---- */

const float *cuda_value(struct cuda *c, int parameter)
{
    if (parameter == OPS_NONE)
        return NULL;
    return c->value ? c->value + c->parameters[parameter].offset : shards_value(c, parameter);
}

const uint16_t *cuda_rounded(struct cuda *c, int parameter)
{
    return c->value ? c->rounded + c->parameters[parameter].offset : shards_rounded(c, parameter);
}

float *cuda_gradient(struct cuda *c, int parameter)
{
    if (parameter == OPS_NONE)
        return NULL;
    return c->gradient ? c->gradient + c->parameters[parameter].offset
                       : shards_gradient(c, parameter);
}

void cuda_written(struct cuda *c, int parameter, const float *gradient)
{
    if (!c->gradient && gradient)
        shards_written(c, parameter, gradient);
}

void cuda_round(struct cuda *c, const float *values, size_t at, size_t n)
{
    if (c->rounded && n > 0)
        LAUNCH(c, cuda_blocks(n, THREADS), THREADS, 0, round_kernel, values + at, c->rounded + at,
               c->base.operand, n);
}

void cuda_clear(struct backend *be, int parameter)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_parameter *p = &c->parameters[parameter];

    cuda_check(
        c, cudaMemsetAsync(cuda_gradient(c, parameter), 0, p->floats * sizeof(float), c->stream),
        "clear");
}

/* ---- uploads ---- */

/* To a slab of shards: what of the rows is this rank's. Its floats, from `at` of the slab on. */
static size_t send_shard(struct cuda *c, const struct cuda_rows *r, float *slab, size_t *at)
{
    const struct cuda_parameter *p = r->p;
    const size_t mine = c->rank * p->shard, first = r->first * p->pitch;
    const size_t end = first + r->n * p->pitch;
    const size_t from = first > mine ? first : mine;
    const size_t until = end < mine + p->shard ? end : mine + p->shard;

    if (from >= until)
        return 0;
    *at = p->local + from - mine;
    cuda_send_rows(c, r, slab + *at, from, until);
    return until - from;
}

static void send_whole(struct cuda *c, const struct cuda_rows *r, float *slab)
{
    const size_t first = r->first * r->p->pitch;

    cuda_send_rows(c, r, slab + r->p->offset + first, first, first + r->n * r->p->pitch);
}

static void upload_value(struct cuda *c, const struct cuda_rows *r)
{
    size_t at = 0, n = 0;

    if (c->state.sharded)
        n = send_shard(c, r, c->state.value, &at);
    if (!c->value) {
        cuda_round(c, c->state.value, at, n);
        return;
    }
    send_whole(c, r, c->value);
    cuda_round(c, c->value, r->p->offset + r->first * r->p->pitch, r->n * r->p->pitch);
}

void cuda_upload(struct backend *be, enum ops_part part, int parameter, size_t first, size_t n,
                 const float *rows)
{
    struct cuda *c = cuda_of(be);
    const struct cuda_rows r = {&c->parameters[parameter], first, n, rows};
    float *slab = part == OPS_MOMENT1 ? c->state.moment1 : c->state.moment2;
    size_t at;

    if (part == OPS_VALUE)
        upload_value(c, &r);
    else if (part == OPS_GRADIENT)
        send_whole(c, &r, cuda_window(c));
    else if (c->state.sharded)
        (void)send_shard(c, &r, slab, &at);
    else
        send_whole(c, &r, slab);
}
