/*
 * evaluate: a model's loss on the validation part of a data folder, and exact match and F1 of the
 * answers it generates. Start at measure.
 */
#include "trainer/model/evaluate.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/interrupt.h"
#include "trainer/lines.h"
#include "trainer/model/generate.h"
#include "trainer/model/jsonl.h"
#include "trainer/model/machine.h"
#include "trainer/model/model.h"
#include "trainer/model/team.h"
#include "trainer/model/weights.h"
#include "trainer/squad/score.h"
#include "trainer/tokenizer/tokenizer.h"
#include "trainer/training/preset.h"

enum { NEW_TOKENS_MAX = 1 << 20, NEW_TOKENS = 32 };

struct options {
    const char *model, *data, *out, *predictions;
    int64_t batch_size, max_new;
    enum preset preset;
    struct switches switches;
    struct machine machine;
};

struct question {
    const char *id;
    struct score_text *answers;
    size_t n_answers;
};

struct job {
    const struct options *o;
    struct arena *arena;
    struct tokenizer *tokenizer; /* NULL where there are no questions */
    int32_t padding;
    struct model model;
    struct dataset data;
    struct question *questions;
    struct generate_text *texts; /* of the questions */
    size_t n;
    double loss, exact_match, f1; /* of all questions, in percent */
};

static enum status read_answers(const struct json *value, const char *where, struct arena *arena,
                                struct question *out, struct error *err)
{
    const struct json *list;

    TRY(json_want_string(value, where, "id", &out->id, err));
    TRY(json_want_array(value, where, "answers", &list, err));
    if (list->n == 0)
        return error_set(err, ERR_INPUT, where, "answers: expected at least one, found none");
    if (!(out->answers = arena_array(arena, list->n, sizeof *out->answers)))
        return error_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind != JSON_STRING)
            return error_set(err, ERR_INPUT, where, "answers[%zu]: expected a string, found %s", i,
                             json_kind_name(&list->items[i]));
        out->answers[i] = (struct score_text){list->items[i].string, list->items[i].n};
    }
    out->n_answers = list->n;
    return OK;
}

static enum status read_question(struct job *job, const struct json *value, const char *where,
                                 struct question *question, struct generate_text *text,
                                 struct error *err)
{
    const struct batch_rules rules = batch_rules(&job->model.layout->config);
    struct example example;

    TRY(read_answers(value, where, job->arena, question, err));
    if (!json_get(value, "prompt_ids"))
        return error_set(err, ERR_INPUT, where, "prompt_ids: expected a list, found nothing");
    TRY(batch_example(&(struct example_lists){.ids = json_get(value, "prompt_ids")}, &rules, true,
                      where, job->arena, &example, err));
    if (example.n == 0)
        return error_set(err, ERR_INPUT, where, "prompt_ids: expected at least one token");
    text->prompt = example.ids;
    text->n_prompt = example.n;
    if (example.n < (size_t)job->o->switches.pad_prompts)
        text->padding = &job->padding;
    text->tokens = arena_array(job->arena, (size_t)job->o->max_new, sizeof *text->tokens);
    return text->tokens ? OK : error_memory(err);
}

/* validation.questions.jsonl of a data folder; a bare file of examples has none. */
static enum status read_questions(struct job *job, struct error *err)
{
    const char *path = file_join(job->arena, job->o->data, "validation.questions.jsonl");
    struct json *value = NULL;
    struct jsonl file;
    size_t texts_room = 0, questions_room = 0, n_questions = 0;
    struct generate_text *text;
    struct question *question;
    enum status s;

    if (!path)
        return error_memory(err);
    if (!file_is_folder(job->o->data))
        return OK;
    s = jsonl_open(path, job->arena, &file, err);
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    for (;;) {
        TRY(jsonl_next(&file, job->arena, &value, err));
        if (!value)
            return OK;
        text = arena_push(job->arena, job->texts, job->n, texts_room);
        question = arena_push(job->arena, job->questions, n_questions, questions_room);
        if (!text || !question)
            return error_memory(err);
        TRY(read_question(job, value, file.where, question, text, err));
    }
}

static enum status read_tokenizer(struct job *job, struct error *err)
{
    const char *path = file_join(job->arena, job->o->model, "tokenizer.json");

    if (!path)
        return error_memory(err);
    TRY(tokenizer_open(path, &job->tokenizer, err));
    job->padding = tokenizer_padding(job->tokenizer);
    if (job->o->switches.pad_prompts == 0 ||
        (job->padding >= 0 && (size_t)job->padding < job->model.layout->config.vocab))
        return OK;
    return error_set(err, ERR_INPUT, path,
                     "prompts are padded with <pad> or <|endoftext|>, and neither is a token here");
}

/* Scores one generated text, and adds its line to the predictions. */
static enum status judge(struct job *job, size_t i, struct text *predictions, struct error *err)
{
    const struct question *q = &job->questions[i];
    const struct generate_text *t = &job->texts[i];
    struct score_text said;
    double exact_match, f1;
    char *bytes;

