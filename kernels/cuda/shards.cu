/* shards: memory, then sums of gradients, then gathers of values. */
#include "kernels/cuda/shards.h"

#include <stdlib.h>

#include "kernels/cuda/rows.h"
#include "kernels/cuda/wire.h"

namespace
{

constexpr size_t THREADS = 256, CHUNK = 2 << 20 /* floats on their way from one rank at a time */;
enum { ENTRIES_MAX = 64 /* wire.cu has room for as many times all ranks */ };

/* A piece of a shard that is on its way: `n` floats from `at` of parameter p's shards. */
struct entry {
    const struct cuda_parameter *p;
    size_t at, n, stage; /* stage: where it lies in each rank's part of the staging memory */
};

} // namespace

struct cuda_shards {
    float *stage; /* [ranks][CHUNK] */
    struct entry entries[ENTRIES_MAX];
    size_t n_entries, staged; /* floats */
    /* Stage 2 and 3: gradients of embeddings, whole; of other matrices and vectors, one at a time. */
    float *kept, *matrix, *vectors[2];
    int next_vector;
    /* Stage 3: what is gathered. */
    void *gathered_matrix;
    float *gathered_vectors[2];
    int next_gathered;
};

namespace
{

size_t whole(const struct cuda *c, const struct cuda_parameter *p)
{
    return p->shard * c->n_ranks;
}

/* The most floats of any parameter of a kind, whole; and of all looked-up ones together. */
struct sizes {
    size_t matrix, vector, looked_up, largest_looked_up;
};

struct sizes sizes_of(const struct cuda *c)
{
    struct sizes s = {};

    for (size_t i = 0; i < c->n_parameters; i++) {
        const struct cuda_parameter *p = &c->parameters[i];
        const size_t n = whole(c, p);
        size_t *most = p->looked_up ? &s.largest_looked_up : p->matrix ? &s.matrix : &s.vector;
        *most = n > *most ? n : *most;
        s.looked_up += p->looked_up ? n : 0;
    }
    return s;
}

enum status take(struct cuda *c, size_t floats, float **out, struct error *err)
{
    void *memory = NULL;

    TRY(cuda_allocate(&c->base, floats * sizeof(float), &memory, err));
    *out = static_cast<float *>(memory);
    return OK;
}

enum status take_gathered(struct cuda *c, const struct sizes *s, struct error *err)
{
    /* embed reads fp32; products of 16-bit operands do not */
    const size_t matrix = c->base.operand == OPS_FP32 ? s->matrix : (s->matrix + 1) / 2;
    const size_t most = matrix > s->largest_looked_up ? matrix : s->largest_looked_up;
    float *memory;

    c->memory.gathered = (most + 2 * s->vector) * sizeof(float);
    TRY(take(c, most, &memory, err));
    c->shards->gathered_matrix = memory;
    for (int i = 0; i < 2; i++)
        TRY(take(c, s->vector, &c->shards->gathered_vectors[i], err));
    return OK;
}

/* ---- sums ---- */

/* The piece of each rank, in their order, to the sum of the window. */
__global__ void sum_kernel(float *sums, const float *pieces, size_t step, size_t present, size_t n,
                           bool first)
{
    const size_t i = cuda_thread();
    float sum;

    if (i >= n)
        return;
    sum = first ? pieces[i] : sums[i] + pieces[i];
    for (size_t rank = 1; rank < present; rank++)
        sum += pieces[rank * step + i];
    sums[i] = sum;
}

/* What was listed moves, and is added. */
void flush(struct cuda *c)
{
    struct cuda_shards *s = c->shards;

    wire_flush(c);
    for (size_t i = 0; i < s->n_entries; i++) {
        const struct entry *e = &s->entries[i];
        LAUNCH(c, cuda_blocks(e->n, THREADS), THREADS, 0, sum_kernel, c->sums + e->p->local + e->at,
               s->stage + e->stage, CHUNK, c->present, e->n, c->first);
    }
    s->n_entries = s->staged = 0;
}

/* Lists a piece of the gradient: to each rank what it owns, from each what this one does. */
void list(struct cuda *c, const struct cuda_parameter *p, const float *gradient, size_t at,
          size_t n)
{
    struct cuda_shards *s = c->shards;
    struct entry *e;

    if (s->n_entries == ENTRIES_MAX || s->staged + n > CHUNK)
        flush(c);
    e = &s->entries[s->n_entries++];
    *e = {p, at, n, s->staged};
    s->staged += n;
    for (size_t rank = 0; rank < c->n_ranks; rank++) {
        const float *from = gradient + rank * p->shard + at;
        float *to = s->stage + rank * CHUNK + e->stage;
        if (rank == c->rank) {
            cuda_check(
                c,
                cudaMemcpyAsync(to, from, n * sizeof(float), cudaMemcpyDeviceToDevice, c->stream),
                "sums");
            continue;
        }
        wire_send(c, rank, from, n * sizeof(float));
        wire_receive(c, rank, to, n * sizeof(float));
    }
}

void list_whole(struct cuda *c, const struct cuda_parameter *p, const float *gradient)
{
    for (size_t at = 0; at < p->shard; at += CHUNK)
        list(c, p, gradient, at, p->shard - at < CHUNK ? p->shard - at : CHUNK);
}

/* ---- gathers ---- */

/* Every rank's `bytes` of `mine`, one behind the other; mine may lie in its place already. */
void gather(struct cuda *c, const void *mine, void *all, size_t bytes)
{
    char *to = static_cast<char *>(all);

    for (size_t rank = 0; rank < c->n_ranks; rank++) {
        char *place = to + rank * bytes;
        if (rank != c->rank) {
            wire_send(c, rank, mine, bytes);
            wire_receive(c, rank, place, bytes);
        } else if (place != mine) {
            cuda_check(c, cudaMemcpyAsync(place, mine, bytes, cudaMemcpyDeviceToDevice, c->stream),
                       "gather");
        }
    }
}

/* Slabs of shards to whole slabs, a few parameters at a time. */
void gather_range(struct cuda *c, const float *shards, float *slab, int first, int n)
{
    for (int i = first; i < first + n; i++) {
        const struct cuda_parameter *p = &c->parameters[i];
        gather(c, shards + p->local, slab + p->offset, p->shard * sizeof(float));
        if ((i - first) % ENTRIES_MAX == ENTRIES_MAX - 1)
            wire_flush(c);
    }
    wire_flush(c);
}

} // namespace

