/*
 * bench: what a test of operations works on: a backend of one instruction set and one number of
 * threads, arrays with guard words on both sides, and a digest of every output, so that the same
 * cases on another backend can be compared to the bit.
 *
 * A case lives from bench_begin to bench_end and has a backend of its own, since parameters are
 * named once for a backend. Its arrays are the host's: what the processor computes with may lie
 * anywhere, and a GPU shares such memory with the host (where CUDA_LAUNCH_BLOCKING=1 is set, for
 * operations end with their calls then). How parameters lie no test knows: they are uploaded and
 * downloaded as plain rows.
 */
#ifndef TESTS_UNIT_KERNELS_BENCH_H
#define TESTS_UNIT_KERNELS_BENCH_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/digest.h"
#include "kernels/backend.h"
#if BENCH_CUDA
#include <cuda_runtime.h>
#endif

enum { GUARDS = 16, ARRAYS_MAX = 512, PARAMETERS_MAX = 64 };

static const uint32_t guard_word = 0x7fa5a5a5; /* a NaN: reading it spoils a result */

struct bench {
    const char *name; /* of the backend */
    size_t threads;
    struct backend *be; /* of this case */
    const struct ops *ops;
    struct ops_shape shapes[PARAMETERS_MAX];
    struct arena *arena;
    struct hasher *hasher;
    struct error err;
    uint64_t random;
    bool compared_only; /* the first backend's results were checked; these must be the same bits */
    struct {
        float *x;
        size_t n;
    } arrays[ARRAYS_MAX];
    size_t n_arrays;
};

static inline bool bench_on_cuda(const struct bench *b)
{
    return strcmp(b->name, "cuda") == 0;
}

static inline void bench_begin(struct bench *b)
{
    const struct backend_options options = {.name = b->name, .threads = b->threads};

    b->arena = arena_open();
    b->n_arrays = 0;
    assert_non_null(b->arena);
    assert_int_equal(backend_open(&options, &b->be, &b->err), OK);
    b->ops = b->be->ops;
}

/* Looks at all guards. */
static inline void bench_end(struct bench *b)
{
    assert_int_equal(b->ops->sync(b->be, &b->err), OK);
    for (size_t i = 0; i < b->n_arrays; i++)
        for (size_t j = 0; j < GUARDS; j++) {
            uint32_t before, after;
            memcpy(&before, b->arrays[i].x - GUARDS + j, sizeof before);
            memcpy(&after, b->arrays[i].x + b->arrays[i].n + j, sizeof after);
            if (before != guard_word || after != guard_word)
                fail_msg("array %zu: a guard word was overwritten", i);
        }
    arena_close(b->arena);
    backend_close(b->be);
#if BENCH_CUDA
    for (size_t i = 0; i < b->n_arrays && bench_on_cuda(b); i++)
        assert_int_equal(cudaFree(b->arrays[i].x - GUARDS), cudaSuccess);
#endif
}

/* ---- arrays ---- */

/* n floats that operations read and write. */
static inline float *bench_memory(struct bench *b, size_t n)
{
#if BENCH_CUDA
    void *at = NULL;
    if (bench_on_cuda(b)) {
        assert_int_equal(cudaMallocManaged(&at, n * sizeof(float), cudaMemAttachGlobal),
                         cudaSuccess);
        return memset(at, 0, n * sizeof(float));
    }
#endif
    return arena_array(b->arena, n, sizeof(float));
}

/* n zeros between guards. */
static inline float *bench_zeros(struct bench *b, size_t n)
{
    float *x = bench_memory(b, n + (size_t)2 * GUARDS);

    assert_non_null(x);
    assert_true(b->n_arrays < ARRAYS_MAX);
    for (size_t j = 0; j < GUARDS; j++) {
        memcpy(x + j, &guard_word, sizeof guard_word);
        memcpy(x + GUARDS + n + j, &guard_word, sizeof guard_word);
    }
    b->arrays[b->n_arrays].x = x + GUARDS;
    b->arrays[b->n_arrays++].n = n;
    return x + GUARDS;
}

/* Between -1 and 1, the same numbers in every bench. */
static inline double bench_draw(struct bench *b)
{
    b->random = b->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(b->random >> 40) / (double)(1u << 23) - 1;
}

static inline double *bench_doubles(struct bench *b, size_t n)
{
    double *x = arena_array(b->arena, n, sizeof *x);

    assert_non_null(x);
    return x;
}

static inline void bench_near(double got, double want, double tolerance, const char *what)
{
    if (isnan(got) != isnan(want) || fabs(got - want) > tolerance * (1 + fabs(want)))
        fail_msg("%s: expected %.9g, found %.9g", what, want, got);
}

/* To the bit; into the digest. */
static inline void bench_same(struct bench *b, const float *got, const float *want, size_t n,
                              const char *what)
{
    for (size_t i = 0; i < n && !b->compared_only; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: element %zu: expected %a, found %a", what, i, (double)want[i],
                     (double)got[i]);
    hasher_add(b->hasher, got, n * sizeof *got);
}

/* ---- matrices of activations ---- */

static inline float *bench_row(struct ops_rows r, size_t i)
{
    return (float *)r.at + i * r.stride;
}

static inline struct ops_rows bench_zero_rows(struct bench *b, size_t m, size_t width)
{
    const size_t bytes = b->ops->matrix_bytes(m, width, OPS_FP32);
    const size_t stride = b->ops->stride(width, OPS_FP32);

    assert_true(stride >= width && bytes >= m * stride * sizeof(float));
    return (struct ops_rows){bench_zeros(b, bytes / sizeof(float)), stride, OPS_FP32};
}

