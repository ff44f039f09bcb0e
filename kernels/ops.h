/*
 * ops: the operations of a trainer in one table; each backend fills its own.
 *
 * Shapes     m rows (tokens of all sequences one after another, without padding), k inputs, n
 *            outputs; V words, H hidden, T keys of a sequence, d = H / heads.
 * Rows       A matrix of activations is [rows][stride], stride = ops_stride(width). The columns
 *            from width to stride are zero, and every operation keeps them so.
 * Weights    A matrix [n][k] is kept in panels: float [ceil(n / 32)][k][32], where panel p holds
 *            rows 32p..32p+31 (rows from n on are zero). Its gradient and moments likewise. So the
 *            three products of a linear layer read it without copying the matrix first. A vector
 *            [n] is padded with zeros to a multiple of 32.
 * Writing    Forward operations write their outputs. Backward ones write activation gradients; they
 *            add to parameter gradients where `accumulate` is set, else they write those too.
 * Order      Products: k in blocks of 512; in a block one accumulator for each element, from 0, k
 *            ascending, one fused multiply-add for each step; block sums are added in order to what
 *            is there (`add`, an accumulated gradient). Bias and residual come last.
 *            Products in bfloat16 (`bf16`): both operands are rounded to it, ties to even; blocks
 *            of 32; a block's sum is that of its even and that of its odd places, each like one
 *            above; denormals are zero, in and out. `add` of linear_input comes last as well.
 *            Sums along a row: 16 lanes (element i belongs to lane i mod 16), then lanes
 *            l and l+8, l+4, l+2, l+1. Sums over rows: rows ascending. exp and tanh are our own
 *            (lanes.h). Only tensor_norms follows PyTorch's order, since clipping depends on it. No
 *            result depends on the number of threads, on the instruction set, or on the other rows
 *            of a batch.
 * Errors     An operation returns nothing: the backend remembers its first failure and sync
 *            returns it. The operations of the CPU cannot fail.
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

struct backend; /* opaque: threads, or device and stream */

enum { OPS_PANEL = 32 };

/*
 * The row stride of a matrix of activations: a multiple of 32, never a multiple of 256 (rows that
 * far apart would share the same few cache sets).
 */
