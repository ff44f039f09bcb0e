/*
 * memory: opening a device, its memory, and what passes between it and the host.
 *
 * What is sent goes through pinned memory, in two halves: one is filled while the other is being
 * read. What is fetched comes into pinned memory, and from there to its place when the host waits.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/backend.h"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/devices.h"
#include "kernels/cuda/half_linear.h"
#include "kernels/cuda/shards.h"
#include "kernels/cuda/wire.h"

struct cuda_block {
    struct cuda_block *next;
    void *at;
};

constexpr size_t STAGE = 4 << 20;          /* bytes */
constexpr size_t LIBRARY_NEEDS = 16 << 20; /* of a card; that little is a full one */

/* Errors of the card itself, not of what ran on it. */
static bool is_hardware(cudaError_t e)
{
    return e == cudaErrorECCUncorrectable || e == cudaErrorHardwareStackError ||
           e == cudaErrorNvlinkUncorrectable;
}

enum status cuda_failure(const char *place, cudaError_t e, const char *what, struct error *err)
{
    const char *why = cudaGetErrorString(e);

    if (is_hardware(e)) {
        (void)error_set(err, ERR_DEVICE, place, "%s: %s", what, why);
        error_hint(err, "the card itself failed: another may do; dmesg has the Xid");
        return ERR_DEVICE;
    }
    return error_set(err, e == cudaErrorMemoryAllocation ? ERR_BUSY : ERR_SYSTEM, place, "%s: %s",
                     what, why);
}

enum status cuda_library_failure(const char *place, const char *library, const char *why,
                                 struct error *err)
{
    size_t available, total;
    cudaError_t e = cudaMemGetInfo(&available, &total);

    if (e == cudaSuccess && available < LIBRARY_NEEDS)
        e = cudaErrorMemoryAllocation;
    if (e != cudaSuccess)
        return cuda_failure(place, e, library, err);
    return error_set(err, ERR_SYSTEM, place, "%s: %s", library, why);
}

/* A failure of one rank is the others' at once: they may be waiting for it. */
static void tell_ranks(struct cuda *c)
{
    if (c->n_ranks > 1) {
        error_place(&c->error, "rank %zu", c->rank);
        ranks_fail(c->ranks, c->failure, &c->error);
    }
}

void cuda_fail(struct cuda *c, enum status status, const char *format, ...)
{
    char text[sizeof c->error.text];
    va_list arguments;

    if (cuda_broken(c))
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    c->failure = error_set(&c->error, status, "cuda", "%s", text);
    tell_ranks(c);
}

void cuda_check(struct cuda *c, cudaError_t e, const char *what)
{
    if (e == cudaSuccess || cuda_broken(c))
        return;
    c->failure = cuda_failure(c->place, e, what, &c->error);
    tell_ranks(c);
}

void cuda_meet(struct cuda *c)
{
    struct error error;
    enum status s;

    if (c->n_ranks > 1 && (s = ranks_meet(c->ranks, c->rank, &error)) != OK && !cuda_broken(c)) {
        c->failure = s;
        c->error = error;
    }
}

/* ---- opening ---- */

static void close_stage(struct cuda_stage *s)
{
    if (s->free)
        (void)cudaEventDestroy(s->free);
    (void)cudaFreeHost(s->bytes);
}

void cuda_close(struct backend *be)
{
    struct cuda *c = cuda_of(be);

    if (c->stream) {
        (void)cudaStreamSynchronize(c->stream);
        (void)cudaStreamDestroy(c->stream);
    }
    cuda_snapshots_close(c);
    half_close(c);
    shards_close(c);
    wire_close(c);
    for (struct cuda_block *b = c->blocks; b;) {
        struct cuda_block *next = b->next;
        (void)cudaFree(b->at);
        free(b);
        b = next;
    }
    for (int i = 0; i < 2; i++)
        close_stage(&c->send[i]);
    close_stage(&c->fetch);
    free(c->parameters);
    free(c);
}

