/*
 * model: a Hugging Face folder of a BLOOM: config.json, the weights, tokenizer.json.
 *
 * Weights are model.safetensors, or the shards that model.safetensors.index.json names. Tensors may
 * carry the prefix "transformer." or not; lm_head.weight is optional where the head is tied, and
 * must then equal the embedding. Tensors that no BLOOM has are passed over.
 */
#ifndef TRAINER_BLOOM_MODEL_H
#define TRAINER_BLOOM_MODEL_H

#include <stddef.h>

#include "base/error.h"

struct arena;
struct layout;
struct safetensors_writer;
struct slabs;

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
 * Reads FOLDER/config.json. No weights yet, and no companions: those are for a command that writes
 * a model, which reads them once, before its work, and depends on the folder no longer.
 */
enum status model_read(const char *folder, struct arena *arena, struct model *out,
                       struct error *err) MUST_CHECK;

enum status model_read_companions(const char *folder, struct arena *arena, struct model *model,
                                  struct error *err) MUST_CHECK;

/* Reads the weights into a slab of layout->n_floats zeroed floats; every shape is checked first. */
enum status model_read_weights(const char *folder, const struct slabs *slabs, float *slab,
                               struct error *err) MUST_CHECK;

/*
 * Puts every tensor of each slab into a safetensors file, its name behind the slab's prefix ("" for
 * a model). The slabs have been read then; what is left is safetensors_commit. Temporary memory
 * comes from the arena.
 */
enum status model_put_tensors(const char *path, const struct slabs *at, size_t n_slabs,
                              const char *const *prefixes, const float *const *slabs,
                              struct arena *arena, struct safetensors_writer **out,
                              struct error *err) MUST_CHECK;

/* Reads such a file back. Every tensor must be there. */
enum status model_read_tensors(const char *path, const struct slabs *at, size_t n_slabs,
                               const char *const *prefixes, float *const *slabs,
                               struct error *err) MUST_CHECK;

/* Writes FOLDER/config.json: the model's, but for its dtype, which is what we write: float32. */
enum status model_write_config(const struct model *model, const char *folder, struct arena *arena,
                               struct error *err) MUST_CHECK;

/* Writes the companions that there are into a folder. */
enum status model_write_companions(const struct model *model, const char *folder,
                                   struct arena *arena, struct error *err) MUST_CHECK;

#endif
