/* model: the small files of a Hugging Face folder. */
#include "trainer/model/model.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/lfs.h"
#include "trainer/model/layout.h"

enum { COMPANION_MAX = 256 << 20 };

/* By place in struct model. */
static const char *const companion_names[MODEL_COMPANIONS] = {
    [MODEL_TOKENIZER] = "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
};

bool model_has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);

    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/* What to do about a folder without config.json. */
static void explain_no_config(const char *folder, struct error *err)
{
    if (model_has(folder, "adapter_config.json"))
        error_hint(err,
                   "%.120s is an adapter: merge_and_unload() of PEFT makes a whole model of it",
                   folder);
    else
        error_hint(err, "a model is a Hugging Face folder: config.json, model.safetensors and, for "
                        "texts, tokenizer.json");
}

/* Where there is a generation_config.json, it says which tokens end a text, as in transformers. */
static enum status read_generation(const char *folder, struct arena *arena, struct config *config,
                                   struct error *err)
{
    const char *path = file_join(arena, folder, "generation_config.json");
    struct json *tree;
    enum status s;
    char *bytes;
    size_t n;

    if (!path)
        return error_memory(err);
    s = lfs_read(path, CONFIG_FILE_MAX, arena, &bytes, &n, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    TRY(json_parse(bytes, n, path, JSON_NONFINITE, arena, &tree, err));
    config->n_eos = 0;
    return json_get(tree, "eos_token_id") ? config_eos(tree, path, -1, config, err) : OK;
}

enum status model_read(const char *folder, struct arena *arena, struct model *out,
                       struct error *err)
{
    const char *path = file_join(arena, folder, "config.json");
    struct config config;
    struct json *tree;
    enum status s;
    char *bytes;

    *out = (struct model){.config_size = 0};
    if (!path)
        return error_memory(err);
    s = lfs_read(path, CONFIG_FILE_MAX, arena, &bytes, &out->config_size, err);
    if (s == ERR_NOT_FOUND)
        explain_no_config(folder, err);
    TRY(s);
    out->config = bytes;
    TRY(json_parse(bytes, out->config_size, path, JSON_NONFINITE, arena, &tree, err));
    TRY(config_read(tree, path, 0, &config, err));
    TRY(read_generation(folder, arena, &config, err));
    return layout_make(&config, arena, &out->layout, err);
}

enum status model_read_companions(const char *folder, struct arena *arena, struct model *model,
                                  struct error *err)
{
    for (size_t i = 0; i < MODEL_COMPANIONS; i++) {
        struct companion *c = &model->companions[i];
        const char *path = file_join(arena, folder, companion_names[i]);
        char *bytes = NULL;
        enum status s;
        if (!path)
            return error_memory(err);
        s = lfs_read(path, COMPANION_MAX, arena, &bytes, &c->n, err);
        if (s != OK && s != ERR_NOT_FOUND)
            return s;
        c->bytes = bytes;
    }
    return OK;
}

/* The config with "float32" under each name of the dtype. */
static void with_float32(const struct json *tree, struct text *t)
{
    text_add(t, "{");
    for (size_t i = 0; i < tree->n; i++) {
        const struct json_member *m = &tree->members[i];
        text_add(t, i ? ",\n  " : "\n  ");
        json_write_string(t, m->name);
        text_add(t, ": ");
        if (strcmp(m->name, "dtype") == 0 || strcmp(m->name, "torch_dtype") == 0)
            text_add(t, "\"float32\"");
        else
            json_write(t, &m->value);
    }
    text_add(t, "\n}\n");
}

static bool is_float32(const struct json *value)
{
    return !value || (value->kind == JSON_STRING && strcmp(value->string, "float32") == 0);
}

enum status model_write_config(const struct model *model, const char *folder, struct arena *arena,
                               struct error *err)
{
    const char *path = file_join(arena, folder, "config.json");
    struct text t = text_in(arena);
    struct json *tree;
    char *bytes;
    size_t n;

    if (!path)
        return error_memory(err);
    TRY(json_parse(model->config, model->config_size, path, JSON_NONFINITE, arena, &tree, err));
    if (is_float32(json_get(tree, "dtype")) && is_float32(json_get(tree, "torch_dtype")))
        return file_write(path, model->config, model->config_size, err);
    with_float32(tree, &t);
    TRY(text_finish(&t, &bytes, &n, err));
    return file_write(path, bytes, n, err);
}

enum status model_write_companions(const struct model *model, const char *folder,
                                   struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < MODEL_COMPANIONS; i++) {
        const struct companion *c = &model->companions[i];
        const char *path = file_join(arena, folder, companion_names[i]);
        if (!path)
            return error_memory(err);
        if (c->bytes)
            TRY(file_write(path, c->bytes, c->n, err));
    }
    return OK;
}
