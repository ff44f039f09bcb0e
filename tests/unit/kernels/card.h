/*
 * card: the backend of a GPU as the trainer uses it: memory that only the device can touch, filled
 * by send and read by fetch, and operations that are as late as they may be.
 */
#ifndef TESTS_UNIT_KERNELS_CARD_H
#define TESTS_UNIT_KERNELS_CARD_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/backend.h"

struct card {
    struct backend *be;
    const struct ops *ops;
    struct error err;
    uint64_t random;
};

static inline struct card card_open(enum ops_product product)
{
    struct card c = {.random = 1};

    if (backend_open(&(struct backend_options){.name = "cuda", .product = product}, &c.be,
                     &c.err) != OK)
        fail_msg("%s", c.err.text);
    c.ops = c.be->ops;
    return c;
}

static inline void card_sync(struct card *c)
{
    if (c->ops->sync(c->be, &c->err) != OK)
        fail_msg("%s", c->err.text);
}

static inline void card_close(struct card *c)
{
    card_sync(c);
    backend_close(c->be);
}

static inline void card_parameters(struct card *c, const struct ops_parameters *p)
{
    if (c->ops->parameters(c->be, p, &c->err) != OK)
        fail_msg("%s", c->err.text);
}

/* Between -1 and 1. */
static inline float card_draw(struct card *c)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (float)(c->random >> 40) / (float)(1u << 23) - 1;
}

/* n floats of the test's own. */
static inline float *card_floats(struct card *c, size_t n)
{
    float *x = test_malloc((n > 0 ? n : 1) * sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = card_draw(c);
    return x;
}

static inline void *card_memory(struct card *c, size_t bytes)
{
    void *at = NULL;

    if (c->ops->allocate(c->be, bytes, &at, &c->err) != OK)
        fail_msg("%s", c->err.text);
    return at;
}

static inline void *card_sent(struct card *c, const void *from, size_t bytes)
{
    void *at = card_memory(c, bytes);

    c->ops->send(c->be, at, from, bytes);
    return at;
}

static inline struct ops_rows card_rows(struct card *c, size_t m, size_t width, enum ops_type type)
{
    return (struct ops_rows){card_memory(c, c->ops->matrix_bytes(m, width, type)),
                             c->ops->stride(width, type), type};
}

/* Dense fp32 rows on the device. */
static inline struct ops_rows card_put(struct card *c, const float *x, size_t m, size_t width)
{
    const struct ops_rows r = card_rows(c, m, width, OPS_FP32);
    float *padded = test_calloc(m * r.stride + 1, sizeof *padded);

    for (size_t i = 0; i < m; i++)
        memcpy(padded + i * r.stride, x + i * width, width * sizeof *x);
    c->ops->send(c->be, r.at, padded, m * r.stride * sizeof *padded);
    test_free(padded);
    return r;
}

/* Those that begin with row `first`. */
static inline struct ops_rows card_from(struct ops_rows r, size_t first)
{
    const size_t element = r.type == OPS_FP32 ? sizeof(float) : sizeof(uint16_t);

    return r.at ? (struct ops_rows){(char *)r.at + first * r.stride * element, r.stride, r.type}
                : r;
}

/* Bytes of the device, now. */
static inline void card_read(struct card *c, void *to, const void *from, size_t bytes)
{
    c->ops->fetch(c->be, to, from, bytes);
    card_sync(c);
}

/* Dense fp32 rows of the device, now. */
static inline float *card_get(struct card *c, struct ops_rows r, size_t m, size_t width)
{
    float *padded = test_malloc(m * r.stride * sizeof *padded + 1);

    assert_int_equal(r.type, OPS_FP32);
    card_read(c, padded, r.at, m * r.stride * sizeof *padded);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = width; j < r.stride; j++)
            assert_true(padded[i * r.stride + j] == 0);
        memmove(padded + i * width, padded + i * r.stride, width * sizeof *padded);
    }
    return padded;
}

/* A whole part of a parameter [n][k], now. */
static inline float *card_download(struct card *c, enum ops_part part, int parameter, size_t n,
                                   size_t k)
{
    float *rows = test_malloc(n * k * sizeof *rows);
    struct snapshot *s;

    assert_int_equal(c->ops->snapshot(c->be, &s, &c->err), OK);
    assert_int_equal(c->ops->download(s, part, parameter, 0, n, rows, &c->err), OK);
    c->ops->release(s);
    return rows;
}

#endif
