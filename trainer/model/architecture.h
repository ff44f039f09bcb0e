/*
 * architecture: what a family of models is to the rest of the trainer. Files, batches, generation,
 * losses, training and checkpoints know no more of it than this.
 *
 *     config.json → read_config → struct config → list → struct layout (named tensors)
 *     a batch → forward → logits of its queries → (loss) → backward → gradients
 *
 * A new family is a file in arch/, its line in arch/architectures.c, and its fixtures.
 */
#ifndef TRAINER_MODEL_ARCHITECTURE_H
#define TRAINER_MODEL_ARCHITECTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct batch;
struct config;
struct json;
struct layout_builder;
struct network;
struct network_plan;
struct planner;

/* What is computed, and with what: often shared by families. */
struct architecture_body {
    /* Every tensor, by layout_add: the embedding of tokens first, matrices before vectors; a head
     * that is not tied is lm_head.weight. */
    void (*list)(struct layout_builder *b, const struct config *config);
    /* Places of all activations, called twice: to count, and with memory. ERR_MEMORY. */
    enum status (*plan)(struct network *n, struct planner *p, const struct network_plan *plan,
                        struct error *err);
    /* After memory is there: what is computed once. */
    void (*prepare)(struct network *n);
    /* Logits of the batch's queries into n->logits. */
    void (*forward)(struct network *n, const struct batch *batch);
    /* From the gradient of the logits, in their place, the gradient of every parameter. */
    void (*backward)(struct network *n, const struct batch *batch);
};

struct architecture {
    const char *type;              /* model_type in config.json */
    const char *class_name;        /* "BloomForCausalLM": architectures in config.json */
    const char *dropout_fields[4]; /* of config.json; NULL ends them */
    int32_t bos, eos, pad;         /* transformers' defaults; -1: none */

    /* The fields beyond the common ones of struct config, which is filled with these. */
    enum status (*read_config)(const struct json *file, const char *where, struct config *out,
                               struct error *err);
    const struct architecture_body *body;
    const void *family; /* what the body asks about this family */
};

/* All that there are; NULL ends them. In arch/architectures.c. */
extern const struct architecture *const architectures[];

/* "a model is one of: bloom, gpt2" */
void architecture_hint(struct error *err);

#endif