/* Makes a piece of pinned memory at least that large; nothing may be on its way in it. */
static cudaError_t enlarge(struct cuda_stage *s, size_t bytes)
{
    const size_t n = bytes < STAGE ? STAGE : bytes;
    void *at = NULL;
    cudaError_t e;

    if (s->n >= bytes)
        return cudaSuccess;
    if ((e = cudaHostAlloc(&at, n, cudaHostAllocDefault)) != cudaSuccess)
        return e;
    (void)cudaFreeHost(s->bytes);
    s->bytes = static_cast<char *>(at);
    s->n = n;
    return cudaSuccess;
}

static cudaError_t open_device(struct cuda *c, int device)
{
    struct cudaDeviceProp properties;
    cudaError_t e = cudaGetDeviceProperties(&properties, device);

    devices_place(device, c->place);
    c->device = device;
    if (e == cudaSuccess)
        e = cudaSetDevice(device);
    if (e != cudaSuccess)
        return e;
    c->multiprocessors = (unsigned)properties.multiProcessorCount;
    for (int i = 0; i < 2 && e == cudaSuccess; i++)
        e = cudaEventCreateWithFlags(&c->send[i].free, cudaEventDisableTiming);
    /* before the first step: other ranks may be waiting for this one then */
    if (e == cudaSuccess)
        e = enlarge(&c->fetch, STAGE);
    for (int i = 0; i < 2 && e == cudaSuccess; i++)
        e = enlarge(&c->send[i], STAGE);
    return e == cudaSuccess ? cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking) : e;
}

/* Every rank knows the others from here on. */
static enum status join_ranks(struct cuda *c, struct error *err)
{
    TRY(wire_open(c, err));
    ranks_show(c->ranks, c->rank, c);
    TRY(ranks_meet(c->ranks, c->rank, err));
    for (size_t i = 0; i < c->n_ranks; i++)
        c->peers[i] = static_cast<struct cuda *>(ranks_shown(c->ranks, i));
    TRY(ranks_meet(c->ranks, c->rank, err));
    return wire_warm(c, err);
}

enum status cuda_open(const struct backend_options *o, struct backend **out, struct error *err)
{
    struct cuda *c;
    enum status s = OK;
    cudaError_t e;

    TRY(devices_check(o->device, o->product, err));
    if (!(c = static_cast<struct cuda *>(calloc(1, sizeof *c))))
        return error_memory(err);
    c->base.ops = &cuda_ops;
    c->ranks = o->ranks;
    c->n_ranks = o->ranks ? ranks_count(o->ranks) : 1;
    c->rank = o->rank;
    c->zero = c->n_ranks > 1 ? o->zero : 0;
    c->present = 1;
    if ((e = open_device(c, o->device)) != cudaSuccess)
        s = devices_refuse(e, o->device, err);
    if (s == OK)
        s = cuda_snapshots_open(c, err);
    if (s == OK && c->n_ranks > 1)
        s = join_ranks(c, err);
    if (s != OK && c->n_ranks == 1) {
        cuda_close(&c->base);
        return s;
    }
    if (s != OK) { /* at once: others may wait for this one */
        c->failure = s;
        c->error = *err;
        tell_ranks(c);
    }
    *out = &c->base; /* others may read what this one has until all have ended */
    return s;
}

/* ---- memory ---- */

enum status cuda_allocate(struct backend *be, size_t bytes, void **out, struct error *err)
{
    struct cuda *c = cuda_of(be);
    struct cuda_block *b = NULL;
    size_t available, total;
    void *at = NULL;
    cudaError_t e = cudaMemGetInfo(&available, &total);

