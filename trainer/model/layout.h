/*
 * layout: the named tensors that follow from a config.
 *
 * Names are those of transformers' state dict. A tensor's place in the list is its number, the name
 * of a parameter for a backend (kernels/ops.h). Matrices stand first (weight decay applies to
 * them), vectors behind.
 */
#ifndef TRAINER_MODEL_LAYOUT_H
#define TRAINER_MODEL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/ops.h"
#include "trainer/model/config.h"

struct arena;

struct tensor {
    const char *name;
    size_t rows, columns;   /* columns 0: a vector of `rows` */
    bool transposed;        /* files hold [columns][rows] */
    bool looked_up;         /* an embedding: see ops_parameters */
    double mean, deviation; /* of its first values: normal, or all `mean` where deviation is 0 */
};

struct layout {
    struct config config;
    struct tensor *tensors; /* by number */
    size_t n_tensors, n_matrices;
    int *by_name; /* the numbers, in the order of names */
    size_t n_elements;
    const void *numbers; /* of the architecture: which tensor is what */
};

enum status layout_make(const struct config *config, struct arena *arena, struct layout **out,
                        struct error *err) MUST_CHECK;

/* The number of the tensor of this name, with or without the prefix "transformer.", or OPS_NONE. */
int layout_find(const struct layout *layout, const char *name);

/* The shapes of all tensors, and which are looked up, for a backend. NULL: no memory. */
const struct ops_shape *layout_shapes(const struct layout *layout, struct arena *arena);
const bool *layout_looked_up(const struct layout *layout, struct arena *arena);

/* ---- for architectures ---- */

/* What is being listed. Names come from its arena. */
struct layout_builder {
    struct layout *layout;
    struct arena *arena;
    size_t capacity;
    bool failed; /* no memory, which layout_make reports */
};

/* Room for this many tensors, and zeroed memory for `numbers`. NULL: no memory. */
void *layout_reserve(struct layout_builder *b, size_t n_tensors, size_t numbers_bytes);

/* Adds a tensor, unless its name is NULL; returns its number. Matrices come before vectors. */
int layout_add(struct layout_builder *b, struct tensor t);

#endif
