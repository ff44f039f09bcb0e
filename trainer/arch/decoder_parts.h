/* decoder_parts: which parameter is what in a decoder, and its activations: what decoder_plan.c
 * fills and decoder.c computes with. */
#ifndef TRAINER_ARCH_DECODER_PARTS_H
#define TRAINER_ARCH_DECODER_PARTS_H

#include "trainer/arch/decoder.h"
#include "trainer/model/config.h"
#include "trainer/model/network.h"

/* A layer norm, or a linear layer. */
struct decoder_pair {
    int weight, bias;
};

struct decoder_block_numbers {
    struct decoder_pair norm1, qkv, dense, norm2, up, down;
};

struct decoder_numbers {
    int embedding, positions, head; /* head: the embedding where it is tied */
    struct decoder_pair embedding_norm, last_norm;
    struct decoder_block_numbers blocks[];
};

/* One block's, kept for the backward pass: rows of the batch, or of its queries. What is cheap to
 * compute again is not here. */
struct decoder_block {
    struct ops_rows x; /* what comes in */
    struct ops_rows qkv;
    float *row_max, *row_scale; /* of attention's softmax: [rows][heads] */
    struct ops_rows context;
    struct ops_rows skip; /* last block only: what goes around attention, for the queries */
    struct ops_rows middle, up;
};

struct decoder {
    struct network *network;
    const struct config *config;
    const struct decoder_family *family;
    const struct decoder_numbers *numbers;
    float *slopes;            /* of ALiBi, [heads], or NULL */
    struct ops_rows embedded; /* before its norm; nowhere where there is none */
    float *mean0, *rstd0;
    struct ops_rows normed, gelu; /* of the current block */
    float *mean, *rstd;
    struct ops_rows last, last_norm; /* of the queries */
    float *last_mean, *last_rstd;
    struct ops_rows cache; /* [layers · cache_rows] keys and values */
    size_t cache_rows;
    struct ops_rows d_rows, d_norm, d_skip, d_up, d_gelu, d_qkv; /* gradients of activations */
    struct decoder_block blocks[];                               /* [layers] */
};

/* For decoder_body; in decoder_plan.c. */
void decoder_list(struct layout_builder *b, const struct config *config);
enum status decoder_plan(struct network *n, struct planner *p, const struct network_plan *plan,
                         struct error *err);
void decoder_prepare(struct network *n);

#endif
