/*
 * squad: two SQuAD files → train.jsonl, validation.jsonl and validation.questions.jsonl. Which
 * questions, and in which order, follows from the seed alone. Start at prepare.
 */
#include "trainer/squad/squad.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/lines.h"
#include "trainer/permutation.h"
#include "trainer/tokenizer/ids.h"
#include "trainer/tokenizer/tokenizer.h"

enum { BATCH = 64 }; /* rows that share an arena and a write */

/* What a prompt longer than --max-length loses. Not given: its end with --labels seed, as in the
 * original experiment, else part of its context. */
enum truncate { TRUNCATE_CONTEXT, TRUNCATE_END, TRUNCATE_NOT_GIVEN };

static const char *const truncate_names[] = {"context", "end", NULL};
static const char *const label_names[] = {"answer", "seed", NULL}; /* enum squad_labels */

struct options {
    const char *train, *validation, *tokenizer, *out;
    int64_t seed, train_size, validation_size, max_length;
    enum squad_labels labels;
    enum truncate truncate;
};

/* The questions chosen from one file. */
struct part {
    const char *path;
    struct squad squad;
    int64_t *order;
    size_t n, n_cut; /* of them, examples whose prompt was too long */
    struct squad_rules rules;
};

struct job {
    const struct options *o;
    struct tokenizer *tokenizer;
    struct arena *arena;
    struct error *err;
};

/* ---- rows ---- */

typedef enum status add_row(const struct job *job, struct part *part,
                            const struct squad_question *q, struct arena *arena, struct text *row);

static enum status add_example(const struct job *job, struct part *part,
                               const struct squad_question *q, struct arena *arena,
                               struct text *row)
{
    struct squad_example e;

    TRY(squad_example(&part->squad, q, job->tokenizer, &part->rules, arena, &e, job->err));
    part->n_cut += e.cut;
    text_add(row, "{\"input_ids\": ");
    ids_write(row, e.input_ids, e.n);
    if (e.n_real < e.n) {
        text_add(row, ", \"attention_mask\": [");
        for (size_t i = 0; i < e.n; i++)
            text_printf(row, "%s%d", i > 0 ? ", " : "", i < e.n_real);
        text_add(row, "]");
    }
    text_add(row, ", \"labels\": ");
    ids_write(row, e.labels, e.n);
    text_add(row, "}\n");
    return OK;
}

static enum status add_question(const struct job *job, struct part *part,
                                const struct squad_question *q, struct arena *arena,
                                struct text *row)
{
    struct squad_prompt prompt;

    TRY(squad_prompt(&part->squad, q, job->tokenizer, &part->rules, arena, &prompt, job->err));
    text_add(row, "{\"id\": ");
    json_write_bytes(row, q->id.bytes, q->id.n);
    text_add(row, ", \"prompt_ids\": ");
    ids_write(row, prompt.ids, prompt.n);
    text_add(row, ", \"answers\": [");
    for (size_t i = 0; i < q->n_answers; i++) {
        text_add(row, i > 0 ? ", " : "");
        json_write_bytes(row, q->answers[i].bytes, q->answers[i].n);
    }
    text_add(row, "]}\n");
    return OK;
}

/* ---- files ---- */

static enum status write_batch(const struct job *job, struct part *part, size_t from, add_row *add,
                               int fd, const char *path)
{
    enum status s = OK;
    struct arena *arena = arena_open();
    struct text rows = text_in(arena);
    char *bytes;
    size_t n;

    if (!arena)
        return error_memory(job->err);
    for (size_t i = from; s == OK && i < part->n && i < from + BATCH; i++)
        s = add(job, part, &part->squad.questions[part->order[i]], arena, &rows);
    if (s == ERR_INPUT && !job->err->where[0]) /* about a question */
        error_place(job->err, "%s", part->path);
    if (s == OK && (s = text_finish(&rows, &bytes, &n, job->err)) == OK)
        s = file_write_all(fd, path, bytes, n, job->err);
    arena_close(arena);
    return s;
}

/* OUT/name, all or nothing: it has another name while it is written. */
static enum status write_rows(const struct job *job, struct part *part, add_row *add,
                              const char *name)
{
    enum status s = OK;
    const char *path = file_join(job->arena, job->o->out, name);
    const char *unfinished = path ? arena_printf(job->arena, "%s.unfinished", path) : NULL;
    int fd;

    if (!unfinished)
        return error_memory(job->err);
    if ((fd = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) < 0)
        return error_system(job->err, unfinished, "create");
    for (size_t from = 0; s == OK && from < part->n; from += BATCH)
        s = write_batch(job, part, from, add, fd, unfinished);
    if (s == OK && fsync(fd) != 0)
        s = error_system(job->err, unfinished, "write");
    if (close(fd) != 0 && s == OK)
        s = error_system(job->err, unfinished, "write");
    if (s == OK && rename(unfinished, path) != 0)
        s = error_system(job->err, path, "name");
    if (s != OK)
        (void)unlink(unfinished);
    return s == OK ? file_sync_folder(job->o->out, job->err) : s;
}