    if (e != cudaSuccess)
        return cuda_failure(c->place, e, "cannot ask for its memory", err);
    if (bytes > total || c->taken > total - bytes) {
        (void)error_set(err, ERR_MEMORY, "cuda",
                        "needs %zu bytes of the device's memory, it has %zu",
                        bytes > SIZE_MAX - c->taken ? bytes : c->taken + bytes, total);
        error_hint(err, "a smaller batch needs less, and so do ranks that share it out (--zero 3)");
        return ERR_MEMORY;
    }
    if (bytes <= available) {
        if (!(b = static_cast<struct cuda_block *>(calloc(1, sizeof *b))))
            return error_memory(err);
        e = cudaMalloc(&at, bytes > 0 ? bytes : 1);
    }
    if (bytes > available || e == cudaErrorMemoryAllocation) {
        free(b);
        (void)error_set(err, ERR_BUSY, "cuda",
                        "needs %zu more bytes of the device's memory, %zu of its %zu are free",
                        bytes, available, total);
        error_hint(err, "others have the rest: it is there when they have ended");
        return ERR_BUSY;
    }
    if (e == cudaSuccess)
        e = cudaMemsetAsync(at, 0, bytes, c->stream);
    if (e != cudaSuccess) {
        (void)cudaFree(at);
        free(b);
        return cuda_failure(c->place, e, "cannot take memory", err);
    }
    *b = {c->blocks, at};
    c->blocks = b;
    c->taken += bytes;
    *out = at;
    return OK;
}

/* Rows of whole 128 bytes. */
size_t cuda_stride(size_t width, enum ops_type type)
{
    return cuda_round_up(width, 128 / cuda_size(type));
}

size_t cuda_matrix_bytes(size_t m, size_t width, enum ops_type type)
{
    const size_t row = cuda_stride(width, type) * cuda_size(type);

    /* On overflow a size that no machine has: allocate will refuse it. */
    return m > 0 && row > SIZE_MAX / 4 / m ? SIZE_MAX / 4 : m * row;
}

/* Slots of attention's scores, up to some 256 MB of them. */
enum status cuda_prepare(struct backend *be, const struct ops_limits *limits, struct error *err)
{
    struct cuda *c = cuda_of(be);
    const size_t keys = limits->keys, stride = cuda_round_up(keys, 32);
    const size_t slot = keys * stride * sizeof(float), wanted = ((size_t)256 << 20);
    const size_t slots = slot == 0 ? 0 : slot > wanted ? 1 : wanted / slot;
    void *memory = NULL;

    if (c->half)
        TRY(half_prepare(c, limits, err));
    if (keys <= c->keys)
        return OK;
    c->keys = keys;
    c->keys_stride = stride;
    c->slots = slots < 1024 ? slots : 1024;
    TRY(cuda_allocate(be, 2 * c->slots * slot, &memory, err));
    c->scores = static_cast<float *>(memory);
    c->d_scores = c->scores + c->slots * keys * stride;
    return OK;
}

/* ---- to the device ---- */

/* Pinned memory to fill; it is free again after what the stream is given next. */
static cudaError_t stage_of(struct cuda *c, size_t bytes, char **out)
{
    struct cuda_stage *s = &c->send[c->sending];
    cudaError_t e = cudaSuccess;

    if (bytes > s->n - s->used) {
        e = cudaEventRecord(s->free, c->stream);
        c->sending = !c->sending;
        s = &c->send[c->sending];
        s->used = 0;
        if (e == cudaSuccess)
            e = cudaEventSynchronize(s->free);
        if (e == cudaSuccess)
            e = enlarge(s, bytes);
        if (e != cudaSuccess)
            return e;
    }
    *out = s->bytes + s->used;
    s->used += cuda_round_up(bytes, 256);
    if (s->used > s->n)
        s->used = s->n;
    return cudaSuccess;
}

void cuda_send(struct backend *be, void *to, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(be);
    char *stage = NULL;
    cudaError_t e;

    if (bytes == 0 || cuda_broken(c))
        return;
    if ((e = stage_of(c, bytes, &stage)) == cudaSuccess) {
        memcpy(stage, from, bytes);
        e = cudaMemcpyAsync(to, stage, bytes, cudaMemcpyHostToDevice, c->stream);
    }
    cuda_check(c, e, "send");
}

