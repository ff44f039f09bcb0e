/*
 * weights: tensors of files to parameters of a backend, and back. Start at weights_read and
 * weights_put.
 */
#include "trainer/model/weights.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "trainer/lfs.h"
#include "trainer/model/layout.h"
#include "trainer/model/model.h"
#include "trainer/model/safetensors.h"

enum { SHARDS_MAX = 512, INDEX_MAX = 64 << 20, ROWS = 1024 };
enum { SHAPE_TEXT = 24 * SAFETENSORS_RANK_MAX }; /* a shape as text */

struct shards {
    struct safetensors *files[SHARDS_MAX];
    size_t n;
};

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
        if (!model_has(folder, others[i]))
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

static const char *bare_name(const char *name)
{
    return strncmp(name, "transformer.", 12) == 0 ? name + 12 : name;
}

static const struct safetensor *find(const struct shards *shards, const char *name)
{
    const char *bare = bare_name(name);

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

/* The shape of a tensor in files; returns its rank. */
static size_t file_shape(const struct tensor *t, size_t shape[2])
{
    shape[0] = t->transposed ? t->columns : t->rows;
    shape[1] = t->transposed ? t->rows : t->columns;
    return t->columns ? 2 : 1;
}

static enum status check_shape(const char *folder, const struct tensor *want,
                               const struct safetensor *found, struct error *err)
{
    char asked[SHAPE_TEXT], has_shape[SHAPE_TEXT];
    size_t shape[2];
    const size_t rank = file_shape(want, shape);

    if (!found)
        return error_set(err, ERR_INPUT, folder,
                         "the weights lack the tensor %s, which config.json asks for", want->name);
    if (strcmp(found->dtype, "F32") != 0 && strcmp(found->dtype, "F16") != 0 &&
        strcmp(found->dtype, "BF16") != 0)
        return error_set(err, ERR_INPUT, folder, "%s: expected F32, F16 or BF16, found %s",
                         want->name, found->dtype);
    if (found->rank == rank && memcmp(found->shape, shape, rank * sizeof *shape) == 0)
        return OK;
    show_shape(asked, rank, shape);
    show_shape(has_shape, found->rank, found->shape);
    return error_set(err, ERR_INPUT, folder,
                     "%s: config.json asks for shape %s, the weights have %s", want->name, asked,
                     has_shape);
}

/* The elements of a tensor that pass at a time: ROWS rows, or all where files transpose it. */
static size_t piece_floats(const struct tensor *t)
{
    const size_t k = t->columns ? t->columns : 1;

    return (t->transposed || t->rows < ROWS ? t->rows : ROWS) * k;
}

/* Two buffers for the largest piece of any tensor. */
static float *two_pieces(const struct layout *layout, struct arena *arena)
{
    size_t most = 1;

    for (size_t i = 0; i < layout->n_tensors; i++)
        if (piece_floats(&layout->tensors[i]) > most)
            most = piece_floats(&layout->tensors[i]);
    return arena_array(arena, 2 * most, sizeof(float));
}

/* out [n][m] = in [m][n] */
static void turn(const float *in, size_t m, size_t n, float *out)
{
    enum { TILE = 32 };

    for (size_t i = 0; i < m; i += TILE)
        for (size_t j = 0; j < n; j += TILE)
            for (size_t r = i; r < m && r < i + TILE; r++)
                for (size_t c = j; c < n && c < j + TILE; c++)
                    out[c * m + r] = in[r * n + c];
}

/* ---- reading ---- */

struct reader {
    struct backend *be;
    const struct layout *layout;
    struct arena *arena;
    float *buffer; /* two pieces */
};

static enum status open_reader(struct backend *be, const struct layout *layout, struct reader *r,
                               struct error *err)
{
    *r = (struct reader){.be = be, .layout = layout, .arena = arena_open()};
    if (r->arena)
        r->buffer = two_pieces(layout, r->arena);
    return r->buffer ? OK : error_memory(err);
}

/* A file's tensor becomes a part of the parameter of this number. */
static enum status take_tensor(const struct reader *r, int number, const struct safetensor *from,
                               enum ops_part part, struct error *err)
{
    const struct tensor *t = &r->layout->tensors[number];
    const size_t k = t->columns ? t->columns : 1, at_once = piece_floats(t) / k;
    float *turned = r->buffer + at_once * k;

    for (size_t i = 0; i < t->rows; i += at_once) {
        const size_t n = t->rows - i < at_once ? t->rows - i : at_once;
        const float *rows;
        TRY(safetensors_floats(from, i * k, n * k, r->buffer, &rows, err));
        if (t->transposed) {
            turn(rows, k, n, turned);
            rows = turned;
        }
        r->be->ops->upload(r->be, part, number, i, n, rows);
    }
    return OK;
}

/* The file's head, where it is there and tied, must be the embedding. */
static enum status check_head(const char *folder, const struct reader *r,
                              const struct shards *shards, struct error *err)
{
    const struct safetensor *head = find(shards, "lm_head.weight");
    const struct tensor *t = &r->layout->tensors[0]; /* the embedding is the first of all */
    const struct safetensor *embedding = find(shards, t->name);
    struct tensor tied = *t;
    const size_t k = t->columns, at_once = piece_floats(t) / k;

    if (!r->layout->config.tied || !head)
        return OK;
    tied.name = "lm_head.weight";
    TRY(check_shape(folder, &tied, head, err));
    for (size_t i = 0; i < t->rows; i += at_once) {
        const size_t n = (t->rows - i < at_once ? t->rows - i : at_once) * k;
        const float *a, *b;
        TRY(safetensors_floats(embedding, i * k, n, r->buffer, &a, err));
        TRY(safetensors_floats(head, i * k, n, r->buffer + at_once * k, &b, err));
        if (memcmp(a, b, n * sizeof *a) != 0) {
            (void)error_set(err, ERR_INPUT, "lm_head.weight",
                            "differs from the embedding, yet config.json ties the two");
            error_hint(err, "\"tie_word_embeddings\": false in config.json keeps both");
            return ERR_INPUT;
        }
    }
    return OK;
}

/* The number behind "h."; 0 for a tensor of no block. */
static size_t block_of(const char *name)
{
    size_t block = 0;

    if (strncmp(name, "h.", 2) != 0)
        return 0;
    for (const char *digit = name + 2; *digit >= '0' && *digit <= '9'; digit++)
        block = block < CONFIG_LAYERS_MAX ? 10 * block + (size_t)(*digit - '0') : block;
    return block;
}

/* Blocks that the config does not count are no spare tensors: it is another model's. */
static enum status check_blocks(const char *folder, const struct reader *r,
                                const struct shards *shards, struct error *err)
{
    const size_t layers = r->layout->config.layers;

    for (size_t i = 0; i < shards->n; i++)
        for (size_t j = 0; j < safetensors_count(shards->files[i]); j++) {
            const char *name = safetensors_at(shards->files[i], j)->name;
            if (block_of(bare_name(name)) >= layers)
                return error_set(err, ERR_INPUT, folder,
                                 "the weights have %.200s, config.json has %zu layers", name,
                                 layers);
        }
    return OK;
}

static enum status read_all(const char *folder, const struct reader *r, const struct shards *shards,
                            struct error *err)
{
    const struct layout *layout = r->layout;

    TRY(check_blocks(folder, r, shards, err));

    for (size_t i = 0; i < layout->n_tensors; i++)
        TRY(check_shape(folder, &layout->tensors[i], find(shards, layout->tensors[i].name), err));
    TRY(check_head(folder, r, shards, err));
    for (size_t i = 0; i < layout->n_tensors; i++)
        TRY(take_tensor(r, (int)i, find(shards, layout->tensors[i].name), OPS_VALUE, err));
    return r->be->ops->sync(r->be, err);
}

enum status weights_read(const char *folder, struct backend *be, const struct layout *layout,
                         struct error *err)
{
    struct shards shards = {.n = 0};
    struct reader r;
    enum status s = open_reader(be, layout, &r, err);

    if (s == OK)
        s = open_shards(folder, r.arena, &shards, err);
    if (s == OK)
        s = read_all(folder, &r, &shards, err);
    for (size_t i = 0; i < shards.n; i++)
        safetensors_close(shards.files[i]);
    arena_close(r.arena);
    return s;
}

static enum status read_part(const struct reader *r, const struct safetensors *file,
                             const char *path, const char *prefix, enum ops_part part,
                             struct error *err)
{
    for (size_t i = 0; i < r->layout->n_tensors; i++) {
        const struct tensor *t = &r->layout->tensors[i];
        const struct safetensor *found;
        char name[256];
        (void)snprintf(name, sizeof name, "%s%s", prefix, t->name);
        found = safetensors_find(file, name);
        if (!found)
            return error_set(err, ERR_INPUT, path, "lacks the tensor %s", name);
        TRY(check_shape(path, t, found, err));
        TRY(take_tensor(r, (int)i, found, part, err));
    }
    return r->be->ops->sync(r->be, err);
}

enum status weights_take(const char *path, struct backend *be, const struct layout *layout,
                         const struct weights_parts *parts, struct error *err)
{
    struct safetensors *file = NULL;
    struct reader r;
    enum status s = open_reader(be, layout, &r, err);

    if (s == OK)
        s = safetensors_open(path, &file, err);
    for (size_t i = 0; i < parts->n && s == OK; i++)
        s = read_part(&r, file, path, parts->prefixes[i], parts->parts[i], err);
    safetensors_close(file);
    arena_close(r.arena);
    return s;
}

/* ---- writing ---- */

/* What a file's tensor is written from. */
struct source {
    int number;
    enum ops_part part;
};

/* Processors and devices make different NaNs; a file's bytes must not depend on that. */
static void make_nans_one(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != x[i])
            x[i] = NAN;
}

