/*
 * squad: the file is read twice, once to count and check, once to fill. Start at squad_parse and
 * squad_example.
 */
#include "trainer/squad/squad.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "trainer/lfs.h"
#include "trainer/tokenizer/tokenizer.h"

/* ---- the file ---- */

struct reader {
    const char *where;
    size_t article, paragraph, question; /* the place in the file */
    struct arena *arena;
    struct error *err;
    struct squad_paragraph *paragraphs; /* of all so far; NULL while counting */
    struct squad_question *questions;
    size_t n_paragraphs, n_questions;
};

/* How deep in the file a message is about. */
enum level { AT_DATA, AT_ARTICLE, AT_PARAGRAPH, AT_QUESTION };

static enum status expected(const struct reader *r, enum level level, const char *field,
                            const char *what, const struct json *found)
{
    const char *kind = json_kind_name(found);

    switch (level) {
    case AT_DATA:
        return error_set(r->err, ERR_INPUT, r->where, "%s: expected %s, found %s", field, what,
                         kind);
    case AT_ARTICLE:
        return error_set(r->err, ERR_INPUT, r->where, "data[%zu]%s: expected %s, found %s",
                         r->article, field, what, kind);
    case AT_PARAGRAPH:
        return error_set(r->err, ERR_INPUT, r->where,
                         "data[%zu].paragraphs[%zu]%s: expected %s, found %s", r->article,
                         r->paragraph, field, what, kind);
    case AT_QUESTION:
        break;
    }
    return error_set(r->err, ERR_INPUT, r->where,
                     "data[%zu].paragraphs[%zu].qas[%zu]%s: expected %s, found %s", r->article,
                     r->paragraph, r->question, field, what, kind);
}

static enum status want_object(const struct reader *r, enum level level, const struct json *value)
{
    return value->kind == JSON_OBJECT ? OK : expected(r, level, "", "an object", value);
}

/* field is ".name". */
static enum status want_list(const struct reader *r, enum level level, const struct json *object,
                             const char *field, const struct json **out)
{
    *out = json_get(object, field + 1);
    return *out && (*out)->kind == JSON_ARRAY ? OK : expected(r, level, field, "a list", *out);
}

static enum status want_text(const struct reader *r, enum level level, const struct json *object,
                             const char *field, struct squad_text *out)
{
    const struct json *value = json_get(object, field + 1);

    if (!value || value->kind != JSON_STRING)
        return expected(r, level, field, "a string", value);
    *out = (struct squad_text){value->string, value->n};
    return OK;
}

static enum status read_answers(struct reader *r, const struct json *list,
                                struct squad_question *out)
{
    struct squad_text *answers = NULL;

    if (list->n == 0)
        return error_set(r->err, ERR_INPUT, r->where,
                         "data[%zu].paragraphs[%zu].qas[%zu].answers: expected at least one",
                         r->article, r->paragraph, r->question);
    if (r->questions && !(answers = arena_array(r->arena, list->n, sizeof *answers)))
        return error_memory(r->err);
    for (size_t i = 0; i < list->n; i++) {
        const struct json *text = json_get(&list->items[i], "text");
        if (!text || text->kind != JSON_STRING)
            return error_set(
                r->err, ERR_INPUT, r->where,
                "data[%zu].paragraphs[%zu].qas[%zu].answers[%zu].text: expected a string, found %s",
                r->article, r->paragraph, r->question, i, json_kind_name(text));
        if (answers)
            answers[i] = (struct squad_text){text->string, text->n};
    }
    out->answers = answers;
    out->n_answers = list->n;
    return OK;
}

static enum status read_question(struct reader *r, const struct json *qa)
{
    const struct json *answers;
    struct squad_question q = {.paragraph = r->n_paragraphs};

    TRY(want_object(r, AT_QUESTION, qa));
    TRY(want_text(r, AT_QUESTION, qa, ".id", &q.id));
    TRY(want_text(r, AT_QUESTION, qa, ".question", &q.question));
    TRY(want_list(r, AT_QUESTION, qa, ".answers", &answers));
    TRY(read_answers(r, answers, &q));
    if (r->questions)
        r->questions[r->n_questions] = q;
    r->n_questions++;
    return OK;
}

