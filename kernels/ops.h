/*
 * ops: what a model is computed with, in one table: memory, parameters, operations. Each backend
 * fills its own.
 *
 * Shapes     m rows (tokens of all sequences one after another, without padding), k inputs, n
 *            outputs; V words, H hidden, T keys of a sequence, d = H / heads.
 * Memory     Whatever an operation reads or writes lies in the backend's memory, which may be a
 *            device's: the caller holds addresses and reads nothing there. `send` and `fetch` copy
 *            to it and from it.
 * Parameters belong to the backend, which alone knows how they lie. The caller gives their shapes
 *            once, names each by its number from then on, and sees plain fp32 rows: `upload`,
 *            `download`. A parameter is a matrix [n][k] or a vector [n]; it has a value and, for
 *            training, a gradient and two moments.
 * Rows       A matrix of activations is [rows][stride], stride = ops->stride(width, type), in
 *            ops->matrix_bytes(...). The columns from width to stride are zero, and every operation
 *            keeps them so. Buffers that only feed products have the type backend->operand: that
 *            is exact, since the product rounds to it anyway. All others are fp32.
 * Writing    Operations write their outputs; backward ones write the gradients of activations, and
 *            of parameters for one micro-batch. Only embed_backward adds to what is there.
 * Window     With `accumulate`, gradients are summed over micro-batches: micro_batch is called
 *            before each, backward operations and `clear` write its gradients, from zero, and
 *            add_gradients, called behind it, adds them in the order of the calls. Without it a
 *            micro-batch is the window, and nothing is to be added. OPS_GRADIENT, gradient_norms
 *            and adamw mean the window.
 * Ranks      Several backends, each in a thread of its own, can share a model (struct ranks): each
 *            gets every call but of other rows. Micro-batch i of a window is that of rank i mod
 *            ranks, one without rows where there are no more, and what is added is added in the
 *            order of ranks: so the sums are those of one backend. Norms are those of the whole.
 *            Every rank makes the same calls in the same order.
 * Same bits  No result depends on the number of threads, on the instruction set, on the other rows
 *            of a batch. The order of sums is the backend's, and part of its identity: for the
 *            processor see cpu/cpu.h. Maxima are a > b ? a : b.
 * Order      Operations take effect in the order of their calls, and may do so later: results are
 *            there after sync.
 * Errors     An operation returns nothing: the backend remembers its first failure and sync
 *            returns it. The operations of the processor cannot fail.
 *
 * Argument structs are plain data and travel whole (to a GPU kernel by value). This header is also
 * valid C++17.
 */
#ifndef KERNELS_OPS_H
#define KERNELS_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct backend; /* below: a table, then what is its own */

enum ops_type { OPS_FP32, OPS_BF16, OPS_FP16 };

/* How the products of linear layers are computed: in fp32, or from 16-bit operands. On a processor
 * bfloat16 has two orders of sums, each as fast as its instruction: dot that of AVX512-BF16, tile
 * that of AMX. On a GPU the order is its library's. */
enum ops_product {
    OPS_PRODUCT_FP32,
    OPS_PRODUCT_BF16_DOT,
    OPS_PRODUCT_BF16_TILE,
    OPS_PRODUCT_BF16,
    OPS_PRODUCT_FP16
};

/* A matrix of activations. */
struct ops_rows {
    void *at;
    size_t stride; /* in elements */
    enum ops_type type;
};

/* A parameter's shape: a matrix [n][k], or, with k 0, a vector [n]. */
struct ops_shape {
    size_t n, k;
};

/* Of each parameter. */
enum ops_part { OPS_VALUE, OPS_GRADIENT, OPS_MOMENT1, OPS_MOMENT2 };

enum { OPS_NONE = -1 }; /* no parameter */

struct ops_parameters {
    const struct ops_shape *shapes; /* [n]; not kept */
    /* [n], not kept: embed looks rows of it up, and embed_backward is the last that adds to its
     * gradient. NULL: of none. Only among ranks it matters. */
    const bool *looked_up;
    size_t n;
    enum ops_product product;
    bool training;   /* gradients and moments too */
    bool accumulate; /* windows of several micro-batches */
};

/*
 * A row of q and kv holds a query, a key and a value of each head: element j of part p of head h at
 * h · head_step + p · part_step + j.
 */
struct attention_layout {
    size_t heads, d;
    size_t head_step, part_step;
};

/* A sequence of an attention: queries [query_first, +query_count) over keys [key_first, ...). */
struct attention_sequence {
    int32_t query_first, query_count; /* rows of out */
    int32_t key_first, key_count;     /* rows of kv */
};

/* out = x · weightᵀ + bias + residual */
struct linear_args {
    struct ops_rows x;        /* [m] rows of k; of the operand's type or fp32 */
    struct ops_rows residual; /* [m] rows of n, or nowhere */
    struct ops_rows out;      /* [m] rows of n */
    int weight;               /* [n][k] */
    int bias;                 /* [n], or OPS_NONE */
    size_t m;
};

