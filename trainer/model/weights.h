/*
 * weights: parameters of a backend, as safetensors files hold them.
 *
 * Weights are model.safetensors, or the shards that model.safetensors.index.json names. Tensors may
 * carry the prefix "transformer." or not; lm_head.weight is optional where the head is tied, and
 * must then equal the embedding. Tensors that the architecture does not have are passed over, but
 * for blocks beyond the config's: these are refused.
 */
#ifndef TRAINER_MODEL_WEIGHTS_H
#define TRAINER_MODEL_WEIGHTS_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/ops.h"

struct arena;
struct backend;
struct layout;
struct safetensors_writer;
struct snapshot;

/* Uploads the weights as OPS_VALUE; every shape is checked first. */
enum status weights_read(const char *folder, struct backend *be, const struct layout *layout,
                         struct error *err) MUST_CHECK;

/* Parts of parameters in a file: a tensor's name is behind its part's prefix ("" for a model). */
struct weights_parts {
    size_t n;
    const char *const *prefixes;
    const enum ops_part *parts;
};

/*
 * Puts every tensor of these parts of a snapshot into a safetensors file; NaN as 7fc00000, whatever
 * it was. The snapshot is not needed then; what is left is safetensors_commit. Temporary memory
 * comes from the arena.
 */
enum status weights_put(const char *path, const struct backend *be, const struct snapshot *snapshot,
                        const struct layout *layout, const struct weights_parts *parts,
                        struct arena *arena, struct safetensors_writer **out,
                        struct error *err) MUST_CHECK;

/* Uploads them from such a file. Every tensor must be there. */
enum status weights_take(const char *path, struct backend *be, const struct layout *layout,
                         const struct weights_parts *parts, struct error *err) MUST_CHECK;

#endif