static enum status read_paragraph(struct reader *r, const struct json *paragraph)
{
    const struct json *qas;
    struct squad_paragraph p = {.first = r->n_questions};

    TRY(want_object(r, AT_PARAGRAPH, paragraph));
    TRY(want_text(r, AT_PARAGRAPH, paragraph, ".context", &p.context));
    TRY(want_list(r, AT_PARAGRAPH, paragraph, ".qas", &qas));
    for (r->question = 0; r->question < qas->n; r->question++)
        TRY(read_question(r, &qas->items[r->question]));
    p.n = r->n_questions - p.first;
    if (r->paragraphs)
        r->paragraphs[r->n_paragraphs] = p;
    r->n_paragraphs++;
    return OK;
}

static enum status read_articles(struct reader *r, const struct json *root)
{
    const struct json *data, *paragraphs;

    r->n_paragraphs = r->n_questions = 0;
    if (root->kind != JSON_OBJECT)
        return error_set(r->err, ERR_INPUT, r->where, "expected an object, found %s",
                         json_kind_name(root));
    data = json_get(root, "data");
    if (!data || data->kind != JSON_ARRAY)
        return expected(r, AT_DATA, "data", "a list", data);
    for (r->article = 0; r->article < data->n; r->article++) {
        TRY(want_object(r, AT_ARTICLE, &data->items[r->article]));
        TRY(want_list(r, AT_ARTICLE, &data->items[r->article], ".paragraphs", &paragraphs));
        for (r->paragraph = 0; r->paragraph < paragraphs->n; r->paragraph++)
            TRY(read_paragraph(r, &paragraphs->items[r->paragraph]));
    }
    return OK;
}

enum status squad_parse(const char *bytes, size_t n, const char *where, struct arena *arena,
                        struct squad *out, struct error *err)
{
    struct reader r = {.where = where, .arena = arena, .err = err};
    struct json *root;

    TRY(json_parse(bytes, n, where, JSON_STRICT, arena, &root, err));
    TRY(read_articles(&r, root));
    if (!(r.paragraphs = arena_array(arena, r.n_paragraphs, sizeof *r.paragraphs)) ||
        !(r.questions = arena_array(arena, r.n_questions, sizeof *r.questions)))
        return error_memory(err);
    TRY(read_articles(&r, root));
    *out = (struct squad){r.paragraphs, r.n_paragraphs, r.questions, r.n_questions};
    return OK;
}

enum status squad_read(const char *path, struct arena *arena, struct squad *out, struct error *err)
{
    char *bytes;
    size_t n;

    TRY(lfs_read(path, SQUAD_FILE_MAX, arena, &bytes, &n, err));
    return squad_parse(bytes, n, path, arena, out, err);
}

/* ---- examples ---- */

void squad_add_prompt(const struct squad *s, const struct squad_question *q, struct text *prompt)
{
    const struct squad_text *context = &s->paragraphs[q->paragraph].context;

    text_add(prompt, "Question: ");
    text_add_bytes(prompt, q->question.bytes, q->question.n);
    text_add(prompt, " Context: ");
    text_add_bytes(prompt, context->bytes, context->n);
    text_add(prompt, " Answer:");
}

enum status squad_prompt(const struct squad *s, const struct squad_question *q,
                         struct tokenizer *tokenizer, size_t max_length, struct arena *arena,
                         int32_t **ids, size_t *n, struct error *err)
{
    struct text prompt = text_in(arena);
    char *bytes;
    size_t n_bytes;

    squad_add_prompt(s, q, &prompt);
    TRY(text_finish(&prompt, &bytes, &n_bytes, err));
    TRY(tokenizer_encode(tokenizer, bytes, n_bytes, arena, ids, n, err));
    *n = *n < max_length ? *n : max_length;
    return OK;
}

static enum status encode_answer(const struct squad_question *q, const char *before,
                                 struct tokenizer *tokenizer, struct arena *arena, int32_t **ids,
                                 size_t *n, struct error *err)
{
    struct text answer = text_in(arena);
    char *bytes;
    size_t n_bytes;

    text_add(&answer, before);
    text_add_bytes(&answer, q->answers[0].bytes, q->answers[0].n);
    TRY(text_finish(&answer, &bytes, &n_bytes, err));
    return tokenizer_encode(tokenizer, bytes, n_bytes, arena, ids, n, err);
}

