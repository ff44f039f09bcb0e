/*
 * snapshot: parameters as they are at one moment, while training goes on. Values and moments are
 * copied on the device; where it has no room, into pinned memory of the host. From there any thread
 * takes rows, on a stream of its own. Start at cuda_snapshot.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cuda.h"

enum { PARTS = 3 };
constexpr size_t CHUNK = 4 << 20; /* bytes: more than a row */

struct snapshot {
    struct cuda *cuda;
    float *copy; /* [PARTS] slabs: values, moments; on the device, or pinned */
    bool pinned;
    cudaEvent_t made;
};

struct cuda_snapshots {
    pthread_mutex_t mutex; /* of held */
    pthread_cond_t released;
    bool held;
    struct snapshot one;
    pthread_mutex_t copying; /* of stream and chunk */
    cudaStream_t stream;
    char *chunk; /* CHUNK bytes, pinned */
};

enum status cuda_snapshots_open(struct cuda *c, struct error *err)
{
    struct cuda_snapshots *s = static_cast<struct cuda_snapshots *>(calloc(1, sizeof *s));
    void *chunk = NULL;
    cudaError_t e;

    if (!(c->snapshots = s))
        return error_memory(err);
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_mutex_init(&s->copying, NULL);
    (void)pthread_cond_init(&s->released, NULL);
    s->one.cuda = c;
    e = cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking);
    if (e == cudaSuccess)
        e = cudaEventCreateWithFlags(&s->one.made, cudaEventDisableTiming);
    if (e == cudaSuccess)
        e = cudaHostAlloc(&chunk, CHUNK, cudaHostAllocDefault);
    s->chunk = static_cast<char *>(chunk);
    return e == cudaSuccess ? OK : cuda_failure(c->place, e, "cannot open a stream", err);
}