/* Rows [i, i + n) as a slab holds them. */
static void fill_rows(char *to, const struct cuda_rows *r, size_t i, size_t n)
{
    const size_t k = r->p->k, pitch = r->p->pitch;
    const float *from = r->rows + i * k;

    if (k == pitch) {
        memcpy(to, from, n * k * sizeof(float));
        return;
    }
    for (size_t j = 0; j < n; j++) {
        char *row = to + j * pitch * sizeof(float);
        memcpy(row, from + j * k, k * sizeof(float));
        memset(row + k * sizeof(float), 0, (pitch - k) * sizeof(float));
    }
}

void cuda_send_rows(struct cuda *c, const struct cuda_rows *r, float *to, size_t from, size_t end)
{
    const size_t pitch = r->p->pitch, row = pitch * sizeof(float);
    const size_t at_once = row < STAGE ? STAGE / row : 1;
    const size_t last = (end + pitch - 1) / pitch - r->first;

    for (size_t i = from / pitch - r->first, n; i < last && !cuda_broken(c); i += n) {
        const size_t begin = (r->first + i) * pitch, skip = begin < from ? from - begin : 0;
        char *stage = NULL;
        n = last - i < at_once ? last - i : at_once;
        const size_t until = begin + n * pitch < end ? begin + n * pitch : end;
        cudaError_t e = stage_of(c, n * row, &stage);
        if (e == cudaSuccess) {
            fill_rows(stage, r, i, n);
            e = cudaMemcpyAsync(to + begin + skip - from, stage + skip * sizeof(float),
                                (until - begin - skip) * sizeof(float), cudaMemcpyHostToDevice,
                                c->stream);
        }
        cuda_check(c, e, "upload");
    }
}

/* ---- from the device ---- */

/* What another rank's failure has cut short is no result. */
static void look_at_ranks(struct cuda *c)
{
    struct error error;
    enum status s;

    ranks_beat(c->ranks, c->rank);
    if ((s = ranks_failure(c->ranks, &error)) != OK && !cuda_broken(c)) {
        c->failure = s;
        c->error = error;
    }
}

/* Waits, then brings to their places what was fetched. */
static void deliver(struct cuda *c)
{
    const struct cuda_pending *p = c->pending;

    cuda_check(c, cudaStreamSynchronize(c->stream), "the device");
    if (c->n_ranks > 1)
        look_at_ranks(c);
    for (size_t i = 0; i < c->n_pending && !cuda_broken(c); i++)
        memcpy(p[i].to, p[i].from, p[i].bytes);
    c->n_pending = 0;
    c->fetch.used = 0;
}

void cuda_fetch(struct backend *be, void *to, const void *from, size_t bytes)
{
    struct cuda *c = cuda_of(be);
    struct cuda_stage *s = &c->fetch;
    cudaError_t e = cudaSuccess;

    if (bytes == 0 || cuda_broken(c))
        return;
    if (c->n_pending == CUDA_PENDING_MAX || bytes > s->n - s->used) {
        deliver(c);
        e = enlarge(s, bytes);
    }
    if (e == cudaSuccess)
        e = cudaMemcpyAsync(s->bytes + s->used, from, bytes, cudaMemcpyDeviceToHost, c->stream);
    cuda_check(c, e, "fetch");
    if (cuda_broken(c))
        return;
    c->pending[c->n_pending++] = {to, s->bytes + s->used, bytes};
    s->used += cuda_round_up(bytes, 256);
    if (s->used > s->n)
        s->used = s->n;
}

enum status cuda_sync(struct backend *be, struct error *err)
{
    struct cuda *c = cuda_of(be);

    deliver(c);
    if (cuda_broken(c))
        *err = c->error;
    return c->failure;
}
