/*
 * config: config.json of a model → its sizes and options.
 *
 * Read strictly (ranges, spellings of the Hub's and of older files); unknown names are ignored. Its
 * model_type says which architecture reads the rest: see architecture.h. The readers below are what
 * these share.
 */
#ifndef TRAINER_MODEL_CONFIG_H
#define TRAINER_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct architecture;
struct json;

/* HIDDEN, LAYERS, VOCAB: beyond any model of this kind; products of two of them fit 64 bits with
 * room to spare. */
enum {
    CONFIG_EOS_MAX = 8,
    CONFIG_HIDDEN_MAX = 1 << 14,
    CONFIG_INNER_MAX = 1 << 16,
    CONFIG_LAYERS_MAX = 1 << 10,
    CONFIG_VOCAB_MAX = 1 << 24,
};

struct config {
    const struct architecture *architecture;
    size_t vocab, hidden, layers, heads;
    size_t inner;     /* the width of a block's network */
    size_t positions; /* tokens of a sequence at most; 0: any number */
    double norm_eps, initializer_range;
    bool tied;                /* the head is the embedding */
    bool dropout;             /* some rate is not 0: it cannot be trained as it says */
    bool residual_after_norm; /* of BLOOM: apply_residual_connection_post_layernorm */
    bool scale_by_layer;      /* of GPT-2: scale_attn_by_inverse_layer_idx */
    int32_t eos[CONFIG_EOS_MAX];
    size_t n_eos;
};

/*
 * Reads a parsed config.json. vocab: the value where the file has no vocab_size; 0: then it is an
 * error. where is the file's name.
 */
enum status config_read(const struct json *file, const char *where, size_t vocab,
                        struct config *out, struct error *err) MUST_CHECK;

/* The name of a field in which two models differ, or NULL: their tokens may end otherwise. */
const char *config_difference(const struct config *a, const struct config *b);

/* ---- for architectures ---- */

/* A whole number from 1 to high under either of its spellings; the first wins. */
enum status config_size(const struct json *file, const char *where, const char *name,
                        const char *other, size_t high, size_t *out, struct error *err) MUST_CHECK;

/* A number, a truth; *out stays where the field is absent or null. */
enum status config_number(const struct json *file, const char *where, const char *name, double low,
                          double high, double *out, struct error *err) MUST_CHECK;
enum status config_truth(const struct json *file, const char *where, const char *name, bool *out,
                         struct error *err) MUST_CHECK;

/* ERR_INPUT unless the field is absent, null, or this truth; why says what other values do. */
enum status config_expect(const struct json *file, const char *where, const char *name, bool want,
                          const char *why, struct error *err) MUST_CHECK;

/* Sets out->dropout where this rate, or its default where it is absent, is not 0. */
enum status config_dropout(const struct json *file, const char *where, const char *name,
                           double absent, struct config *out, struct error *err) MUST_CHECK;

/* One token, a list of them, or null; `absent` where there is no such field. */
enum status config_eos(const struct json *file, const char *where, int32_t absent,
                       struct config *out, struct error *err) MUST_CHECK;

#endif