static inline size_t ops_stride(size_t width)
{
    size_t stride = (width + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL;

    return stride % 256 == 0 ? stride + OPS_PANEL : stride;
}

/* Floats of a weight matrix in panels, and of a padded vector (k = 1). */
static inline size_t ops_panels(size_t n, size_t k)
{
    return (n + OPS_PANEL - 1) / OPS_PANEL * OPS_PANEL * k;
}

/* Where element [row][column] of a matrix with k columns lies in its panels. */
static inline size_t ops_panel_at(size_t row, size_t column, size_t k)
{
    return (row / OPS_PANEL * k + column) * OPS_PANEL + row % OPS_PANEL;
}

/* out = x · weightᵀ + bias + residual */
struct linear_args {
    const float *x; /* [m] rows of k */
    size_t x_stride;
    const float *weight;   /* [n][k] in panels */
    const float *bias;     /* [n] padded, or NULL */
    const float *residual; /* [m] rows of n with out's stride, or NULL */
    float *out;            /* [m] rows of n */
    size_t out_stride;
    size_t m, n, k;
    bool bf16;
};

/* dx = dy · weight + add */
struct linear_input_args {
    const float *dy; /* [m] rows of n */
    size_t dy_stride;
    const float *weight; /* [n][k] in panels */
    const float *add;    /* [m] rows of k with dx's stride, or NULL; may be dx */
    float *dx;           /* [m] rows of k */
    size_t dx_stride;
    size_t m, n, k;
    bool bf16;
};

/* dweight (+)= dyᵀ · x, dbias (+)= column sums of dy */
struct linear_weight_args {
    const float *dy; /* [m] rows of n */
    size_t dy_stride;
    const float *x; /* [m] rows of k */
    size_t x_stride;
    float *dweight; /* [n][k] in panels */
    float *dbias;   /* [n] padded, or NULL */
    size_t m, n, k;
    bool accumulate, bf16;
};

/* Layer normalisation, Ba et al. 2016: out = (x - mean) / sqrt(variance + eps) · weight + bias */
struct norm_args {
    const float *x; /* [m] rows of n */
    const float *weight, *bias;
    float *out;         /* [m] rows of n; not x */
    float *mean, *rstd; /* [m] kept for the backward pass */
    size_t stride;      /* of x and out */
    size_t m, n;
    float eps;
};

struct norm_backward_args {
    const float *dy, *x;      /* [m] rows of n */
    const float *weight;      /* [n] */
    const float *mean, *rstd; /* [m] from the forward pass */
    const float *add;         /* [m] rows of n, or NULL; may be dx */
    float *dx;                /* [m] rows of n; may be dy */
    float *dweight, *dbias;   /* [n] */
    size_t stride;            /* of every matrix */
    size_t m, n;
    bool accumulate;
};

/* x · 0.5 · (1 + tanh(0.79788456 x (1 + 0.044715 x²))), as BLOOM has it */
struct gelu_args {
    const float *x;
    float *out;
    size_t n; /* a multiple of 32: whole rows with their padding */
};

struct gelu_backward_args {
    const float *dy, *x;
    float *dx; /* may be dy */
    size_t n;  /* a multiple of 32 */
};

/* A sequence of an attention: queries [query_first, +query_count) over keys [key_first, ...). */
struct attention_sequence {
    int32_t query_first, query_count; /* rows of out */
    int32_t key_first, key_count;     /* rows of kv */
};

/*
 * Causal attention with ALiBi (Press et al. 2022). A row of q and kv is [heads][3][d]: query, key,
 * value. Query i sees the keys of its sequence whose place is <= query_place[i]; the bias of key j
 * is slope · j. Places ascend within a sequence.
 */
struct attention_args {
    const float *q, *kv;
    size_t q_stride, kv_stride;
    const int32_t *query_row;   /* [queries] rows of q */
    const int32_t *query_place; /* [queries] */
    const struct attention_sequence *sequences;
    size_t n_sequences;
    const float *slopes; /* [heads] */
    float *out;          /* [queries] rows of heads · d */
    size_t out_stride;
    float *row_max, *row_scale; /* [queries][heads] kept for the backward pass */
    size_t heads, d;
    float scale; /* 1 / sqrt(d) */
};

/* forward.q and forward.kv are one matrix here; dqkv gets every row of every sequence. */
struct attention_backward_args {
    struct attention_args forward;
    const float *dout; /* [queries] rows of heads · d, stride forward.out_stride */
    float *dqkv;       /* stride forward.kv_stride */
};

/* out[i] = row ids[i] of weight */
struct embed_args {
    const int32_t *ids;  /* [m], each below the number of rows */
    const float *weight; /* [V][n] in panels */
    float *out;          /* [m] rows of n */
    size_t out_stride;
    size_t m, n;
};

/* row ids[i] of dweight += dx[i], i ascending. Always adds. */
struct embed_backward_args {
    const int32_t *ids;
    const float *dx; /* [m] rows of n */
    size_t dx_stride;
    float *dweight;
    size_t m, n;
};

/* take: out[i] = x[rows[i]]. put: out[rows[i]] = x[i], and zero_rows > 0 clears that many first. */
struct rows_args {
    const float *x;
    float *out;
    const int32_t *rows; /* [m] */
    size_t stride;       /* of both */
    size_t m, zero_rows;
};

/*
 * Cross entropy of each row's softmax against its target, and, with gradient, the derivative of
 * scale · Σ losses in place of the logits. A row without a target (-1) has loss 0, gradient 0.
 */
struct cross_entropy_args {
    float *logits; /* [m] rows of n */
    size_t stride;
    const int32_t *targets; /* [m] */
    double *losses;         /* [m] in host memory */
    size_t m, n;
    float scale;
    bool gradient;
};

/* A matrix [n][k] in panels, or, with k 0, a padded vector [n], in a slab. */
struct ops_tensor {
    size_t offset, n, k;
};

/*
 * norms[i] = the Euclidean norm of tensor i. Its squares are added up row after row in 8 lanes
 * (column j belongs to lane j mod 8), one fused multiply-add a square, then the lanes in order: as
 * PyTorch does it. Over many small numbers this rounds more than a tree would (1e-4 of the norm);
 * clipped training that is compared step for step must round in the same way.
 */
struct tensor_norms_args {
    const float *slab;
    const struct ops_tensor *tensors;
    size_t n;
    float *norms; /* [n] in host memory, valid after sync */
};

/* Rows of a weight matrix, as files hold them, and its panels: to_panels writes the panels, with
 * zeros after row n; from_panels writes the rows in the caller's thread, and may run at the same
 * time as other operations. */
struct panels_args {
    float *rows;   /* [n][k] in host memory; only read by to_panels */
    float *panels; /* of row 0 on */
    size_t n, k;
};

struct fill_args {
    float *x;
    size_t n;
    float value;
};

/* Loshchilov & Hutter 2019, algorithm 2, in the rounding of PyTorch's fused kernel. */
struct adamw_args {
    float *param;      /* [n] updated in place */
    const float *grad; /* [n] */
    float *m, *v;      /* [n] first and second moment, updated in place */
    size_t n;
    int64_t step; /* 1, 2, ... */
    double lr, beta1, beta2, eps, weight_decay;
    float grad_scale; /* clipping and loss scale in one factor */
};

/* The largest sizes that some operations will meet: their scratch memory is allocated once. */
struct ops_limits {
    size_t keys, d; /* keys or queries of a sequence, and a head's width, of attention */
    const struct ops_shape {
        size_t m, n, k;
    } * products; /* in bfloat16; smaller ones need not be listed */
    size_t n_products;
};

struct ops {
    const char *name; /* "portable", "avx2", "avx512", "amx" */

    /* Zeroed memory for tensors, freed with the backend. ERR_MEMORY says the bytes needed. */
    enum status (*allocate)(struct backend *be, size_t bytes, void **out, struct error *err);
    /* To be called before the first operation that the limits concern. Copies what it needs. */
    enum status (*prepare)(struct backend *be, const struct ops_limits *limits, struct error *err);

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
    void (*tensor_norms)(struct backend *be, const struct tensor_norms_args *a);
    void (*to_panels)(struct backend *be, const struct panels_args *a);
    void (*from_panels)(struct backend *be, const struct panels_args *a);
    void (*fill)(struct backend *be, const struct fill_args *a);
    void (*adamw)(struct backend *be, const struct adamw_args *a);

    enum status (*sync)(struct backend *be, struct error *err);
};

#ifdef __cplusplus
}
#endif

#endif
