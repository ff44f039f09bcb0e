/*
 * cuda: the backend of an NVIDIA GPU. Operations go to one stream, in the order of their calls; the
 * first failure is remembered, and sync returns it.
 *
 * Sums       fp32 has the orders of the processor (cpu/cpu.h), and so its bits.
 * Parameters Each part is one slab of floats. A matrix [n][k] lies in rows of `pitch` floats, k
 *            rounded up to 8, zero behind k; a vector is one row. Where products have 16-bit
 *            operands a second slab, at the same offsets, holds the values rounded to them. Among
 *            ranks a slab can be one of shards: see shards.h.
 * Rows       of activations are whole 128 bytes.
 */
#ifndef KERNELS_CUDA_CUDA_H
#define KERNELS_CUDA_CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/devices.h"
#include "kernels/cuda/open.h"
#include "kernels/ops.h"
#include "kernels/ranks.h"

enum {
    CUDA_SUM_BLOCK = 512, /* of products: see cpu.h */
    CUDA_STATES = 16      /* floats of a norm on its way */
};

struct cuda_parameter {
    size_t offset; /* floats from the start of a slab */
    size_t n, k;   /* k 1: a vector, or a matrix of one column */
    size_t pitch;  /* floats from row to row; 1 of a vector */
    size_t floats; /* with padding */
    bool matrix, looked_up;
    size_t shard, local; /* floats of a rank's shard, and its offset in a slab of shards */
    size_t kept;         /* offset among the gradients of looked-up ones: see shards.cu */
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
    char place[DEVICE_PLACE_MAX]; /* for messages */
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

    struct cuda_half *half; /* products of 16-bit operands; NULL in fp32 */
    /* Ranks, and what of the parameters this one has: see shards.h. Alone all is whole. */
    struct ranks *ranks; /* NULL: alone */
    size_t n_ranks, rank;
    int zero;
    struct cuda *peers[RANKS_MAX];
    struct cuda_wire *wire;
    struct cuda_shards *shards;
    bool first;     /* the micro-batch is the first of its window */
    size_t present; /* ranks that have one */

    struct cuda_parameter *parameters; /* the host's, and the same on the device */
    const struct cuda_parameter *on_device;
    size_t n_parameters;
    size_t floats, shard_floats; /* of a whole slab, of one of shards */
    float *value;                /* whole; NULL in stage 3 */
    uint16_t *rounded;           /* as values are; NULL in fp32 */
    float *gradient;             /* of the micro-batch, whole; NULL from stage 2 on */
    float *window;               /* alone: of all micro-batches so far; NULL: it is the gradient */
    float *sums;                 /* among ranks: the same, shards */
    struct {
        float *value, *moment1, *moment2;
        size_t floats;
        bool sharded;
    } state; /* what AdamW reads and writes, whole or shards; value may be the one above */
    struct ops_memory memory;
    float *states;              /* [parameters][CUDA_STATES] of norms: see gradients.cu */
    struct chain_chunk *chunks; /* see chain.h */
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

/* All ranks meet; without any, nothing. */
void cuda_meet(struct cuda *c);

/* Has anything failed? */
static inline bool cuda_broken(const struct cuda *c)
{
    return c->failure != OK;
}

/* "PLACE: WHAT: why" as ERR_DEVICE (the card itself is broken), ERR_BUSY (its memory is full) or
 * ERR_SYSTEM. */
enum status cuda_failure(const char *place, cudaError_t e, const char *what, struct error *err);

/* A library that says no more than that it fails: is the card broken, or full? */
enum status cuda_library_failure(const char *place, const char *library, const char *why,
                                 struct error *err);

/* Rows [first, first + n) of a parameter as a slab holds them, of which floats [from, end) go to
 * the device: to[0] is float `from`. */
struct cuda_rows {
    const struct cuda_parameter *p;
    size_t first, n;
    const float *rows;
};
void cuda_send_rows(struct cuda *c, const struct cuda_rows *r, float *to, size_t from, size_t end);

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

/* Alone: the gradient of the window, which AdamW reads. */
static inline float *cuda_window(const struct cuda *c)
{
    return c->window ? c->window : c->gradient;
}

/* A parameter's value, rounded value, or gradient of this micro-batch, whole; NULL for OPS_NONE.
 * Among ranks this may gather: all call it, in the same order. */
const float *cuda_value(struct cuda *c, int parameter);
const uint16_t *cuda_rounded(struct cuda *c, int parameter);
float *cuda_gradient(struct cuda *c, int parameter);

/* An operation has written this gradient, and nothing will be added to it. */
void cuda_written(struct cuda *c, int parameter, const float *gradient);

/* Rounded values of `n` floats from `at` on, of a slab. */
void cuda_round(struct cuda *c, const float *values, size_t at, size_t n);

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
void cuda_memory(struct backend *be, struct ops_memory *out);
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
void cuda_micro_batch(struct backend *be, bool first, size_t present);
void cuda_add_gradients(struct backend *be);
void cuda_gradient_norms(struct backend *be, const struct gradient_norms_args *a);
void cuda_adamw(struct backend *be, const struct adamw_args *a);

extern const struct ops cuda_ops;
extern const int cuda_classes[]; /* that this build has machine code for: 75, ...; 0 ends them */

#ifdef __cplusplus
}
#endif

#endif
