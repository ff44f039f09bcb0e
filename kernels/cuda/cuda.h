/*
 * cuda: the backend of an NVIDIA GPU. Operations go to one stream, in the order of their calls; the
 * first failure is remembered, and sync returns it.
 *
 * Sums       fp32 has the orders of the processor (cpu/cpu.h), and so its bits.
 * Parameters Each part is one slab of floats. A matrix [n][k] lies in rows of `pitch` floats, k
 *            rounded up to 8, zero behind k; a vector is one row. Where products have 16-bit
 *            operands a second slab, at the same offsets, holds the values rounded to them.
 * Rows       of activations are whole 128 bytes.
 */
#ifndef KERNELS_CUDA_CUDA_H
#define KERNELS_CUDA_CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/open.h"
#include "kernels/ops.h"

enum { CUDA_SUM_BLOCK = 512 }; /* of products: see cpu.h */

struct cuda_parameter {
    size_t offset; /* floats from the start of a slab */
    size_t n, k;   /* k 1: a vector, or a matrix of one column */
    size_t pitch;  /* floats from row to row; 1 of a vector */
    size_t floats; /* with padding */
};

enum { CUDA_PENDING_MAX = 64 };

/* Bytes that are on their way to the host, through pinned memory. */
struct cuda_pending {
    void *to;
    const char *from;
    size_t bytes;
};

/* Pinned memory, given out piece by piece; all of it is free again once its event has come. */
struct cuda_stage {
    char *bytes;
    size_t n, used;
    cudaEvent_t free;
};

struct cuda {
    struct backend base;
    int device;
    unsigned multiprocessors;
    cudaStream_t stream;
    enum status failure; /* the first; OK: none */
    struct error error;

    struct cuda_block *blocks; /* what allocate gave */
    size_t taken;              /* bytes of them */
    struct cuda_stage send[2], fetch;
    int sending; /* which of send */
    struct cuda_pending pending[CUDA_PENDING_MAX];
    size_t n_pending;
    struct cuda_snapshots *snapshots;

    float *scores; /* of attention: [slots][keys][keys_stride], twice for training */
    float *d_scores;
    size_t slots, keys, keys_stride;

    struct cuda_half *half;            /* products of 16-bit operands; NULL in fp32 */
    struct cuda_parameter *parameters; /* the host's, and the same on the device */
    const struct cuda_parameter *on_device;
    size_t n_parameters, floats;                          /* of a slab */
    float *value, *moment1, *moment2, *gradient, *window; /* as in cpu/memory.h */
    uint16_t *rounded;                                    /* value; NULL in fp32 */
};

#ifdef __cplusplus
extern "C" {
#endif

static inline struct cuda *cuda_of(struct backend *be)
{
    return (struct cuda *)be;
}

/* Remembers the first failure: a text, or an error of CUDA in doing `what`. */
void cuda_fail(struct cuda *c, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);
void cuda_check(struct cuda *c, cudaError_t e, const char *what);

/* Has anything failed? */
static inline bool cuda_broken(const struct cuda *c)
{
    return c->failure != OK;
}

/* "WHAT: why" as ERR_DEVICE (the card itself is broken), ERR_BUSY (its memory is full), ERR_SYSTEM. */
enum status cuda_failure(cudaError_t e, const char *what, struct error *err);

/* Rows of k floats, each to a row of `pitch` on the device, zero behind k. */
void cuda_send_rows(struct cuda *c, float *to, const float *from, size_t n, size_t k, size_t pitch);

/* What snapshots need, and what they are made of. */
enum status cuda_snapshots_open(struct cuda *c, struct error *err);
void cuda_snapshots_close(struct cuda *c);

static inline size_t cuda_size(enum ops_type type)
{
    return type == OPS_FP32 ? sizeof(float) : sizeof(uint16_t);
}

static inline size_t cuda_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static inline unsigned cuda_blocks(size_t n, size_t of)
{
    return (unsigned)((n + of - 1) / of);
}

/* A parameter's value, rounded value, or gradient of this micro-batch; NULL for OPS_NONE. */
static inline const float *cuda_value(const struct cuda *c, int parameter)
{
    return parameter == OPS_NONE ? NULL : c->value + c->parameters[parameter].offset;
}
static inline float *cuda_gradient(const struct cuda *c, int parameter)
{
    return parameter == OPS_NONE ? NULL : c->gradient + c->parameters[parameter].offset;
}

/* The slab of a part; gradients are those that AdamW reads. */
float *cuda_part(const struct cuda *c, enum ops_part part);

/* For struct ops. */
void cuda_close(struct backend *be);
enum status cuda_allocate(struct backend *be, size_t bytes, void **out, struct error *err);
size_t cuda_stride(size_t width, enum ops_type type);
size_t cuda_matrix_bytes(size_t m, size_t width, enum ops_type type);
enum status cuda_prepare(struct backend *be, const struct ops_limits *limits, struct error *err);
void cuda_send(struct backend *be, void *to, const void *from, size_t bytes);
void cuda_fetch(struct backend *be, void *to, const void *from, size_t bytes);
enum status cuda_sync(struct backend *be, struct error *err);
enum status cuda_parameters(struct backend *be, const struct ops_parameters *p, struct error *err);
void cuda_upload(struct backend *be, enum ops_part part, int parameter, size_t first, size_t n,
                 const float *rows);
enum status cuda_snapshot(struct backend *be, struct snapshot **out, struct error *err);
enum status cuda_download(const struct snapshot *s, enum ops_part part, int parameter, size_t first,
                          size_t n, float *rows, struct error *err);
void cuda_release(struct snapshot *s);
void cuda_settle(struct backend *be);
void cuda_clear(struct backend *be, int parameter);
void cuda_linear(struct backend *be, const struct linear_args *a);
void cuda_linear_input(struct backend *be, const struct linear_input_args *a);
void cuda_linear_weight(struct backend *be, const struct linear_weight_args *a);
void cuda_norm(struct backend *be, const struct norm_args *a);
void cuda_norm_backward(struct backend *be, const struct norm_backward_args *a);
void cuda_gelu(struct backend *be, const struct gelu_args *a);
void cuda_gelu_backward(struct backend *be, const struct gelu_backward_args *a);
void cuda_attention(struct backend *be, const struct attention_args *a);
void cuda_attention_backward(struct backend *be, const struct attention_backward_args *a);
void cuda_embed(struct backend *be, const struct embed_args *a);
void cuda_embed_backward(struct backend *be, const struct embed_backward_args *a);
void cuda_take_rows(struct backend *be, const struct rows_args *a);
void cuda_put_rows(struct backend *be, const struct rows_args *a);
void cuda_cross_entropy(struct backend *be, const struct cross_entropy_args *a);
void cuda_largest(struct backend *be, const struct largest_args *a);
void cuda_add_gradients(struct backend *be, bool first);
void cuda_gradient_norms(struct backend *be, const struct gradient_norms_args *a);
void cuda_adamw(struct backend *be, const struct adamw_args *a);

extern const struct ops cuda_ops;

#ifdef __cplusplus
}
#endif

#endif