/* The id of </s> or <pad>. */
static enum status want_added(const struct tokenizer *tokenizer, const char *content, int32_t *id,
                              struct error *err)
{
    *id = tokenizer_added(tokenizer, content);
    return *id >= 0 ? OK
                    : error_set(err, ERR_INPUT, "tokenizer",
                                "expected %s among its added tokens, found nothing", content);
}

/* Two rows of n, and their numbers. */
struct rows {
    int32_t *input_ids, *labels;
};

static enum status rows_of(size_t n, size_t n_real, struct arena *arena, struct rows *rows,
                           struct squad_example *out, struct error *err)
{
    rows->input_ids = arena_array(arena, n, sizeof *rows->input_ids);
    rows->labels = arena_array(arena, n, sizeof *rows->labels);
    if (!rows->input_ids || !rows->labels)
        return error_memory(err);
    for (size_t i = 0; i < n; i++)
        rows->labels[i] = SQUAD_IGNORED;
    *out = (struct squad_example){rows->input_ids, rows->labels, n, n_real};
    return OK;
}

static void copy_ids(int32_t *to, const int32_t *from, size_t n)
{
    if (n > 0)
        memcpy(to, from, n * sizeof *to);
}

/* ids[n_prompt] is the prompt. */
static enum status answer_example(const struct squad_question *q, struct tokenizer *tokenizer,
                                  const int32_t *ids, size_t n_prompt, size_t max_length,
                                  struct arena *arena, struct squad_example *out, struct error *err)
{
    struct rows rows;
    int32_t *target, end;
    size_t n_target;

    TRY(want_added(tokenizer, "</s>", &end, err));
    TRY(encode_answer(q, " ", tokenizer, arena, &target, &n_target, err));
    if (n_target + 1 > max_length)
        return error_set(err, ERR_INPUT, NULL,
                         "question %.40s: its answer has %zu tokens and an end, more than the "
                         "longest example of %zu",
                         q->id.bytes, n_target, max_length);
    if (n_prompt > max_length - n_target - 1)
        n_prompt = max_length - n_target - 1;
    TRY(rows_of(n_prompt + n_target + 1, n_prompt + n_target + 1, arena, &rows, out, err));
    copy_ids(rows.input_ids, ids, n_prompt);
    copy_ids(rows.input_ids + n_prompt, target, n_target);
    copy_ids(rows.labels + n_prompt, target, n_target);
    rows.input_ids[n_prompt + n_target] = rows.labels[n_prompt + n_target] = end;
    return OK;
}

static enum status seed_example(const struct squad_question *q, struct tokenizer *tokenizer,
                                const int32_t *ids, size_t n_prompt, size_t max_length,
                                struct arena *arena, struct squad_example *out, struct error *err)
{
    struct rows rows;
    int32_t *target, pad;
    size_t n_target;

    TRY(want_added(tokenizer, "<pad>", &pad, err));
    TRY(encode_answer(q, "", tokenizer, arena, &target, &n_target, err));
    n_target = n_target < max_length ? n_target : max_length;
    TRY(rows_of(n_prompt > n_target ? n_prompt : n_target, n_prompt, arena, &rows, out, err));
    copy_ids(rows.input_ids, ids, n_prompt);
    for (size_t i = n_prompt; i < out->n; i++)
        rows.input_ids[i] = pad;
    copy_ids(rows.labels, target, n_target);
    return OK;
}

enum status squad_example(const struct squad *s, const struct squad_question *q,
                          struct tokenizer *tokenizer, const struct squad_rules *rules,
                          struct arena *arena, struct squad_example *out, struct error *err)
{
    int32_t *ids;
    size_t n;

    TRY(squad_prompt(s, q, tokenizer, rules->max_length, arena, &ids, &n, err));
    return rules->labels == SQUAD_ANSWER
               ? answer_example(q, tokenizer, ids, n, rules->max_length, arena, out, err)
               : seed_example(q, tokenizer, ids, n, rules->max_length, arena, out, err);
}
