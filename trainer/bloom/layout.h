/*
 * layout: config.json of a BLOOM → its named tensors in one slab of floats.
 *
 * A config is read strictly (ranges, spellings of the Hub's and of older files); unknown names are
 * ignored. From it follow all tensors: names as in transformers' state dict, shapes, and offsets in
 * floats. Matrices stand first (weight decay applies to them), vectors behind; both in the padded
 * forms of kernels/ops.h. Gradients and moments are slabs of the same layout.
 */
#ifndef TRAINER_BLOOM_LAYOUT_H
#define TRAINER_BLOOM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/ops.h"

struct arena;
struct json;

enum { CONFIG_EOS_MAX = 8 };

struct config {
    size_t vocab, hidden, layers, heads;
    double norm_eps, initializer_range;
    bool residual_after_norm; /* apply_residual_connection_post_layernorm */
    bool tied;                /* the head is the embedding */
    int32_t eos[CONFIG_EOS_MAX];
    size_t n_eos;
};

struct tensor {
    const char *name;
    size_t rows, columns; /* columns 0: a vector of `rows` */
    size_t offset;        /* floats from the start of the slab */
    size_t floats;        /* with padding */
};

/* Offsets of one block's tensors. */
struct block_offsets {
    size_t norm1_weight, norm1_bias, qkv_weight, qkv_bias, dense_weight, dense_bias;
    size_t norm2_weight, norm2_bias, up_weight, up_bias, down_weight, down_bias;
};

struct layout {
    struct config config;
    struct tensor *tensors; /* sorted by name */
    size_t n_tensors;
    struct ops_tensor *shapes;    /* the same, in the order of the slab */
    struct block_offsets *blocks; /* [layers] */
    size_t embedding, head;       /* equal where tied */
    size_t embedding_norm_weight, embedding_norm_bias, last_norm_weight, last_norm_bias;
    size_t n_floats;   /* of the slab */
    size_t n_decayed;  /* of its first part, the matrices */
    size_t n_elements; /* parameters, without padding */
};

/*
 * Reads a parsed config.json. vocab: the value where the file has no vocab_size; 0: then it is an
 * error. where is the file's name.
 */
enum status config_read(const struct json *file, const char *where, size_t vocab,
                        struct config *out, struct error *err) MUST_CHECK;

enum status layout_make(const struct config *config, struct arena *arena, struct layout **out,
                        struct error *err) MUST_CHECK;

/* The tensor of this name, with or without the prefix "transformer.", or NULL. */
const struct tensor *layout_find(const struct layout *layout, const char *name);

/* Slabs of a layout, and the backend that they belong to. */
struct slabs {
    struct backend *be;
    const struct ops *ops;
    const struct layout *layout;
};

/* Copies rows [first, first + n) of a tensor, first a multiple of OPS_PANEL, between its padded
 * form in a slab and plain rows of max(columns, 1) floats. */
void layout_put_rows(const struct slabs *s, const struct tensor *t, float *slab, size_t first,
                     size_t n, const float *rows);
void layout_get_rows(const struct slabs *s, const struct tensor *t, const float *slab, size_t first,
                     size_t n, float *rows);

#endif