/* Rows of `width` numbers, zero up to the stride. */
static inline struct ops_rows bench_rows(struct bench *b, size_t m, size_t width)
{
    const struct ops_rows r = bench_zero_rows(b, m, width);

    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < width; j++)
            bench_row(r, i)[j] = (float)bench_draw(b);
    return r;
}

static inline struct ops_rows bench_copy(struct bench *b, struct ops_rows r, size_t m)
{
    struct ops_rows copy = {bench_zeros(b, m * r.stride), r.stride, r.type};

    memcpy(copy.at, r.at, m * r.stride * sizeof(float));
    return copy;
}

/* Rows of `width` against `want` (dense), their padding against zero; into the digest. */
static inline void bench_check_rows(struct bench *b, struct ops_rows got, const double *want,
                                    size_t m, size_t width, double tolerance, const char *what)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < got.stride; j++)
            bench_near(bench_row(got, i)[j], j < width ? want[i * width + j] : 0, tolerance, what);
    for (size_t i = 0; i < m; i++)
        hasher_add(b->hasher, bench_row(got, i), width * sizeof(float));
}

/* ---- parameters ---- */

static inline void bench_parameters(struct bench *b, const struct ops_parameters *p)
{
    assert_true(p->n <= PARAMETERS_MAX);
    memcpy(b->shapes, p->shapes, p->n * sizeof *p->shapes);
    assert_int_equal(b->ops->parameters(b->be, p, &b->err), OK);
}

/* Elements of a row, of a parameter. */
static inline size_t bench_columns(const struct bench *b, int parameter)
{
    return b->shapes[parameter].k > 0 ? b->shapes[parameter].k : 1;
}
static inline size_t bench_size(const struct bench *b, int parameter)
{
    return b->shapes[parameter].n * bench_columns(b, parameter);
}

static inline void bench_put(struct bench *b, enum ops_part part, int parameter, const float *rows)
{
    b->ops->upload(b->be, part, parameter, 0, b->shapes[parameter].n, rows);
}

/* Random numbers, uploaded: their plain rows. */
static inline float *bench_upload(struct bench *b, enum ops_part part, int parameter)
{
    const size_t n = bench_size(b, parameter);
    float *rows = bench_zeros(b, n);

    for (size_t i = 0; i < n; i++)
        rows[i] = (float)bench_draw(b);
    bench_put(b, part, parameter, rows);
    return rows;
}

/* The plain rows of a part as they are now. */
static inline float *bench_download(struct bench *b, enum ops_part part, int parameter)
{
    float *rows = bench_zeros(b, bench_size(b, parameter));
    struct snapshot *s;

    assert_int_equal(b->ops->snapshot(b->be, &s, &b->err), OK);
    assert_int_equal(b->ops->download(s, part, parameter, 0, b->shapes[parameter].n, rows, &b->err),
                     OK);
    b->ops->release(s);
    b->ops->settle(b->be);
    return rows;
}

/* A part against `want`; into the digest. */
static inline void bench_check(struct bench *b, enum ops_part part, int parameter,
                               const double *want, double tolerance, const char *what)
{
    const size_t n = bench_size(b, parameter);
    const float *got = bench_download(b, part, parameter);

    for (size_t i = 0; i < n; i++)
        bench_near(got[i], want[i], tolerance, what);
    hasher_add(b->hasher, got, n * sizeof *got);
}

/* ---- all instruction sets, some numbers of threads ---- */

typedef void bench_cases(struct bench *b);

/* A build of the processor, or "cuda". */
static inline bool bench_has(const char *name, struct bench *b)
{
    const bool cuda = strcmp(name, "cuda") == 0;
    struct backend_options options = {.name = cuda ? name : "cpu", .threads = 1};
    struct backend *be;
    struct error err;

    b->name = options.name;
    if (!cuda)
        assert_int_equal(setenv("HPO_CPU", name, 1), 0);
    if (backend_open(&options, &be, &err) != OK)
        return false;
    backend_close(be);
    return true;
}

/* What the cases run on; a test may name fewer. */
#ifndef BENCH_BUILDS
#define BENCH_BUILDS "portable", "avx2", "avx512", "avx512bf16", "amx", BENCH_GPU
#endif
#if BENCH_CUDA
#define BENCH_GPU "cuda"
#else
#define BENCH_GPU
#endif

/* Runs the cases on each build that this processor can run, with each number of threads, and on a
 * GPU: the digests must be equal. */
static inline void bench_on_every_backend(bench_cases *cases)
{
    static const char *const names[] = {BENCH_BUILDS};
    static const size_t threads[] = {BENCH_THREADS};
    struct digest first = {{0}}, digest;
    size_t compared = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bench b = {.threads = 1};
        if (!bench_has(names[i], &b)) {
            print_message("SKIP: this machine has no %s\n", names[i]);
            continue;
        }
        for (size_t j = 0; j < (bench_on_cuda(&b) ? 1 : sizeof threads / sizeof *threads); j++) {
            b = (struct bench){
                .name = b.name, .threads = threads[j], .random = 1, .compared_only = compared > 0};
            assert_int_equal(hasher_open(&b.hasher, &b.err), OK);
            cases(&b);
            assert_int_equal(hasher_finish(b.hasher, compared ? &digest : &first, &b.err), OK);
            hasher_close(b.hasher);
            if (compared++ && !digest_equal(&first, &digest))
                fail_msg("%s with %zu threads gives other bits", names[i], threads[j]);
        }
    }
    assert_true(compared > 1);
}

#endif
