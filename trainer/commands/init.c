/* init: a config and a seed → a fresh model in a Hugging Face folder. */
#include "trainer/model/init.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lfs.h"
#include "trainer/model/architecture.h"
#include "trainer/model/layout.h"
#include "trainer/model/machine.h"
#include "trainer/model/model.h"
#include "trainer/model/network.h"
#include "trainer/tokenizer/tokenizer.h"
#include "trainer/tokenizer/vocabulary.h"
#include "trainer/training/checkpoint.h"

struct options {
    const char *config, *tokenizer, *out;
    int64_t seed;
};

/* What the tokenizer says about the model. */
struct special {
    size_t size;           /* 0: unknown */
    int32_t bos, eos, pad; /* -1: unknown */
};

static enum status read_tokenizer(const char *path, struct arena *arena, struct special *out,
                                  struct companion *file, struct error *err)
{
    struct tokenizer *t;
    char *bytes;

    *out = (struct special){0, -1, -1, -1};
    if (!path)
        return OK;
    TRY(lfs_read(path, VOCABULARY_FILE_MAX, arena, &bytes, &file->n, err));
    file->bytes = bytes;
    TRY(tokenizer_parse(bytes, file->n, path, &t, err));
    out->size = tokenizer_size(t);
    out->bos = tokenizer_added(t, "<s>");
    out->eos = tokenizer_end(t);
    out->pad = tokenizer_added(t, "<pad>");
    if (out->bos < 0) /* GPT-2's text begins as the one before ends */
        out->bos = out->eos;
    tokenizer_close(t);
    return OK;
}

static void add_member(struct text *t, const struct json *file, const char *name, const char *value)
{
    if (json_get(file, name))
        return;
    text_printf(t, ",\n  \"%s\": %s", name, value);
}

static void add_integer(struct text *t, const struct json *file, const char *name, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof digits, "%lld", (long long)value);
    add_member(t, file, name, digits);
}

/* What the tokenizer does not say is as in transformers. */
static void take_defaults(struct special *v, const struct architecture *a)
{
    v->bos = v->bos >= 0 ? v->bos : a->bos;
    v->eos = v->eos >= 0 ? v->eos : a->eos;
    v->pad = v->pad >= 0 ? v->pad : a->pad;
}

/* A token of the config; null where the vocabulary has none of this number. */
static void add_token(struct text *t, const struct json *file, const char *name, int32_t id,
                      size_t vocab)
{
    if (id >= 0 && (size_t)id < vocab)
        add_integer(t, file, name, id);
    else
        add_member(t, file, name, "null");
}

/* The given fields, then those that transformers expects and that are missing. */
static enum status complete_config(const struct json *file, const struct config *config,
                                   const struct special *v, struct arena *arena,
                                   struct model *model, struct error *err)
{
    struct text t = text_in(arena);
    char *bytes;

    text_printf(&t, "{\n  \"architectures\": [\"%s\"]", config->architecture->class_name);
    for (size_t i = 0; i < file->n; i++) {
        const struct json_member *m = &file->members[i];
        if (strcmp(m->name, "architectures") == 0)
            continue;
        text_add(&t, ",\n  ");
        json_write_string(&t, m->name);
        text_add(&t, ": ");
        json_write(&t, &m->value);
    }
    if (!json_get(file, "model_type"))
        text_printf(&t, ",\n  \"model_type\": \"%s\"", config->architecture->type);
    add_integer(&t, file, "vocab_size", (int64_t)config->vocab);
    add_token(&t, file, "bos_token_id", v->bos, config->vocab);
    add_token(&t, file, "eos_token_id", v->eos, config->vocab);
    add_token(&t, file, "pad_token_id", v->pad, config->vocab);
    for (const char *const *f = config->architecture->dropout_fields; *f; f++)
        add_member(&t, file, *f, "0.0"); /* transformers' default may be another */
    add_member(&t, file, "dtype", "\"float32\"");
    text_add(&t, "\n}\n");
    TRY(text_finish(&t, &bytes, &model->config_size, err));
    model->config = bytes;
    return OK;
}

static enum status read_config(const struct options *o, struct arena *arena, struct model *model,
                               struct error *err)
{
    struct special special;
    struct config config;
    struct json *file;
    char *bytes;
    size_t n;

    TRY(read_tokenizer(o->tokenizer, arena, &special, &model->companions[MODEL_TOKENIZER], err));
    TRY(lfs_read(o->config, CONFIG_FILE_MAX, arena, &bytes, &n, err));
    TRY(json_parse(bytes, n, o->config, JSON_STRICT, arena, &file, err));
    TRY(config_read(file, o->config, special.size, &config, err));
    if (config.vocab < special.size)
        return error_set(err, ERR_INPUT, o->config,
                         "vocab_size: expected at least the tokenizer's %zu, found %zu",
                         special.size, config.vocab);
    take_defaults(&special, config.architecture);
    if (!json_get(file, "eos_token_id")) {
        config.eos[0] = special.eos;
        config.n_eos = 1;
    }
    TRY(complete_config(file, &config, &special, arena, model, err));
    return layout_make(&config, arena, &model->layout, err);
}

static enum status init_with(const struct options *o, struct backend *be, struct arena *arena,
                             struct error *err)
{
    struct model model = {.config_size = 0};
    const struct network_plan plan = {.training = false};
    struct network network;

    TRY(read_config(o, arena, &model, err));
    TRY(network_open(be, model.layout, &plan, arena, &network, err));
    TRY(init_weights(be, model.layout, (uint64_t)o->seed, err));
    return checkpoint_write_model(o->out, &model, &network, err);
}

enum status command_init(int argc, char **argv, struct error *err)
{
    struct options o = {.seed = 1};
    struct machine machine = machine_default();
    const struct flag flags[] = {
        {.name = "--config", .kind = FLAG_STRING, .out = &o.config, .required = true},
        {.name = "--tokenizer", .kind = FLAG_STRING, .out = &o.tokenizer},
        {.name = "--seed", .kind = FLAG_INTEGER, .out = &o.seed, .low = 0, .high = UINT32_MAX},
        {.name = "--out", .kind = FLAG_STRING, .out = &o.out, .required = true},
    };
    struct arena *arena;
    struct backend *be = NULL;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if (!(arena = arena_open()))
        return error_memory(err);
    machine.threads = 1;
    if ((s = checkpoint_check_folder("--out", o.out, true, err)) == OK &&
        (s = machine_open(&machine, &be, err)) == OK)
        s = init_with(&o, be, arena, err);
    backend_close(be);
    arena_close(arena);
    return s;
}