/* ---- the story ---- */

/* The first `size` questions of a file in the order of the seed; size 0 means all. */
static enum status choose(const struct job *job, const char *path, int64_t size, const char *flag,
                          struct part *out)
{
    TRY(squad_read(path, job->arena, &out->squad, job->err));
    if (out->squad.n_questions == 0)
        return error_set(job->err, ERR_INPUT, path, "expected at least one question, found none");
    if ((uint64_t)size > out->squad.n_questions)
        return error_set(job->err, ERR_INPUT, flag,
                         "expected at most %zu, the questions of %s, found %" PRId64,
                         out->squad.n_questions, path, size);
    out->path = path;
    out->n = size > 0 ? (size_t)size : out->squad.n_questions;
    return permutation_shuffle((uint64_t)job->o->seed, out->squad.n_questions, job->arena,
                               &out->order, job->err);
}

/* The sizes of both parts and how many prompts were cut; where some were, a warning too. */
static enum status report(const struct job *job, const struct part *train,
                          const struct part *validation)
{
    struct text line = text_in(job->arena);

    if (train->n_cut + validation->n_cut > 0)
        lines_warning(
            "%zu of %zu examples to train on and %zu of %zu to validate with are longer than "
            "--max-length %" PRId64 ": %s",
            train->n_cut, train->n, validation->n_cut, validation->n, job->o->max_length,
            train->rules.cut == SQUAD_CUT_END
                ? "their prompts lose their end, \"Answer:\" with it"
                : "their contexts are cut, to the surroundings of the answer for training "
                  "and to their beginning for validation");
    text_printf(&line,
                "{\"train\": %zu, \"validation\": %zu, \"truncated\": {\"train\": %zu, "
                "\"validation\": %zu}}",
                train->n, validation->n, train->n_cut, validation->n_cut);
    return lines_report(&line, job->err);
}

static enum status prepare(const struct job *job)
{
    const struct options *o = job->o;
    const bool of_context = o->truncate == TRUNCATE_CONTEXT ||
                            (o->truncate == TRUNCATE_NOT_GIVEN && o->labels == SQUAD_ANSWER);
    const size_t max_length = (size_t)o->max_length;
    struct part train = {
        .rules = {o->labels, of_context ? SQUAD_CUT_AROUND_ANSWER : SQUAD_CUT_END, max_length}};
    struct part validation = {
        .rules = {o->labels, of_context ? SQUAD_CUT_CONTEXT : SQUAD_CUT_END, max_length}};

    TRY(choose(job, o->train, o->train_size, "--train-size", &train));
    TRY(choose(job, o->validation, o->validation_size, "--validation-size", &validation));
    TRY(file_make_folders(o->out, job->err));
    TRY(write_rows(job, &train, add_example, "train.jsonl"));
    TRY(write_rows(job, &validation, add_example, "validation.jsonl"));
    TRY(write_rows(job, &validation, add_question, "validation.questions.jsonl"));
    return report(job, &train, &validation);
}

enum status command_squad(int argc, char **argv, struct error *err)
{
    enum status s;
    struct options o = {.truncate = TRUNCATE_NOT_GIVEN, .seed = 42, .max_length = 512};
    const struct flag flags[] = {
        {.name = "--train", .kind = FLAG_STRING, .out = &o.train, .required = true},
        {.name = "--validation", .kind = FLAG_STRING, .out = &o.validation, .required = true},
        {.name = "--tokenizer", .kind = FLAG_STRING, .out = &o.tokenizer, .required = true},
        {.name = "--out", .kind = FLAG_STRING, .out = &o.out, .required = true},
        {.name = "--labels", .kind = FLAG_WORD, .words = label_names, .out = &o.labels},
        {.name = "--truncate", .kind = FLAG_WORD, .words = truncate_names, .out = &o.truncate},
        {.name = "--seed", .kind = FLAG_INTEGER, .out = &o.seed},
        {.name = "--train-size", .kind = FLAG_INTEGER, .out = &o.train_size},
        {.name = "--validation-size", .kind = FLAG_INTEGER, .out = &o.validation_size},
        {.name = "--max-length", .kind = FLAG_INTEGER, .out = &o.max_length, .low = 1},
    };
    struct job job = {.o = &o, .err = err};

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    TRY(tokenizer_open(o.tokenizer, &job.tokenizer, err));
    if ((job.arena = arena_open()) != NULL)
        s = prepare(&job);
    else
        s = error_memory(err);
    arena_close(job.arena);
    tokenizer_close(job.tokenizer);
    return s;
}
