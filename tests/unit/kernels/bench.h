/*
 * bench: what a test of operations works on: a backend of one instruction set and one number of
 * threads, arrays with guard words on both sides, and a digest of every output, so that the same
 * cases on another backend can be compared to the bit.
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

enum { GUARDS = 16, ARRAYS_MAX = 64 };

static const uint32_t guard_word = 0x7fa5a5a5; /* a NaN: reading it spoils a result */

struct bench {
    struct backend *be;
    const struct ops *ops;
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

static inline struct bench bench_open(const char *instructions, size_t threads)
{
    struct bench b = {.random = 1};

    assert_int_equal(setenv("HPO_CPU", instructions, 1), 0);
    assert_int_equal(backend_open("cpu", threads, &b.be, &b.ops, &b.err), OK);
    assert_int_equal(hasher_open(&b.hasher, &b.err), OK);
    return b;
}

static inline void bench_close(struct bench *b, struct digest *digest)
{
    assert_int_equal(hasher_finish(b->hasher, digest, &b->err), OK);
    hasher_close(b->hasher);
    backend_close(b->be);
}

/* A case's arrays live from bench_begin to bench_end, which looks at all guards. */
static inline void bench_begin(struct bench *b)
{
    b->arena = arena_open();
    b->n_arrays = 0;
    assert_non_null(b->arena);
}

static inline void bench_end(struct bench *b)
{
    for (size_t i = 0; i < b->n_arrays; i++)
        for (size_t j = 0; j < GUARDS; j++) {
            uint32_t before, after;
            memcpy(&before, b->arrays[i].x - GUARDS + j, sizeof before);
            memcpy(&after, b->arrays[i].x + b->arrays[i].n + j, sizeof after);
            if (before != guard_word || after != guard_word)
                fail_msg("array %zu: a guard word was overwritten", i);
        }
    arena_close(b->arena);
}

/* n zeros between guards. */
static inline float *bench_zeros(struct bench *b, size_t n)
{
    float *x = arena_array(b->arena, n + (size_t)2 * GUARDS, sizeof *x);

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

/* A matrix of activations: rows of `width` numbers, zero up to the stride. */
static inline float *bench_rows(struct bench *b, size_t m, size_t width)
{
    const size_t stride = ops_stride(width);
    float *x = bench_zeros(b, m * stride);

    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < width; j++)
            x[i * stride + j] = (float)bench_draw(b);
    return x;
}

/* A weight matrix in panels; k 1 makes a vector. */
static inline float *bench_weight(struct bench *b, size_t n, size_t k)
{
    float *x = bench_zeros(b, ops_panels(n, k));

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            x[ops_panel_at(i, j, k)] = (float)bench_draw(b);
    return x;
}

static inline float *bench_copy(struct bench *b, const float *x, size_t n)
{
    float *copy = bench_zeros(b, n);

    memcpy(copy, x, n * sizeof *x);
    return copy;
}

static inline void bench_near(double got, double want, double tolerance, const char *what)
{
    if (isnan(got) != isnan(want) || fabs(got - want) > tolerance * (1 + fabs(want)))
        fail_msg("%s: expected %.9g, found %.9g", what, want, got);
}

/* Rows of `width` against `want` (dense), their padding against zero; into the digest. */
static inline void bench_check_rows(struct bench *b, const float *got, const double *want, size_t m,
                                    size_t width, double tolerance, const char *what)
{
    const size_t stride = ops_stride(width);

    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < stride; j++)
            bench_near(got[i * stride + j], j < width ? want[i * width + j] : 0, tolerance, what);
    hasher_add(b->hasher, got, m * stride * sizeof *got);
}

/* Panels of [n][k] against `want` (dense). */
static inline void bench_check_weight(struct bench *b, const float *got, const double *want,
                                      size_t n, size_t k, double tolerance, const char *what)
{
    for (size_t i = 0; i < (n + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL; i++)
        for (size_t j = 0; j < k; j++)
            bench_near(got[ops_panel_at(i, j, k)], i < n ? want[i * k + j] : 0, tolerance, what);
    hasher_add(b->hasher, got, ops_panels(n, k) * sizeof *got);
}

static inline double *bench_doubles(struct bench *b, size_t n)
{
    double *x = arena_array(b->arena, n, sizeof *x);

    assert_non_null(x);
    return x;
}

typedef void bench_cases(struct bench *b);

/* Runs the cases on each instruction set of this processor with 1, 2, 3 and 16 threads: the digests
 * must be equal. */
static inline void bench_on_every_backend(bench_cases *cases)
{
    static const char *const names[] = {"portable", "avx2", "avx512", "amx"};
    static const size_t threads[] = {1, 2, 3, 16};
    struct digest first = {{0}}, digest;
    size_t compared = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t j = 0; j < sizeof threads / sizeof *threads; j++) {
            struct bench b;
            struct backend *be;
            const struct ops *ops;
            struct error err;
            assert_int_equal(setenv("HPO_CPU", names[i], 1), 0);
            if (backend_open("cpu", 1, &be, &ops, &err) != OK) {
                print_message("SKIP: this processor has no %s\n", names[i]);
                break;
            }
            backend_close(be);
            b = bench_open(names[i], threads[j]);
            b.compared_only = compared > 0;
            cases(&b);
            bench_close(&b, compared ? &digest : &first);
            if (compared++ && !digest_equal(&first, &digest))
                fail_msg("%s with %zu threads gives other bits", names[i], threads[j]);
        }
    assert_true(compared >= 4);
}

#endif
