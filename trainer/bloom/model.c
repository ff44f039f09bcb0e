/* model: the files of a Hugging Face folder; reading weights into a slab and writing them. */
#include "trainer/bloom/model.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/bloom/layout.h"
#include "trainer/bloom/safetensors.h"
#include "trainer/lfs.h"

enum { SHARDS_MAX = 512, INDEX_MAX = 64 << 20, COMPANION_MAX = 256 << 20, ROWS = 1024 };
enum { SHAPE_TEXT = 24 * SAFETENSORS_RANK_MAX }; /* a shape as text */

struct shards {
    struct safetensors *files[SHARDS_MAX];
    size_t n;
};

/* By place in struct model. */
static const char *const companion_names[MODEL_COMPANIONS] = {
    [MODEL_TOKENIZER] = "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
};

static bool has(const char *folder, const char *name)
{
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);

    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/* What to do about a folder without config.json. */
static void explain_no_config(const char *folder, struct error *err)
{
    if (has(folder, "adapter_config.json"))
        error_hint(err,
                   "%.120s is an adapter: merge_and_unload() of PEFT makes a whole model of it",
                   folder);
    else
        error_hint(err, "a model is a Hugging Face folder: config.json, model.safetensors and, for "
                        "texts, tokenizer.json");
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

static int by_string(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Opens every file that the index names, once each. */
static enum status open_index(const char *folder, const char *path, struct arena *arena,
                              struct shards *shards, struct error *err)
{
    const struct json *map;
    struct json *tree;
    const char **names;
    enum status s;
    char *bytes;
    size_t n;

    TRY(lfs_read(path, INDEX_MAX, arena, &bytes, &n, err));
    TRY(json_parse(bytes, n, path, JSON_STRICT, arena, &tree, err));
    TRY(json_want_object(tree, path, "weight_map", &map, err));
    if (!(names = arena_array(arena, map->n, sizeof *names)))
        return error_memory(err);
    for (size_t i = 0; i < map->n; i++) {
        const struct json *value = &map->members[i].value;
        if (value->kind != JSON_STRING || strlen(value->string) != value->n ||
            !file_is_inner_path(value->string) || strchr(value->string, '/'))
            return error_set(err, ERR_INPUT, path,
                             "weight_map: %.100s: expected the name of a file in this folder",
                             map->members[i].name);
        names[i] = value->string;
    }
    qsort(names, map->n, sizeof *names, by_string);
    for (size_t i = 0; i < map->n; i++) {
        const char *file = file_join(arena, folder, names[i]);
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
            continue;
        if (!file)
            return error_memory(err);
        if (shards->n == SHARDS_MAX)
            return error_set(err, ERR_INPUT, path, "weight_map: expected at most %d files",
                             SHARDS_MAX);
        s = safetensors_open(file, &shards->files[shards->n], err);
        if (s == ERR_NOT_FOUND)
            return error_set(err, ERR_INPUT, path, "weight_map: names %.200s, which is not here",
                             names[i]);
        TRY(s);
        shards->n++;
    }
    return OK;
}

/* A folder without safetensors: says what it has in their place. */
static enum status explain_no_weights(const char *folder, struct error *err)
{
    static const char *const others[] = {"pytorch_model.bin", "pytorch_model.bin.index.json",
                                         "flax_model.msgpack", "tf_model.h5",
                                         "adapter_model.safetensors"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!has(folder, others[i]))
            continue;
        (void)error_set(err, ERR_NOT_FOUND, folder,
                        "expected model.safetensors, found %s, which is not read", others[i]);
        error_hint(err, "transformers writes it: AutoModelForCausalLM.from_pretrained(FOLDER)"
                        ".save_pretrained(FOLDER)");
        return ERR_NOT_FOUND;
    }
    return error_set(
        err, ERR_NOT_FOUND, folder,
        "cannot open model.safetensors or model.safetensors.index.json: there is none");
}

static enum status open_shards(const char *folder, struct arena *arena, struct shards *shards,
                               struct error *err)
{
    const char *single = file_join(arena, folder, "model.safetensors");
    const char *index = file_join(arena, folder, "model.safetensors.index.json");
    enum status s;

    if (!single || !index)
        return error_memory(err);
    s = safetensors_open(single, &shards->files[0], err);
    if (s == OK)
        shards->n = 1;
    if (s == ERR_NOT_FOUND)
        s = open_index(folder, index, arena, shards, err);
    return s == ERR_NOT_FOUND ? explain_no_weights(folder, err) : s;
}

static const struct safetensor *find(const struct shards *shards, const char *name)
{
    const char *bare = strncmp(name, "transformer.", 12) == 0 ? name + 12 : name;

    for (size_t i = 0; i < shards->n; i++) {
        const struct safetensor *t = safetensors_find(shards->files[i], name);
        if (!t)
            t = safetensors_find(shards->files[i], bare);
        if (t)
            return t;
    }
    return NULL;
}

/* "[70, 48]" */
static void show_shape(char out[SHAPE_TEXT], size_t rank, const size_t *shape)
{
    size_t n = (size_t)snprintf(out, SHAPE_TEXT, "[");

    for (size_t i = 0; i < rank; i++)
        n += (size_t)snprintf(out + n, SHAPE_TEXT - n, "%s%zu", i > 0 ? ", " : "", shape[i]);
    (void)snprintf(out + n, SHAPE_TEXT - n, "]");
}

static enum status check_shape(const char *folder, const struct tensor *want,
                               const struct safetensor *found, struct error *err)
{
    char asked[SHAPE_TEXT], has_shape[SHAPE_TEXT];

    if (!found)
        return error_set(err, ERR_INPUT, folder,
                         "the weights lack the tensor %s, which config.json asks for", want->name);
    if (strcmp(found->dtype, "F32") != 0 && strcmp(found->dtype, "F16") != 0 &&
        strcmp(found->dtype, "BF16") != 0)
        return error_set(err, ERR_INPUT, folder, "%s: expected F32, F16 or BF16, found %s",
                         want->name, found->dtype);
    if (found->rank == (want->columns ? 2 : 1) && found->shape[0] == want->rows &&
        (!want->columns || found->shape[1] == want->columns))
        return OK;
    show_shape(asked, want->columns ? 2 : 1, (const size_t[]){want->rows, want->columns});
    show_shape(has_shape, found->rank, found->shape);
    return error_set(err, ERR_INPUT, folder,
                     "%s: config.json asks for shape %s, the weights have %s", want->name, asked,
                     has_shape);
}

/* A layout's slabs, and a buffer for ROWS rows of its widest tensor, twice. */
struct reader {
    const struct slabs *slabs;
    struct arena *arena;
    float *buffer;
};

static size_t widest(const struct layout *layout)
{
    size_t columns = 1;

    for (size_t i = 0; i < layout->n_tensors; i++)
        if (layout->tensors[i].columns > columns)
            columns = layout->tensors[i].columns;
    return columns;
}

static enum status open_reader(const struct slabs *slabs, struct reader *r, struct error *err)
{
    *r = (struct reader){.slabs = slabs, .arena = arena_open()};
    if (r->arena)
        r->buffer =
            arena_array(r->arena, (size_t)2 * ROWS * widest(slabs->layout), sizeof *r->buffer);
    return r->buffer ? OK : error_memory(err);
}

/* Rows of a tensor into the slab; or, with compare, against it. */
static enum status pass_rows(const struct reader *r, const struct tensor *t,
                             const struct safetensor *from, float *slab, bool compare,
                             struct error *err)
{
    const size_t k = t->columns ? t->columns : 1;

    for (size_t i = 0; i < t->rows; i += ROWS) {
        const size_t n = t->rows - i < ROWS ? t->rows - i : ROWS;
        const float *rows;
        TRY(safetensors_floats(from, i * k, n * k, r->buffer, &rows, err));
        if (!compare) {
            layout_put_rows(r->slabs, t, slab, i, n, rows);
            continue;
        }
        layout_get_rows(r->slabs, t, slab, i, n, r->buffer + n * k);
        if (memcmp(rows, r->buffer + n * k, n * k * sizeof *rows) != 0) {
            (void)error_set(err, ERR_INPUT, "lm_head.weight",
                            "differs from the embedding, yet config.json ties the two");
            error_hint(err, "\"tie_word_embeddings\": false in config.json keeps both");
            return ERR_INPUT;
        }
    }
    return OK;
}

static enum status read_all(const char *folder, const struct reader *r, const struct shards *shards,
                            float *slab, struct error *err)
{
    const struct layout *layout = r->slabs->layout;
    const struct safetensor *head = find(shards, "lm_head.weight");
    const struct tensor *embedding = layout_find(layout, "transformer.word_embeddings.weight");
    struct tensor tied;

    for (size_t i = 0; i < layout->n_tensors; i++)
        TRY(check_shape(folder, &layout->tensors[i], find(shards, layout->tensors[i].name), err));
    for (size_t i = 0; i < layout->n_tensors; i++)
        TRY(pass_rows(r, &layout->tensors[i], find(shards, layout->tensors[i].name), slab, false,
                      err));
    if (!layout->config.tied || !head)
        return OK;
    tied = *embedding;
    tied.name = "lm_head.weight";
    TRY(check_shape(folder, &tied, head, err));
    return pass_rows(r, &tied, head, slab, true, err);
}

enum status model_read_weights(const char *folder, const struct slabs *slabs, float *slab,
                               struct error *err)
{
    struct shards shards = {.n = 0};
    struct reader r;
    enum status s = open_reader(slabs, &r, err);

    if (s == OK)
        s = open_shards(folder, r.arena, &shards, err);
    if (s == OK)
        s = read_all(folder, &r, &shards, slab, err);
    for (size_t i = 0; i < shards.n; i++)
        safetensors_close(shards.files[i]);
    arena_close(r.arena);
    return s;
}

/* A tensor and the slab it is written from. */
struct source {
    const struct tensor *tensor;
    const float *slab;
};

enum status model_put_tensors(const char *path, const struct slabs *at, size_t n_slabs,
                              const char *const *prefixes, const float *const *slabs,
                              struct arena *arena, struct safetensors_writer **out,
                              struct error *err)
{
    const struct layout *layout = at->layout;
    const size_t n = n_slabs * layout->n_tensors;
    struct safetensors_entry *entries = arena_array(arena, n, sizeof *entries);
    struct source *sources = arena_array(arena, n, sizeof *sources);
    float *rows;

    if (!entries || !sources)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        const struct tensor *t = &layout->tensors[i % layout->n_tensors];
        sources[i] = (struct source){t, slabs[i / layout->n_tensors]};
        entries[i] = (struct safetensors_entry){
            arena_printf(arena, "%s%s", prefixes[i / layout->n_tensors], t->name),
            t->columns ? 2 : 1,
            {t->rows, t->columns},
            &sources[i]};
        if (!entries[i].name)
            return error_memory(err);
    }
    if (!(rows = arena_array(arena, ROWS * widest(layout), sizeof *rows)))
        return error_memory(err);
    TRY(safetensors_begin(path, entries, n, out, err));
    for (size_t i = 0; i < n; i++) {
        const struct source *source = entries[i].tag;
        const struct tensor *t = source->tensor;
        for (size_t row = 0; row < t->rows; row += ROWS) {
            const size_t count = t->rows - row < ROWS ? t->rows - row : ROWS;
            layout_get_rows(at, t, source->slab, row, count, rows);
            safetensors_put(*out, rows, count * (t->columns ? t->columns : 1));
        }
    }
    return OK;
}

static enum status read_slab(const struct reader *r, const struct safetensors *file,
                             const char *path, const char *prefix, float *slab, struct error *err)
{
    const struct layout *layout = r->slabs->layout;

    for (size_t i = 0; i < layout->n_tensors; i++) {
        const struct tensor *t = &layout->tensors[i];
        const struct safetensor *found;
        char name[256];
        (void)snprintf(name, sizeof name, "%s%s", prefix, t->name);
        found = safetensors_find(file, name);
        if (!found)
            return error_set(err, ERR_INPUT, path, "lacks the tensor %s", name);
        TRY(check_shape(path, t, found, err));
        TRY(pass_rows(r, t, found, slab, false, err));
    }
    return OK;
}

enum status model_read_tensors(const char *path, const struct slabs *at, size_t n_slabs,
                               const char *const *prefixes, float *const *slabs, struct error *err)
{
    struct safetensors *file = NULL;
    struct reader r;
    enum status s = open_reader(at, &r, err);

    if (s == OK)
        s = safetensors_open(path, &file, err);
    for (size_t i = 0; i < n_slabs && s == OK; i++)
        s = read_slab(&r, file, path, prefixes[i], slabs[i], err);
    safetensors_close(file);
    arena_close(r.arena);
    return s;
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