/* dx = dy · weight + add */
struct linear_input_args {
    struct ops_rows dy;  /* [m] rows of n; of the operand's type or fp32 */
    struct ops_rows add; /* [m] rows of k, or nowhere; may be dx */
    struct ops_rows dx;  /* [m] rows of k */
    int weight;          /* [n][k] */
    size_t m;
};

/* The gradients of weight and bias: dyᵀ · x, and the column sums of dy. */
struct linear_weight_args {
    struct ops_rows dy; /* [m] rows of n; each of the operand's type or fp32 */
    struct ops_rows x;  /* [m] rows of k */
    int weight;         /* [n][k] */
    int bias;           /* [n], or OPS_NONE */
    size_t m;
};

/* Layer normalisation, Ba et al. 2016: out = (x - mean) / sqrt(variance + eps) · weight + bias */
struct norm_args {
    struct ops_rows x;   /* [m] rows of n */
    struct ops_rows out; /* [m] rows of n, of any type; not x */
    int weight, bias;    /* [n] */
    float *mean, *rstd;  /* [m] kept for the backward pass */
    size_t m;
    float eps;
};

struct norm_backward_args {
    struct ops_rows dy, x;    /* [m] rows of n */
    struct ops_rows add;      /* [m] rows of n, or nowhere; may be dx */
    struct ops_rows dx;       /* [m] rows of n; may be dy */
    int weight, bias;         /* [n] */
    const float *mean, *rstd; /* [m] from the forward pass */
    size_t m;
};

/* x · 0.5 · (1 + tanh(0.79788456 x (1 + 0.044715 x²))), Hendrycks & Gimpel 2016 */
struct gelu_args {
    struct ops_rows x;   /* [m] rows of n */
    struct ops_rows out; /* [m] rows of n, of any type */
    size_t m, n;
};

struct gelu_backward_args {
    struct ops_rows dy, x; /* [m] rows of n */
    struct ops_rows dx;    /* [m] rows of n, of any type; may be dy */
    size_t m, n;
};

/*
 * Causal attention (Vaswani et al. 2017), with ALiBi (Press et al. 2022) where there are slopes.
 * Query i sees the keys of its sequence whose place is <= query_place[i]; the bias of key j is
 * slope · j. Places ascend within a sequence.
 */
struct attention_args {
    struct ops_rows q, kv;
    struct attention_layout layout;
    const int32_t *query_row;   /* [queries] rows of q */
    const int32_t *query_place; /* [queries] */
    const struct attention_sequence *sequences;
    size_t n_sequences;
    const float *slopes;        /* [heads], or NULL */
    struct ops_rows out;        /* [queries] rows of heads · d, of any type */
    float *row_max, *row_scale; /* [queries][heads] kept for the backward pass */
    float scale;                /* of the scores: 1 / sqrt(d) */
};

/* forward.q and forward.kv are one matrix here; dqkv gets every row of every sequence. */
struct attention_backward_args {
    struct attention_args forward;
    struct ops_rows dout; /* [queries] rows of heads · d */
    struct ops_rows dqkv; /* laid out as forward.kv, of any type */
};

/* out[i] = row ids[i] of weight; with add, out[i] + that */
struct embed_args {
    const int32_t *ids; /* [m], each below the number of rows */
    int weight;         /* [V][n] */
    struct ops_rows out;
    size_t m;
    bool add;
};

/* Row ids[i] of weight's gradient += dx[i], i ascending. Always adds. */
struct embed_backward_args {
    const int32_t *ids;
    struct ops_rows dx; /* [m] rows of n */
    int weight;
    size_t m;
};

/* take: out[i] = x[rows[i]]. put: out[rows[i]] = x[i], and zero_rows > 0 clears that many first. */
struct rows_args {
    struct ops_rows x, out; /* of one type and stride */
    const int32_t *rows;    /* [m] */
    size_t m, zero_rows;
};

/*
 * Cross entropy of each row's softmax against its target, and, with gradient, the derivative of
 * scale · Σ losses in place of the logits. A row without a target (-1) has loss 0, gradient 0.
 */
struct cross_entropy_args {
    struct ops_rows logits; /* [m] rows of n */
    const int32_t *targets; /* [m] */
    double *losses;         /* [m] */
    size_t m, n;
    float scale;
    bool gradient;
};

/* out[i] = the place of row i's largest: the first of equal ones; a NaN counts as -infinity. */
struct largest_args {
    struct ops_rows x; /* [m] rows of n */
    int32_t *out;      /* [m] */
    size_t m, n;
};

/* Of every parameter's gradient: the Euclidean norm, the largest magnitude (a NaN as infinity). */
struct gradient_norms_args {
    float *norms, *largest; /* [parameters] */
};

/* Loshchilov & Hutter 2019, algorithm 2, in the rounding of PyTorch's fused kernel. */
struct adamw_args {
    int first, n; /* parameters [first, first + n) */
    int64_t step; /* 1, 2, ... */
    double lr, beta1, beta2, eps, weight_decay;
    float grad_scale; /* clipping and loss scale in one factor */
};

