/* generate: prompts, one a line → what the model generates, one a line. */
#include "trainer/model/generate.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/interrupt.h"
#include "trainer/lines.h"
#include "trainer/model/jsonl.h"
#include "trainer/model/machine.h"
#include "trainer/model/model.h"
#include "trainer/model/weights.h"
#include "trainer/tokenizer/tokenizer.h"

enum { NEW_TOKENS_MAX = 1 << 20 };

struct options {
    const char *model, *prompts;
    int64_t max_new;
    struct machine machine;
};

struct job {
    const struct options *o;
    struct tokenizer *tokenizer;
    struct model model;
    struct generate_text *texts;
    size_t n;
    struct arena *arena;
};

/* {"prompt": "text"} or {"input_ids": [...]} */
static enum status read_prompt(struct job *job, const struct json *value, const char *where,
                               struct generate_text *out, struct error *err)
{
    const struct json *prompt = json_get(value, "prompt"), *list = json_get(value, "input_ids");
    const struct batch_rules rules = batch_rules(&job->model.layout->config);
    struct example example;
    int32_t *ids;

    if (!!prompt == !!list)
        return error_set(err, ERR_INPUT, where,
                         "expected {\"prompt\": ...} or {\"input_ids\": ...}");
    if (prompt && prompt->kind != JSON_STRING)
        return error_set(err, ERR_INPUT, where, "prompt: expected a string, found %s",
                         json_kind_name(prompt));
    if (prompt) {
        TRY(tokenizer_encode(job->tokenizer, prompt->string, prompt->n, job->arena, &ids,
                             &out->n_prompt, err));
        for (size_t i = 0; i < out->n_prompt; i++)
            if ((size_t)ids[i] >= job->model.layout->config.vocab)
                return error_set(err, ERR_INPUT, where,
                                 "prompt: the tokenizer's token %d is beyond the model's %zu",
                                 (int)ids[i], job->model.layout->config.vocab);
        out->prompt = ids;
    } else {
        TRY(batch_example(
            &(struct example_lists){.ids = list, .mask = json_get(value, "attention_mask")}, &rules,
            true, where, job->arena, &example, err));
        out->prompt = example.ids;
        out->n_prompt = example.n;
    }
    if (out->n_prompt == 0)
        return error_set(err, ERR_INPUT, where, "expected at least one token");
    out->tokens = arena_array(job->arena, (size_t)job->o->max_new, sizeof *out->tokens);
    return out->tokens ? OK : error_memory(err);
}

static enum status read_prompts(struct job *job, struct error *err)
{
    struct generate_text *last;
    struct json *value = NULL;
    struct jsonl file;
    size_t capacity = 0;

    TRY(jsonl_open(job->o->prompts, job->arena, &file, err));
    for (;;) {
        TRY(jsonl_next(&file, job->arena, &value, err));
        if (!value)
            break;
        if (!(last = arena_push(job->arena, job->texts, job->n, capacity)))
            return error_memory(err);
        TRY(read_prompt(job, value, file.where, last, err));
    }
    return OK;
}

static enum status print(const struct job *job, const struct generate_text *t, struct error *err)
{
    struct text line = text_in(job->arena);
    char *string;
    size_t n;

    TRY(tokenizer_decode(job->tokenizer, t->tokens, t->n_tokens, true, job->arena, &string, &n,
                         err));
    text_add(&line, "{\"new_ids\": [");
    for (size_t i = 0; i < t->n_tokens; i++) {
        text_add(&line, i ? ", " : "");
        text_add_integer(&line, t->tokens[i]);
    }
    text_add(&line, "], \"text\": ");
    json_write_bytes(&line, string, n);
    text_add(&line, "}");
    return lines_put(&line, err);
}

static enum status run(struct job *job, struct backend *be, struct error *err)
{
    const size_t max_new = (size_t)job->o->max_new;
    struct network_plan plan = {.product = machine_product(&job->o->machine)};
    struct generator g;
    struct network network;

    TRY(model_read(job->o->model, job->arena, &job->model, err));
    TRY(read_prompts(job, err));
    TRY(generate_plan(job->texts, job->n, max_new, &job->model.layout->config, &plan, err));
    TRY(network_open(be, job->model.layout, &plan, job->arena, &network, err));
    TRY(weights_read(job->o->model, be, job->model.layout, err));
    TRY(generate_open(&network, &plan, job->arena, &g, err));
    TRY(generate_run(&g, job->texts, job->n, max_new, err));
    for (size_t i = 0; i < job->n; i++)
        TRY(print(job, &job->texts[i], err));
    return lines_flush(err);
}

enum status command_generate(int argc, char **argv, struct error *err)
{
    struct options o = {.machine = machine_default()};
    const struct flag flags[] = {
        {.name = "--model", .kind = FLAG_STRING, .out = &o.model, .required = true},
        {.name = "--prompts", .kind = FLAG_STRING, .out = &o.prompts, .required = true},
        {.name = "--max-new-tokens",
         .kind = FLAG_INTEGER,
         .out = &o.max_new,
         .low = 1,
         .high = NEW_TOKENS_MAX,
         .required = true},
        MACHINE_FLAGS(o.machine),
    };
    struct job job = {.o = &o};
    struct backend *be = NULL;
    const char *path;
    enum status s;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    interrupt_listen();
    if (!(job.arena = arena_open()))
        return error_memory(err);
    if (!(path = file_join(job.arena, o.model, "tokenizer.json")))
        s = error_memory(err);
    else if ((s = machine_open(&o.machine, &be, err)) == OK &&
             (s = tokenizer_open(path, &job.tokenizer, err)) == OK)
        s = run(&job, be, err);
    tokenizer_close(job.tokenizer);
    backend_close(be);
    arena_close(job.arena);
    return s;
}
