/*
 * cublaslt: the part of cuBLASLt's interface that is used (the same in its versions 12 and 13), and
 * the library that is found while the program runs. Matrices are column after column.
 */
#ifndef KERNELS_CUDA_CUBLASLT_H
#define KERNELS_CUDA_CUBLASLT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/cuda/device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    LT_COMPUTE_32F = 68,
    LT_R_32F = 0,
    LT_R_16F = 2,
    LT_R_16BF = 14,
    LT_OP_N = 0,
    LT_OP_T = 1,
    LT_DESC_TRANSA = 3,
    LT_DESC_TRANSB = 4,
    LT_DESC_EPILOGUE = 7,
    LT_DESC_BIAS_POINTER = 8,
    LT_EPILOGUE_BIAS = 4,
    LT_PREFERENCE_WORKSPACE = 1,
    LT_PREFERENCE_REDUCTION = 3,
    LT_PREFERENCE_ALIGNMENT_A = 5, /* bytes; of b, c and d behind it */
    LT_ALGO_SPLIT_K = 2,
    LT_ALGO_REDUCTION = 3,
    LT_NO_MEMORY = 3, /* a status */
};

struct lt_algo {
    uint64_t data[8];
};

struct lt_found {
    struct lt_algo algo;
    size_t workspace; /* bytes that it needs */
    int state;        /* 0: the rest is valid */
    float waves;
    int reserved[4];
};

struct lt_handle;
struct lt_desc;
struct lt_layout;
struct lt_preference;

/* Its functions, without cublasLt in front. Those that return an int: 0 is success. */
struct cublaslt {
    size_t (*get_version)(void); /* 130100 for 13.1.0 */
    int (*create)(struct lt_handle **out);
    int (*destroy)(struct lt_handle *handle);
    int (*desc_create)(struct lt_desc **out, int compute, int scale);
    int (*desc_destroy)(struct lt_desc *desc);
    int (*desc_set)(struct lt_desc *desc, int attribute, const void *value, size_t bytes);
    int (*layout_create)(struct lt_layout **out, int type, uint64_t rows, uint64_t columns,
                         int64_t step);
    int (*layout_destroy)(struct lt_layout *layout);
    int (*preference_create)(struct lt_preference **out);
    int (*preference_destroy)(struct lt_preference *preference);
    int (*preference_set)(struct lt_preference *preference, int attribute, const void *value,
                          size_t bytes);
    int (*heuristic)(struct lt_handle *handle, struct lt_desc *desc, struct lt_layout *a,
                     struct lt_layout *b, struct lt_layout *c, struct lt_layout *d,
                     struct lt_preference *preference, int wanted, struct lt_found *found,
                     int *n_found);
    int (*check)(struct lt_handle *handle, struct lt_desc *desc, struct lt_layout *a,
                 struct lt_layout *b, struct lt_layout *c, struct lt_layout *d,
                 const struct lt_algo *algo, struct lt_found *found);
    int (*algo_get)(const struct lt_algo *algo, int attribute, void *value, size_t bytes,
                    size_t *written);
    int (*matmul)(struct lt_handle *handle, struct lt_desc *desc, const void *alpha, const void *a,
                  struct lt_layout *a_lay, const void *b, struct lt_layout *b_lay, const void *beta,
                  const void *c, struct lt_layout *c_lay, void *d, struct lt_layout *d_lay,
                  const struct lt_algo *algo, void *workspace, size_t workspace_bytes,
                  cudaStream_t stream);
};

/* Its version, or 0: it is not found. */
size_t cublaslt_version(void);

/* ERR_INPUT: it is not found, or is another version. */
enum status cublaslt_open(struct cublaslt *out, struct error *err) MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