enum status shards_open(struct cuda *c, bool training, struct error *err)
{
    struct cuda_shards *s = static_cast<struct cuda_shards *>(calloc(1, sizeof *s));
    const struct sizes sizes = sizes_of(c);

    if (!(c->shards = s))
        return error_memory(err);
    TRY(take(c, c->n_ranks * CHUNK, &s->stage, err));
    if (c->zero == 3)
        TRY(take_gathered(c, &sizes, err));
    if (!training || c->zero < 2)
        return OK;
    c->memory.bucket =
        (sizes.matrix > sizes.looked_up ? sizes.matrix : sizes.looked_up) * sizeof(float);
    TRY(take(c, sizes.looked_up, &s->kept, err));
    TRY(take(c, sizes.matrix, &s->matrix, err));
    for (int i = 0; i < 2; i++)
        TRY(take(c, sizes.vector, &s->vectors[i], err));
    return OK;
}

void shards_close(struct cuda *c)
{
    free(c->shards);
}

const float *shards_value(struct cuda *c, int parameter)
{
    struct cuda_shards *s = c->shards;
    const struct cuda_parameter *p = &c->parameters[parameter];
    float *to = static_cast<float *>(s->gathered_matrix);

    if (!p->matrix)
        to = s->gathered_vectors[s->next_gathered ^= 1];
    gather(c, c->state.value + p->local, to, p->shard * sizeof(float));
    wire_flush(c);
    return to;
}

const uint16_t *shards_rounded(struct cuda *c, int parameter)
{
    const struct cuda_parameter *p = &c->parameters[parameter];

    gather(c, c->rounded + p->local, c->shards->gathered_matrix, p->shard * sizeof(uint16_t));
    wire_flush(c);
    return static_cast<const uint16_t *>(c->shards->gathered_matrix);
}

float *shards_gradient(struct cuda *c, int parameter)
{
    struct cuda_shards *s = c->shards;
    const struct cuda_parameter *p = &c->parameters[parameter];

    if (p->looked_up)
        return s->kept + p->kept;
    if (!p->matrix)
        return s->vectors[s->next_vector ^= 1];
    if (p->pitch > p->k) /* another's was here, and not every product writes the padding of rows */
        cuda_check(c, cudaMemsetAsync(s->matrix, 0, p->floats * sizeof(float), c->stream),
                   "gradient");
    return s->matrix;
}

void shards_written(struct cuda *c, int parameter, const float *gradient)
{
    list_whole(c, &c->parameters[parameter], gradient);
    flush(c);
}

void shards_sum(struct cuda *c, int first, int n)
{
    for (int i = first; i < first + n; i++)
        list_whole(c, &c->parameters[i], c->gradient + c->parameters[i].offset);
    flush(c);
}

void shards_gather(struct cuda *c, int first, int n)
{
    gather_range(c, c->state.value, c->value, first, n);
}

void shards_gather_sums(struct cuda *c, int first, int n)
{
    gather_range(c, c->sums, c->gradient, first, n);
}

void shards_pass(struct cuda *c, void *bytes, size_t n, size_t from, size_t first, size_t end)
{
    for (size_t rank = first; rank < end; rank++) {
        if (c->rank == from)
            wire_send(c, rank, bytes, n);
        if (c->rank == rank)
            wire_receive(c, from, bytes, n);
    }
    wire_flush(c);
}
