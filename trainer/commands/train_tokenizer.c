/* train-tokenizer: texts, from standard input or as a model reads SQuAD → a tokenizer.json. */
#include <inttypes.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/commands/commands.h"
#include "trainer/flags.h"
#include "trainer/input.h"
#include "trainer/lines.h"
#include "trainer/squad/squad.h"
#include "trainer/tokenizer/bpe.h"
#include "trainer/tokenizer/vocabulary.h"

static const char *const splitting_names[] = {"bloom", "gpt2", NULL}; /* enum splitting */

struct options {
    enum splitting splitting;
    int64_t vocabulary_size, min_frequency;
    const char *out;
    struct flag_list squad;
};

/* What a model will read of every question: the prompt and the first answer. */
static enum status add_squad(struct bpe *b, const char *path, struct error *err)
{
    enum status s;
    struct squad squad;
    struct arena *arena = arena_open();
    struct text text = text_in(arena);

    if (!arena)
        return error_memory(err);
    s = squad_read(path, arena, &squad, err);
    for (size_t i = 0; s == OK && i < squad.n_questions; i++) {
        const struct squad_question *q = &squad.questions[i];
        text.n = 0;
        squad_add_prompt(&squad, q, &text);
        text_add(&text, " ");
        text_add_bytes(&text, q->answers[0].bytes, q->answers[0].n);
        s = text.failed ? error_memory(err) : bpe_add(b, text.bytes, text.n, err);
    }
    arena_close(arena);
    return s;
}

static enum status add_lines(struct bpe *b, struct input *in, struct error *err)
{
    struct json *text;

    for (;;) {
        TRY(input_next(in, &text, err));
        if (!text)
            return OK;
        if (text->kind != JSON_STRING)
            return error_set(err, ERR_INPUT, input_place(in), "expected a string, found %s",
                             json_kind_name(text));
        TRY(bpe_add(b, text->string, text->n, err));
    }
}

static enum status add_texts(struct bpe *b, const struct options *o, struct error *err)
{
    enum status s;
    struct input *in;

    for (size_t i = 0; i < o->squad.n; i++)
        TRY(add_squad(b, o->squad.values[i], err));
    if (o->squad.n > 0)
        return OK;
    TRY(input_open(&in, err));
    s = add_lines(b, in, err);
    input_close(in);
    return s;
}

static enum status train(struct bpe *b, const struct options *o, struct arena *arena,
                         struct error *err)
{
    struct vocabulary v;
    struct text file = text_in(arena), line = text_in(arena);
    char *bytes;
    size_t n;

    TRY(add_texts(b, o, err));
    TRY(bpe_train(b, (size_t)o->vocabulary_size, o->min_frequency, arena, &v, err));
    vocabulary_format(&v, &file);
    TRY(text_finish(&file, &bytes, &n, err));
    TRY(file_write(o->out, bytes, n, err));
    text_printf(&line, "{\"vocab_size\": %zu, \"merges\": %zu}", v.n_tokens, v.n_merges);
    return lines_report(&line, err);
}

enum status command_train_tokenizer(int argc, char **argv, struct error *err)
{
    enum status s;
    struct options o = {.min_frequency = 2};
    const struct flag flags[] = {
        {.name = "--splitting", .kind = FLAG_WORD, .out = &o.splitting, .words = splitting_names},
        {.name = "--vocab-size",
         .kind = FLAG_INTEGER,
         .out = &o.vocabulary_size,
         .low = 1,
         .high = VOCABULARY_TOKENS_MAX,
         .required = true},
        {.name = "--min-frequency", .kind = FLAG_INTEGER, .out = &o.min_frequency},
        {.name = "--out", .kind = FLAG_STRING, .out = &o.out, .required = true},
        {.name = "--squad", .kind = FLAG_STRINGS, .out = &o.squad},
    };
    struct arena *arena;
    struct bpe *b = NULL;

    TRY(flags_parse(flags, sizeof flags / sizeof *flags, argc, argv, err));
    if ((size_t)o.vocabulary_size < bpe_vocabulary_min(o.splitting))
        return error_set(err, ERR_INPUT, "--vocab-size",
                         "expected special tokens and bytes, %zu together, or more, found %" PRId64,
                         bpe_vocabulary_min(o.splitting), o.vocabulary_size);
    if (!(arena = arena_open()))
        return error_memory(err);
    if ((s = bpe_open(o.splitting, &b, err)) == OK)
        s = train(b, &o, arena, err);
    bpe_close(b);
    arena_close(arena);
    return s;
}
