/*
 * batch: examples → the rows of a step, without padding.
 *
 * A line of a data file is {"input_ids": [...], "labels": [...]}, labels shifted by the model as in
 * transformers: position p predicts label p + 1, -100 is ignored. "attention_mask" may be there:
 * masked tokens are dropped, which is exact (nothing that counts sees them; places and positions
 * count the others only). Tokens after the last position that predicts something are dropped too:
 * attention is causal, so no earlier token sees them.
 *
 * A batch is its examples' tokens one after another. Its queries are the positions that predict:
 * the last layer's upper half, the head and the loss are computed for those alone.
 */
#ifndef TRAINER_MODEL_BATCH_H
#define TRAINER_MODEL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/ops.h"
#include "trainer/model/config.h"

struct arena;
struct json;

struct example {
    int32_t *ids; /* [n] */
    size_t n;
    int32_t *places;  /* [n_queries] ascending, below n */
    int32_t *targets; /* [n_queries]; -1: a query without a label */
    size_t n_queries, n_labels;
    size_t n_marked; /* n_labels, and the first token's, which nothing predicts */
};

struct dataset {
    struct example *examples;
    const struct example **order; /* the same, one by one; training puts them in an epoch's order */
    size_t n;
};

/* What the largest batch of a run needs. */
struct batch_limits {
    size_t tokens, queries, sequences, keys; /* keys: of one sequence, the longest */
    size_t cache_rows; /* rows of a cache of keys and values; 0: none is kept */
};

/* All arrays are pieces of one, which goes to a backend as a whole. */
struct batch {
    int32_t *ids;                         /* [tokens] */
    int32_t *positions;                   /* [tokens] of embeddings of positions */
    int32_t *token_rows;                  /* [tokens] 0, 1, ...: where each token's query lies */
    int32_t *token_places;                /* [tokens] in its sequence */
    struct attention_sequence *sequences; /* all tokens are queries */
    int32_t *query_rows;                  /* [queries] rows of tokens */
    int32_t *query_places;
    int32_t *targets;
    struct attention_sequence *query_sequences;
    int32_t *cache_rows; /* [tokens] where keys and values go, if `cached` */
    size_t n_tokens, n_queries, n_labels, n_sequences;
    bool cached;
    int32_t *words; /* [n_words] the one array */
    size_t n_words;
};

/* A model's limits on what an example may hold. */
struct batch_rules {
    size_t vocab;
    size_t positions; /* 0: any number of tokens */
};

static inline struct batch_rules batch_rules(const struct config *c)
{
    return (struct batch_rules){c->vocab, c->positions};
}

/*
 * One example from parsed lists; mask and labels may be NULL. with_last adds the last unmasked
 * position as a query without a label, unless it is a query already. ERR_INPUT: a token outside the
 * vocabulary, more tokens than positions, lists of different lengths, a label that a masked
 * position would predict.
 */
struct example_lists {
    const struct json *ids, *labels, *mask;
};
enum status batch_example(const struct example_lists *lists, const struct batch_rules *rules,
                          bool with_last, const char *where, struct arena *arena,
                          struct example *out, struct error *err) MUST_CHECK;

/* Fills order with the examples in the order of the file. */
enum status batch_order(struct dataset *data, struct arena *arena, struct error *err) MUST_CHECK;

/* A data file; or, where path is a folder, the file `name` in it. ERR_INPUT: no example at all. */
enum status batch_read(const char *path, const char *name, const struct batch_rules *rules,
                       struct arena *arena, struct dataset *out, struct error *err) MUST_CHECK;

/* The most that any batch of up to `size` of these examples can need. */
enum status batch_measure(const struct dataset *data, size_t size, struct batch_limits *io,
                          struct error *err) MUST_CHECK;

/* The words of a batch's one array, and its pieces in `words` (NULL: only counted). SIZE_MAX / 8:
 * more than can be. */
size_t batch_words(const struct batch_limits *limits);
void batch_place(const struct batch_limits *limits, int32_t *words, struct batch *out);

enum status batch_open(const struct batch_limits *limits, struct arena *arena, struct batch *out,
                       struct error *err) MUST_CHECK;

/* Fills the batch with n examples. It must have room. */
void batch_fill(struct batch *b, const struct example *const *examples, size_t n);

#endif
