/*
 * model: a Hugging Face folder: config.json, the weights, tokenizer.json.
 *
 * Weights are model.safetensors, or the shards that model.safetensors.index.json names. Tensors may
 * carry the prefix "transformer." or not; lm_head.weight is optional where the head is tied, and
 * must then equal the embedding. Tensors that the architecture does not have are passed over, but
 * for blocks beyond the config's: these are refused.
 */
#ifndef TRAINER_MODEL_MODEL_H
#define TRAINER_MODEL_MODEL_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/ops.h"

struct arena;
struct backend;
struct layout;
struct safetensors_writer;
struct snapshot;

enum { CONFIG_FILE_MAX = 1 << 20 };

/* A small file that goes with the weights from folder to folder. */
struct companion {
    const char *bytes; /* NULL: there is none */
    size_t n;
};

enum { MODEL_TOKENIZER, MODEL_COMPANIONS = 4 }; /* tokenizer.json is the first of them */

struct model {
    const char *config; /* the bytes of config.json */
    size_t config_size;
    struct companion companions[MODEL_COMPANIONS]; /* none before model_read_companions */
    struct layout *layout;
};

/*
 * Reads FOLDER/config.json, and generation_config.json for the tokens that end a text. No weights
 * yet, and no companions: those are for a command that writes a model, which reads them once,
 * before its work, and depends on the folder no longer.
 */
enum status model_read(const char *folder, struct arena *arena, struct model *out,
                       struct error *err) MUST_CHECK;

enum status model_read_companions(const char *folder, struct arena *arena, struct model *model,
                                  struct error *err) MUST_CHECK;

/* Uploads the weights as OPS_VALUE; every shape is checked first. */
enum status model_read_weights(const char *folder, struct backend *be, const struct layout *layout,
                               struct error *err) MUST_CHECK;

/* Parts of parameters in a file: a tensor's name is behind its part's prefix ("" for a model). */
struct model_parts {
    size_t n;
    const char *const *prefixes;
    const enum ops_part *parts;
};

/*
 * Puts every tensor of these parts of a snapshot into a safetensors file; NaN as 7fc00000, whatever
 * it was. The snapshot is not needed then; what is left is safetensors_commit. Temporary memory
 * comes from the arena.
 */
enum status model_put_tensors(const char *path, const struct backend *be,
                              const struct snapshot *snapshot, const struct layout *layout,
                              const struct model_parts *parts, struct arena *arena,
                              struct safetensors_writer **out, struct error *err) MUST_CHECK;

/* Uploads them from such a file. Every tensor must be there. */
enum status model_read_tensors(const char *path, struct backend *be, const struct layout *layout,
                               const struct model_parts *parts, struct error *err) MUST_CHECK;

/* Writes FOLDER/config.json: the model's, but for its dtype, which is what we write: float32. */
enum status model_write_config(const struct model *model, const char *folder, struct arena *arena,
                               struct error *err) MUST_CHECK;

/* Writes the companions that there are into a folder. */
enum status model_write_companions(const struct model *model, const char *folder,
                                   struct arena *arena, struct error *err) MUST_CHECK;

#endif