void cuda_snapshots_close(struct cuda *c)
{
    struct cuda_snapshots *s = c->snapshots;

    if (!s)
        return;
    if (s->stream)
        (void)cudaStreamDestroy(s->stream);
    if (s->one.made)
        (void)cudaEventDestroy(s->one.made);
    if (s->one.pinned)
        (void)cudaFreeHost(s->one.copy);
    else
        (void)cudaFree(s->one.copy);
    (void)cudaFreeHost(s->chunk);
    (void)pthread_cond_destroy(&s->released);
    (void)pthread_mutex_destroy(&s->copying);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* Memory for the copy, taken once, when it is first needed. */
static cudaError_t take_copy(struct cuda *c, struct snapshot *s)
{
    const size_t bytes = (c->state.moment1 ? PARTS : 1) * c->state.floats * sizeof(float);
    void *at = NULL;
    cudaError_t e;

    if (s->copy)
        return cudaSuccess;
    if ((e = cudaMalloc(&at, bytes)) == cudaErrorMemoryAllocation) {
        (void)cudaGetLastError(); /* it is no failure of what follows */
        s->pinned = (e = cudaHostAlloc(&at, bytes, cudaHostAllocDefault)) == cudaSuccess;
    }
    s->copy = static_cast<float *>(at);
    return e;
}

static cudaError_t copy_slabs(struct cuda *c, struct snapshot *s)
{
    const float *const slabs[PARTS] = {c->state.value, c->state.moment1, c->state.moment2};
    const size_t floats = c->state.floats;
    cudaError_t e = take_copy(c, s);

    for (int i = 0; i < PARTS && e == cudaSuccess && slabs[i]; i++)
        e = cudaMemcpyAsync(s->copy + (size_t)i * floats, slabs[i], floats * sizeof(float),
                            cudaMemcpyDefault, c->stream);
    return e == cudaSuccess ? cudaEventRecord(s->made, c->stream) : e;
}

static enum status make(struct cuda *c, struct snapshot *s, struct error *err)
{
    cuda_meet(c); /* nobody reads the one before */
    if (!cuda_broken(c))
        cuda_check(c, copy_slabs(c, s), "cannot copy the parameters");
    if (c->n_ranks > 1)
        TRY(cuda_sync(&c->base, err));
    cuda_meet(c); /* all are made */
    if (cuda_broken(c))
        *err = c->error;
    return c->failure;
}

enum status cuda_snapshot(struct backend *be, struct snapshot **out, struct error *err)
{
    struct cuda *c = cuda_of(be);
    struct cuda_snapshots *s = c->snapshots;
    enum status status;

    (void)pthread_mutex_lock(&s->mutex);
    while (s->held)
        (void)pthread_cond_wait(&s->released, &s->mutex);
    s->held = true;
    (void)pthread_mutex_unlock(&s->mutex);
    status = make(c, &s->one, err);
    if (status != OK)
        cuda_release(&s->one);
    *out = &s->one;
    return status;
}

void cuda_release(struct snapshot *snapshot)
{
    struct cuda_snapshots *s = snapshot->cuda->snapshots;

    (void)pthread_mutex_lock(&s->mutex);
    s->held = false;
    (void)pthread_cond_broadcast(&s->released);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* ---- downloads ---- */

/* Rows of a parameter, as the caller holds them. */
struct rows_out {
    const struct cuda_parameter *p;
    size_t first, n;
    float *rows;
};

/* Floats [from, from + n) of the parameter's slab, which `chunk` holds, to their rows. */
static void spread(const struct rows_out *r, const float *chunk, size_t from, size_t n)
{
    const size_t k = r->p->k, pitch = r->p->pitch;

    for (size_t at = 0, count; at < n; at += count) {
        const size_t row = (from + at) / pitch, column = (from + at) % pitch;
        count = pitch - column < n - at ? pitch - column : n - at;
        if (column < k)
            memcpy(r->rows + (row - r->first) * k + column, chunk + at,
                   (count < k - column ? count : k - column) * sizeof(float));
    }
}

/* Floats [from, end) of the parameter, which begin at `slab`, by a rank's stream. */
static cudaError_t bring(const struct snapshot *s, const struct rows_out *r, const float *slab,
                         size_t from, size_t end)
{
    struct cuda_snapshots *all = s->cuda->snapshots;
    constexpr size_t most = CHUNK / sizeof(float);
    cudaError_t e = cudaSetDevice(s->cuda->device); /* this thread may be new to it */

    if (s->cuda->ranks)
        ranks_beat(s->cuda->ranks, s->cuda->rank);

    (void)pthread_mutex_lock(&all->copying);
    if (e == cudaSuccess)
        e = cudaStreamWaitEvent(all->stream, s->made, 0);
    for (size_t at = from, n; at < end && e == cudaSuccess; at += n) {
        n = end - at < most ? end - at : most;
        e = cudaMemcpyAsync(all->chunk, slab + (at - from), n * sizeof(float), cudaMemcpyDefault,
                            all->stream);
        if (e == cudaSuccess)
            e = cudaStreamSynchronize(all->stream);
        if (e == cudaSuccess)
            spread(r, reinterpret_cast<const float *>(all->chunk), at, n);
    }
    (void)pthread_mutex_unlock(&all->copying);
    return e;
}

/* From the copy of one rank, what it has of floats [first, end). */
static cudaError_t bring_shard(const struct snapshot *s, const struct rows_out *r, size_t slab,
                               size_t first, size_t end)
{
    const struct cuda *c = s->cuda;
    const size_t mine = c->rank * r->p->shard;
    const size_t from = first > mine ? first : mine;
    const size_t until = end < mine + r->p->shard ? end : mine + r->p->shard;

    if (from >= until)
        return cudaSuccess;
    return bring(s, r, s->copy + slab * c->state.floats + r->p->local + (from - mine), from, until);
}

enum status cuda_download(const struct snapshot *s, enum ops_part part, int parameter, size_t first,
                          size_t n, float *rows, struct error *err)
{
    const struct cuda *c = s->cuda;
    const struct rows_out r = {&c->parameters[parameter], first, n, rows};
    const size_t from = first * r.p->pitch, end = from + n * r.p->pitch;
    const size_t slab = part == OPS_MOMENT1 ? 1 : part == OPS_MOMENT2 ? 2 : 0;
    int before = 0; /* the device of this thread, which may be another rank's */
    cudaError_t e = cudaGetDevice(&before);

    if (e == cudaSuccess && part == OPS_GRADIENT)
        e = bring(s, &r, cuda_window(c) + r.p->offset + from, from, end);
    else if (e == cudaSuccess && !c->state.sharded)
        e = bring(s, &r, s->copy + slab * c->state.floats + r.p->offset + from, from, end);
    for (size_t i = 0; i < c->n_ranks && c->state.sharded && e == cudaSuccess; i++)
        e = bring_shard(&c->peers[i]->snapshots->one, &r, slab, from, end);
    if (e == cudaSuccess)
        e = cudaSetDevice(before);
    return e == cudaSuccess ? OK : cuda_failure(c->place, e, "cannot copy the parameters", err);
}

/* What a snapshot shows is a copy: parameters may change at once. */
void cuda_settle(struct backend *be)
{
    (void)be;
}