/* The largest sizes that some operations will meet: their scratch memory is allocated once. */
struct ops_limits {
    size_t keys, d; /* keys or queries of a sequence, and a head's width, of attention */
    const struct ops_limit {
        size_t m;
        int weight;
    } * products; /* the largest of linear layers; smaller ones need not be listed */
    size_t n_products;
};

/* Bytes that parameters take in a rank. */
struct ops_memory {
    size_t states;   /* what ranks divide among them */
    size_t whole;    /* what every rank has whole */
    size_t gathered; /* room for weights that are gathered for an operation, in stage 3 */
    size_t bucket;   /* room for gradients on their way, from stage 2 on: the largest */
};

struct snapshot; /* parameters as they are at one moment */

enum { OPS_ROWS_STEP = 32 }; /* upload and download begin at a multiple of this many rows */

struct ops {
    const char *name; /* "portable", "avx2", "avx512", "avx512bf16", "amx", "cuda" */

    void (*close)(struct backend *be);

    /* ---- memory; all of it is freed with the backend ---- */

    /* Zeroed memory for activations. ERR_MEMORY names the bytes needed, those given before too. */
    enum status (*allocate)(struct backend *be, size_t bytes, void **out, struct error *err);
    size_t (*stride)(size_t width, enum ops_type type);
    size_t (*matrix_bytes)(size_t m, size_t width, enum ops_type type);
    /* After `parameters`, before the first operation that the limits concern. Copies what it
     * needs. */
    enum status (*prepare)(struct backend *be, const struct ops_limits *limits, struct error *err);
    /* Copies to memory of the backend; `from` is free again when it returns. */
    void (*send)(struct backend *be, void *to, const void *from, size_t bytes);
    /* Copies from memory of the backend; `to` is filled after sync. */
    void (*fetch)(struct backend *be, void *to, const void *from, size_t bytes);
    /* Waits for every operation so far. */
    enum status (*sync)(struct backend *be, struct error *err);

    /* ---- parameters ---- */

    /* Once, before all that names a parameter: zeroed, numbered 0 to n - 1. */
    enum status (*parameters)(struct backend *be, const struct ops_parameters *p,
                              struct error *err);
    /* Only a backend of ranks has it. */
    void (*memory)(struct backend *be, struct ops_memory *out);
    /* rows: [n][max(k, 1)], rows [first, first + n) of a part. */
    void (*upload)(struct backend *be, enum ops_part part, int parameter, size_t first, size_t n,
                   const float *rows);
    /* Values and moments as they are now; gradients only until the next backward operation. The
     * caller must not change parameters before `settle`, and releases it, in any thread, before
     * the backend is closed. A backend that copies them has one at a time: it waits for the release
     * of the one before. */
    enum status (*snapshot)(struct backend *be, struct snapshot **out, struct error *err);
    /* In any thread, while operations go on. */
    enum status (*download)(const struct snapshot *s, enum ops_part part, int parameter,
                            size_t first, size_t n, float *rows, struct error *err);
    void (*release)(struct snapshot *s);
    /* Waits until parameters may change: no snapshot lives on their memory. */
    void (*settle)(struct backend *be);

    /* ---- operations ---- */

    void (*linear)(struct backend *be, const struct linear_args *a);
    void (*linear_input)(struct backend *be, const struct linear_input_args *a);
    void (*linear_weight)(struct backend *be, const struct linear_weight_args *a);
    void (*norm)(struct backend *be, const struct norm_args *a);
    void (*norm_backward)(struct backend *be, const struct norm_backward_args *a);
    void (*gelu)(struct backend *be, const struct gelu_args *a);
    void (*gelu_backward)(struct backend *be, const struct gelu_backward_args *a);
    void (*attention)(struct backend *be, const struct attention_args *a);
    void (*attention_backward)(struct backend *be, const struct attention_backward_args *a);
    void (*embed)(struct backend *be, const struct embed_args *a);
    void (*embed_backward)(struct backend *be, const struct embed_backward_args *a);
    void (*take_rows)(struct backend *be, const struct rows_args *a);
    void (*put_rows)(struct backend *be, const struct rows_args *a);
    void (*cross_entropy)(struct backend *be, const struct cross_entropy_args *a);
    void (*largest)(struct backend *be, const struct largest_args *a);
    void (*clear)(struct backend *be, int parameter); /* its gradient becomes 0 */
    /* A micro-batch begins, the first of its window or a later one; of all ranks, the first
     * `present` have one. */
    void (*micro_batch)(struct backend *be, bool first, size_t present);
    /* Its gradients, those of all ranks, to those of the window. */
    void (*add_gradients)(struct backend *be);
    void (*gradient_norms)(struct backend *be, const struct gradient_norms_args *a);
    void (*adamw)(struct backend *be, const struct adamw_args *a);
};

/* What every backend begins with. */
struct backend {
    const struct ops *ops;
    enum ops_type operand; /* of buffers that only feed products; after `parameters` */
};

#ifdef __cplusplus
}
#endif

#endif
