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
    return e == cudaSuccess ? OK : cuda_failure(e, "cannot open a stream", err);
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

/* The slab of a part in the copy; that of gradients is the live one. */
static const float *slab_of(const struct snapshot *s, enum ops_part part)
{
    switch (part) {
    case OPS_MOMENT1:
        return s->copy + s->cuda->floats;
    case OPS_MOMENT2:
        return s->copy + 2 * s->cuda->floats;
    case OPS_GRADIENT:
        return cuda_part(s->cuda, OPS_GRADIENT);
    case OPS_VALUE:
    default:
        return s->copy;
    }
}

/* Memory for the copy, taken once, when it is first needed. */
static cudaError_t take_copy(struct cuda *c, struct snapshot *s)
{
    const size_t bytes = (c->moment1 ? PARTS : 1) * c->floats * sizeof(float);
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
    const float *const slabs[PARTS] = {c->value, c->moment1, c->moment2};
    const cudaMemcpyKind kind = s->pinned ? cudaMemcpyDeviceToHost : cudaMemcpyDeviceToDevice;
    cudaError_t e = cudaSuccess;

    for (int i = 0; i < PARTS && e == cudaSuccess && slabs[i]; i++)
        e = cudaMemcpyAsync(s->copy + (size_t)i * c->floats, slabs[i], c->floats * sizeof(float),
                            kind, c->stream);
    return e == cudaSuccess ? cudaEventRecord(s->made, c->stream) : e;
}

enum status cuda_snapshot(struct backend *be, struct snapshot **out, struct error *err)
{
    struct cuda *c = cuda_of(be);
    struct cuda_snapshots *s = c->snapshots;
    cudaError_t e;

    (void)pthread_mutex_lock(&s->mutex);
    while (s->held)
        (void)pthread_cond_wait(&s->released, &s->mutex);
    s->held = true;
    (void)pthread_mutex_unlock(&s->mutex);
    if ((e = take_copy(c, &s->one)) == cudaSuccess)
        e = copy_slabs(c, &s->one);
    if (e != cudaSuccess) {
        cuda_release(&s->one);
        return cuda_failure(e, "cannot copy the parameters", err);
    }
    *out = &s->one;
    return OK;
}

void cuda_release(struct snapshot *snapshot)
{
    struct cuda_snapshots *s = snapshot->cuda->snapshots;

    (void)pthread_mutex_lock(&s->mutex);
    s->held = false;
    (void)pthread_cond_broadcast(&s->released);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* `bytes` of the copy into the chunk, and waits for them. */
static cudaError_t bring(const struct snapshot *s, const float *from, size_t bytes)
{
    const struct cuda_snapshots *all = s->cuda->snapshots;
    cudaError_t e = cudaMemcpyAsync(all->chunk, from, bytes, cudaMemcpyDeviceToHost, all->stream);

    return e == cudaSuccess ? cudaStreamSynchronize(all->stream) : e;
}

static cudaError_t take_rows(const struct snapshot *s, const float *from, size_t n, size_t k,
                             size_t pitch, float *rows)
{
    const size_t row = pitch * sizeof(float), at_once = row < CHUNK ? CHUNK / row : 1;
    const char *chunk = s->cuda->snapshots->chunk;
    cudaError_t e = cudaSuccess;

    for (size_t first = 0; first < n && e == cudaSuccess; first += at_once) {
        const size_t m = n - first < at_once ? n - first : at_once;
        if ((e = bring(s, from + first * pitch, m * row)) != cudaSuccess)
            break;
        for (size_t i = 0; i < m; i++)
            memcpy(rows + (first + i) * k, chunk + i * row, k * sizeof(float));
    }
    return e;
}

enum status cuda_download(const struct snapshot *s, enum ops_part part, int parameter, size_t first,
                          size_t n, float *rows, struct error *err)
{
    struct cuda_snapshots *all = s->cuda->snapshots;
    const struct cuda_parameter *p = &s->cuda->parameters[parameter];
    const float *from = slab_of(s, part) + p->offset + first * p->pitch;
    cudaError_t e = cudaSetDevice(s->cuda->device); /* this thread may be new to it */

    (void)pthread_mutex_lock(&all->copying);
    if (e == cudaSuccess)
        e = cudaStreamWaitEvent(all->stream, s->made, 0);
    if (e == cudaSuccess)
        e = take_rows(s, from, n, p->k, p->pitch, rows);
    (void)pthread_mutex_unlock(&all->copying);
    return e == cudaSuccess ? OK : cuda_failure(e, "cannot copy the parameters", err);
}

/* What a snapshot shows is a copy: parameters may change at once. */
void cuda_settle(struct backend *be)
{
    (void)be;
}
