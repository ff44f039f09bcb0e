/*
 * gradients: those of all parameters at once: their sum over micro-batches, the norms that clipping
 * needs, in the processor's order. Start at cuda_gradient_norms.
 */
#include <math.h>

#include "kernels/cuda/chain.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/shards.h"

namespace
{

enum { THREADS = 256, NORM_LANES = CHAIN_LANES, LARGEST = CHAIN_LANES /* place in a state */ };

__global__ void add_kernel(float *window, const float *gradient, size_t n)
{
    const size_t i = cuda_thread();

    if (i < n)
        window[i] += gradient[i];
}

/* How many floats of a parameter's gradient are here: all, or those of one rank's shard. */
__host__ FORMULA size_t floats_of(const struct cuda_parameter *p, bool shards, size_t rank)
{
    const size_t first = shards ? rank * p->shard : 0;
    const size_t left = p->floats > first ? p->floats - first : 0;

    return shards && left > p->shard ? p->shard : left;
}

/* What the norms are of: gradients of whole parameters, or of one rank's shards. */
struct norms_task {
    const struct cuda_parameter *parameters;
    const float *gradient;
    float *states; /* [parameters][CUDA_STATES]: eight sums of squares, the largest magnitude */
    bool shards;
    size_t rank;
};

struct norms_shared {
    float largest[THREADS];
};

/*
 * A block a parameter. Eight threads have a chain each: the elements of a row go to them in turn,
 * and rows are whole eights, so that it is every eighth from the first on. A chain goes on where
 * the rank before has ended. All threads look for the largest.
 */
__global__ void norms_kernel(struct norms_task task)
{
    SHARED(struct norms_shared, s);
    const struct cuda_parameter p = task.parameters[blockIdx.x];
    const size_t n = floats_of(&p, task.shards, task.rank);
    const float *x = task.gradient + (task.shards ? p.local : p.offset);
    float *state = task.states + blockIdx.x * CUDA_STATES;
    const unsigned t = threadIdx.x;
    float largest = 0, sum = t < NORM_LANES ? state[t] : 0;

    if (n >= CHAIN_LONG) /* chain_add's */
        return;
    for (size_t i = t; i < n && t < NORM_LANES; i += NORM_LANES)
        sum = __fmaf_rn(x[i], x[i], sum);
    for (size_t i = t; i < n; i += THREADS)
        largest = lanes_max(lanes_abs(x[i]), largest);
    if (t < NORM_LANES)
        state[t] = sum;
    s->largest[t] = largest;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (t < half)
            s->largest[t] = lanes_max(s->largest[t], s->largest[t + half]);
        __syncthreads();
    }
    if (t == 0)
        state[LARGEST] = lanes_max(s->largest[0], state[LARGEST]);
}

__global__ void finish_kernel(struct gradient_norms_args a, const float *states, size_t n)
{
    const size_t i = cuda_thread();
    const float *state = states + i * CUDA_STATES;
    float sum;

    if (i >= n)
        return;
    sum = state[0];
    for (unsigned l = 1; l < NORM_LANES; l++)
        sum += state[l];
    a.norms[i] = __fsqrt_rn(sum);
    a.largest[i] = isnan(sum) ? INFINITY : state[LARGEST];
}

/* This rank's part of all states. */
void add_states(struct cuda *c, const struct norms_task *task)
{
    LAUNCH(c, (unsigned)c->n_parameters, THREADS, sizeof(struct norms_shared), norms_kernel, *task);
    for (size_t i = 0; i < c->n_parameters; i++) {
        const struct cuda_parameter *p = &c->parameters[i];
        const size_t n = floats_of(p, task->shards, task->rank);
        if (n >= CHAIN_LONG)
            chain_add(c, task->gradient + (task->shards ? p->local : p->offset), n,
                      c->states + i * CUDA_STATES, c->chunks);
    }
}

/* The states of all parameters: of ranks one after another, and the last one's are everyone's. */
void find_states(struct cuda *c, const struct norms_task *task)
{
    const size_t bytes = c->n_parameters * CUDA_STATES * sizeof(float), last = c->n_ranks - 1;

    cuda_check(c, cudaMemsetAsync(c->states, 0, bytes, c->stream), "norms");
    for (size_t rank = 0; rank <= last; rank++) {
        if (rank == c->rank)
            add_states(c, task);
        if (rank < last)
            shards_pass(c, c->states, bytes, rank, rank + 1, rank + 2);
    }
    if (last > 0)
        shards_pass(c, c->states, bytes, last, 0, last);
}

} // namespace

void cuda_micro_batch(struct backend *be, bool first, size_t present)
{
    struct cuda *c = cuda_of(be);

    c->first = first;
    c->present = present;
}

void cuda_add_gradients(struct backend *be)
{
    struct cuda *c = cuda_of(be);
    float *micro = c->gradient;

    if (c->n_ranks > 1) {
        if (micro) /* else operations have done it */
            shards_sum(c, 0, (int)c->n_parameters);
    } else if (c->first) {
        c->gradient = c->window;
        c->window = micro;
    } else {
        LAUNCH(c, cuda_blocks(c->floats, THREADS), THREADS, 0, add_kernel, c->window, c->gradient,
               c->floats);
    }
}

void cuda_gradient_norms(struct backend *be, const struct gradient_norms_args *a)
{
    struct cuda *c = cuda_of(be);
    const struct norms_task task = {c->on_device, c->sums ? c->sums : cuda_window(c), c->states,
                                    c->sums != NULL, c->rank};

    find_states(c, &task);
    LAUNCH(c, cuda_blocks(c->n_parameters, THREADS), THREADS, 0, finish_kernel, *a, c->states,
           c->n_parameters);
}