static enum status put_tensor(struct safetensors_writer *w, const struct backend *be,
                              const struct snapshot *snapshot, const struct tensor *t,
                              const struct source *from, float *buffer, struct error *err)
{
    const size_t k = t->columns ? t->columns : 1, at_once = piece_floats(t) / k;
    float *turned = buffer + at_once * k;

    for (size_t i = 0; i < t->rows; i += at_once) {
        const size_t n = t->rows - i < at_once ? t->rows - i : at_once;
        TRY(be->ops->download(snapshot, from->part, from->number, i, n, buffer, err));
        make_nans_one(buffer, n * k);
        if (t->transposed)
            turn(buffer, n, k, turned);
        safetensors_put(w, t->transposed ? turned : buffer, n * k);
    }
    return OK;
}

enum status weights_put(const char *path, const struct backend *be, const struct snapshot *snapshot,
                        const struct layout *layout, const struct weights_parts *parts,
                        struct arena *arena, struct safetensors_writer **out, struct error *err)
{
    const size_t n = parts->n * layout->n_tensors;
    struct safetensors_entry *entries = arena_array(arena, n, sizeof *entries);
    struct source *sources = arena_array(arena, n, sizeof *sources);
    float *buffer = two_pieces(layout, arena);

    if (!entries || !sources || !buffer)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        const size_t number = i % layout->n_tensors, part = i / layout->n_tensors;
        const struct tensor *t = &layout->tensors[number];
        sources[i] = (struct source){(int)number, parts->parts[part]};
        entries[i] = (struct safetensors_entry){
            .name = arena_printf(arena, "%s%s", parts->prefixes[part], t->name),
            .tag = &sources[i]};
        entries[i].rank = file_shape(t, entries[i].shape);
        if (!entries[i].name)
            return error_memory(err);
    }
    TRY(safetensors_begin(path, entries, n, out, err));
    for (size_t i = 0; i < n; i++) {
        const struct source *from = entries[i].tag;
        TRY(put_tensor(*out, be, snapshot, &layout->tensors[from->number], from, buffer, err));
    }
    return OK;
}
