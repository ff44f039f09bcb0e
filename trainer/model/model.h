/* model: the small files of a Hugging Face folder: config.json, tokenizer.json and their like. */
#ifndef TRAINER_MODEL_MODEL_H
#define TRAINER_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct layout;

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

/* Whether the folder has a file of this name. */
bool model_has(const char *folder, const char *name);

/*
 * Reads FOLDER/config.json, and generation_config.json for the tokens that end a text. No weights
 * yet, and no companions: those are for a command that writes a model, which reads them once,
 * before its work, and depends on the folder no longer.
 */
enum status model_read(const char *folder, struct arena *arena, struct model *out,
                       struct error *err) MUST_CHECK;

enum status model_read_companions(const char *folder, struct arena *arena, struct model *model,
                                  struct error *err) MUST_CHECK;

/* Writes FOLDER/config.json: the model's, but for its dtype, which is what we write: float32. */
enum status model_write_config(const struct model *model, const char *folder, struct arena *arena,
                               struct error *err) MUST_CHECK;

/* Writes the companions that there are into a folder. */
enum status model_write_companions(const struct model *model, const char *folder,
                                   struct arena *arena, struct error *err) MUST_CHECK;

#endif