    TRY(tokenizer_decode(job->tokenizer, t->tokens, t->n_tokens, true, job->arena, &bytes, &said.n,
                         err));
    said.bytes = bytes;
    TRY(score_exact_match(said, q->answers, q->n_answers, &exact_match, err));
    if (job->o->switches.f1 == F1_SET)
        TRY(score_f1_set(said, q->answers[0], &f1, err));
    else
        TRY(score_f1(said, q->answers, q->n_answers, &f1, err));
    job->exact_match += 100 * exact_match;
    job->f1 += 100 * f1;
    text_add(predictions, "{\"id\": ");
    json_write_string(predictions, q->id);
    text_add(predictions, ", \"prediction\": ");
    json_write_bytes(predictions, said.bytes, said.n);
    text_add(predictions, ", \"exact_match\": ");
    json_write_number(predictions, exact_match);
    text_add(predictions, ", \"f1\": ");
    json_write_number(predictions, f1);
    text_add(predictions, "}\n");
    return OK;
}

static enum status answer(struct job *job, struct network *network, const struct network_plan *plan,
                          struct error *err)
{
    struct text predictions = text_in(job->arena);
    struct generator g;
    char *bytes;
    size_t n;

    TRY(generate_open(network, plan, job->arena, &g, err));
    TRY(generate_run(&g, job->texts, job->n, (size_t)job->o->max_new, err));
    for (size_t i = 0; i < job->n; i++)
        TRY(judge(job, i, &predictions, err));
    job->exact_match /= (double)job->n;
    job->f1 /= (double)job->n;
    if (!job->o->predictions)
        return OK;
    TRY(text_finish(&predictions, &bytes, &n, err));
    return file_write(job->o->predictions, bytes, n, err);
}

/* {"eval_loss", "exact_match", "f1", "n"} to the out file and to standard output. */
static enum status report(const struct job *job, struct error *err)
{
    struct text line = text_in(job->arena);
    char *bytes;
    size_t n;

    text_add(&line, "{\"eval_loss\": ");
    json_write_number(&line, job->loss);
    if (job->n > 0) {
        text_add(&line, ", \"exact_match\": ");
        json_write_number(&line, job->exact_match);
        text_add(&line, ", \"f1\": ");
        json_write_number(&line, job->f1);
    }
    text_printf(&line, ", \"n\": %zu}", job->n > 0 ? job->n : job->data.n);
    TRY(lines_report(&line, err));
    text_add(&line, "\n");
    TRY(text_finish(&line, &bytes, &n, err));
    return job->o->out ? file_write(job->o->out, bytes, n, err) : OK;
}

static enum status measure(struct job *job, struct backend *be, struct error *err)
{
    const size_t batch_size = (size_t)job->o->batch_size;
    struct network_plan plan = {.product = machine_product(&job->o->machine)};
    const struct team alone = team_alone();
    struct network network;
    struct batch_rules rules;
    struct batch batch;

    TRY(model_read(job->o->model, job->arena, &job->model, err));
    rules = batch_rules(&job->model.layout->config);
    TRY(batch_read(job->o->data, "validation.jsonl", &rules, job->arena, &job->data, err));
    TRY(read_questions(job, err));
    if (job->n > 0) {
        TRY(read_tokenizer(job, err));
        TRY(generate_plan(job->texts, job->n, (size_t)job->o->max_new, &job->model.layout->config,
                          &plan, err));
    }
    TRY(batch_measure(&job->data, batch_size, &plan.limits, err));
    TRY(batch_open(&plan.limits, job->arena, &batch, err));
    TRY(network_open(be, job->model.layout, &plan, job->arena, &network, err));
    TRY(weights_read(job->o->model, be, job->model.layout, err));
    TRY(evaluate_loss(&network, &alone, &job->data, batch_size, &batch, job->arena, &job->loss,
                      err));
    if (job->n > 0)
        TRY(answer(job, &network, &plan, err));
    return report(job, err);
}

static enum status read_flags(struct options *o, int argc, char **argv, struct error *err)
{
    const struct flag flags[] = {
        {.name = "--model", .kind = FLAG_STRING, .out = &o->model, .required = true},
        {.name = "--data", .kind = FLAG_STRING, .out = &o->data, .required = true},
        {.name = "--out", .kind = FLAG_STRING, .out = &o->out},
        {.name = "--predictions", .kind = FLAG_STRING, .out = &o->predictions},
        {.name = "--eval-batch-size",
         .kind = FLAG_INTEGER,
         .out = &o->batch_size,
         .low = 1,
         .high = 1 << 20},
        {.name = "--max-new-tokens",
         .kind = FLAG_INTEGER,
         .out = &o->max_new,
         .low = 1,
         .high = NEW_TOKENS_MAX},
        {.name = "--preset", .kind = FLAG_WORD, .words = preset_names, .out = &o->preset},
        {.name = "--pad-prompts",
         .kind = FLAG_INTEGER,
         .out = &o->switches.pad_prompts,
         .low = 0,
         .high = 1 << 20},
        {.name = "--f1", .kind = FLAG_WORD, .words = f1_names, .out = &o->switches.f1},
        MACHINE_FLAGS(o->machine),
    };

    return flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err);
}

enum status command_evaluate(int argc, char **argv, struct error *err)
{
    struct options o = {.batch_size = 8, .max_new = NEW_TOKENS, .machine = machine_default()};
    struct job job = {.o = &o};
    struct backend *be = NULL;
    enum status s;

    TRY(read_flags(&o, argc, argv,
                   err)); /* twice: the preset is a flag, and other flags win over it */
    o.switches = preset_switches(o.preset);
    TRY(read_flags(&o, argc, argv, err));
    interrupt_listen();
    if (!(job.arena = arena_open()))
        return error_memory(err);
    if ((s = machine_open(&o.machine, &be, err)) == OK)
        s = measure(&job, be, err);
    tokenizer_close(job.tokenizer);
    backend_close(be);
    arena_close(job.arena);
    return s;
}
