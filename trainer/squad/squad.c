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
    const struct json *start;

    if (list->n == 0) {
        (void)error_set(r->err, ERR_INPUT, r->where,
                        "data[%zu].paragraphs[%zu].qas[%zu].answers: expected at least one",
                        r->article, r->paragraph, r->question);
        error_hint(r->err, "questions without an answer, as in SQuAD 2.0, must be left out");
        return ERR_INPUT;
    }
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
    start = json_get(&list->items[0], "answer_start");
    out->answer_start = start && start->whole && start->integer >= 0 ? start->integer : -1;
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

/* ---- prompts ---- */

/* Of one question, an example or a prompt in the making. */
struct maker {
    const struct squad *squad;
    const struct squad_question *question;
    struct tokenizer *tokenizer;
    const struct squad_rules *rules;
    struct arena *arena;
    struct error *err;
};

struct ids {
    int32_t *ids;
    size_t n;
};

static void add_question(const struct squad_question *q, struct text *out)
{
    text_add(out, "Question: ");
    text_add_bytes(out, q->question.bytes, q->question.n);
    text_add(out, " Context:");
}

static void add_context(const struct squad_text *context, struct text *out)
{
    text_add(out, " ");
    text_add_bytes(out, context->bytes, context->n);
}

static const char prompt_end[] = " Answer:";

void squad_add_prompt(const struct squad *s, const struct squad_question *q, struct text *prompt)
{
    add_question(q, prompt);
    add_context(&s->paragraphs[q->paragraph].context, prompt);
    text_add(prompt, prompt_end);
}

static enum status encode(const struct maker *m, struct text *text, struct ids *out)
{
    char *bytes;
    size_t n;

    TRY(text_finish(text, &bytes, &n, m->err));
    return tokenizer_encode(m->tokenizer, bytes, n, m->arena, &out->ids, &out->n, m->err);
}

/* Where the n-th character of a text of UTF-8 begins, or its end. */
static size_t byte_of_character(const struct squad_text *text, int64_t n)
{
    size_t at = 0;

    for (; at < text->n && n > 0; n--)
        do
            at++;
        while (at < text->n && ((unsigned char)text->bytes[at] & 0xc0) == 0x80);
    return at;
}

/* The byte of the context where the first answer begins; false where it is not in there. */
static bool find_answer(const struct maker *m, size_t *at)
{
    const struct squad_text *context = &m->squad->paragraphs[m->question->paragraph].context;
    const struct squad_text *answer = &m->question->answers[0];
    const char *found;

    if (m->question->answer_start >= 0) {
        *at = byte_of_character(context, m->question->answer_start);
        if (answer->n <= context->n - *at &&
            memcmp(context->bytes + *at, answer->bytes, answer->n) == 0)
            return true;
    }
    found = memmem(context->bytes, context->n, answer->bytes, answer->n);
    *at = found ? (size_t)(found - context->bytes) : 0;
    return found != NULL;
}

/* The token that holds this byte of their text. */
static size_t token_of_byte(const struct maker *m, const struct ids *tokens, size_t byte)
{
    size_t i = 0;

    for (size_t end = 0; i < tokens->n; i++)
        if ((end += tokenizer_length(m->tokenizer, tokens->ids[i])) > byte)
            break;
    return i;
}

/* The first of the `keep` tokens of the context, fewer than there are, that a long prompt has. */
static size_t window_start(const struct maker *m, const struct ids *context, size_t keep)
{
    const size_t last_start = context->n - keep, before = 1; /* the space that add_context puts */
    size_t at, first, end, middle, start;

    if (m->rules->cut != SQUAD_CUT_AROUND_ANSWER || !find_answer(m, &at))
        return 0;
    first = token_of_byte(m, context, before + at);
    end = token_of_byte(m, context, before + at + m->question->answers[0].n);
    middle = first + (end - first) / 2;
    start = middle > keep / 2 ? middle - keep / 2 : 0;
    if (end - first > keep)
        start = first; /* the answer's beginning, where it is longer than the window */
    return start < last_start ? start : last_start;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Appends n ids to room that is there. */
static void append(struct ids *out, const int32_t *ids, size_t n)
{
    if (n > 0)
        memcpy(out->ids + out->n, ids, n * sizeof *ids);
    out->n += n;
}

/*
 * Cuts a prompt that has more than `room` tokens: question and end stay whole, if they fit. The
 * three parts are tokenized one by one, which changes no token: no piece crosses from one to the
 * next.
 */
static enum status cut_context(const struct maker *m, size_t room, struct ids *out)
{
    struct text texts[3] = {text_in(m->arena), text_in(m->arena), text_in(m->arena)};
    struct ids question, context, end;
    size_t keep;

    add_question(m->question, &texts[0]);
    add_context(&m->squad->paragraphs[m->question->paragraph].context, &texts[1]);
    text_add(&texts[2], prompt_end);
    TRY(encode(m, &texts[0], &question));
    TRY(encode(m, &texts[1], &context));
    TRY(encode(m, &texts[2], &end));
    end.n = least(end.n, room);
    question.n = least(question.n, room - end.n);
    keep = least(context.n, room - end.n - question.n);
    out->n = 0;
    append(out, question.ids, question.n);
    append(out, context.ids + window_start(m, &context, keep), keep);
    append(out, end.ids, end.n);
    return OK;
}

/* The prompt, in at most `room` tokens. */
static enum status make_prompt(const struct maker *m, size_t room, struct squad_prompt *out)
{
    struct text prompt = text_in(m->arena);
    struct ids tokens;

    squad_add_prompt(m->squad, m->question, &prompt);
    TRY(encode(m, &prompt, &tokens));
    out->cut = tokens.n > room;
    if (out->cut && m->rules->cut != SQUAD_CUT_END)
        TRY(cut_context(m, room, &tokens));
    out->ids = tokens.ids;
    out->n = least(tokens.n, room);
    return OK;
}

enum status squad_prompt(const struct squad *s, const struct squad_question *q,
                         struct tokenizer *tokenizer, const struct squad_rules *rules,
                         struct arena *arena, struct squad_prompt *out, struct error *err)
{
    return make_prompt(&(struct maker){s, q, tokenizer, rules, arena, err}, rules->max_length, out);
}

/* ---- examples ---- */

static enum status encode_answer(const struct maker *m, const char *before, struct ids *out)
{
    const struct squad_text *first = &m->question->answers[0];
    struct text answer = text_in(m->arena);

    text_add(&answer, before);
    text_add_bytes(&answer, first->bytes, first->n);
    return encode(m, &answer, out);
}

/* A token that ends or fills up: one of these two names. */
static enum status want_token(const struct maker *m, int32_t id, const char *name)
{
    return id >= 0 ? OK
                   : error_set(m->err, ERR_INPUT, "tokenizer",
                               "expected %s or <|endoftext|> among its added tokens, found neither",
                               name);
}

/* Room for an example's two rows of n. The prompt stands in the first, no label in the other. */
static enum status begin_rows(const struct maker *m, const struct squad_prompt *prompt, size_t n,
                              int32_t **input_ids, int32_t **labels)
{
    struct ids row = {.n = 0};

    *input_ids = row.ids = arena_array(m->arena, n, sizeof *row.ids);
    *labels = arena_array(m->arena, n, sizeof **labels);
    if (!*input_ids || !*labels)
        return error_memory(m->err);
    append(&row, prompt->ids, prompt->n);
    for (size_t i = 0; i < n; i++)
        (*labels)[i] = SQUAD_IGNORED;
    return OK;
}

static enum status answer_example(const struct maker *m, struct squad_example *out)
{
    const size_t max_length = m->rules->max_length;
    const int32_t end = tokenizer_end(m->tokenizer);
    int32_t *input_ids, *labels;
    struct squad_prompt prompt;
    struct ids target;
    size_t n;

    TRY(want_token(m, end, "</s>"));
    TRY(encode_answer(m, " ", &target));
    if (target.n + 1 > max_length) {
        (void)error_set(m->err, ERR_INPUT, NULL,
                        "question %.40s: its answer has %zu tokens and an end, more than the "
                        "longest example of %zu",
                        m->question->id.bytes, target.n, max_length);
        error_hint(m->err, "a larger max_length has room for it");
        return ERR_INPUT;
    }
    TRY(make_prompt(m, max_length - target.n - 1, &prompt));
    n = prompt.n + target.n + 1;
    TRY(begin_rows(m, &prompt, n, &input_ids, &labels));
    for (size_t i = 0; i < target.n; i++)
        input_ids[prompt.n + i] = labels[prompt.n + i] = target.ids[i];
    input_ids[n - 1] = labels[n - 1] = end;
    *out = (struct squad_example){input_ids, labels, n, n, prompt.cut};
    return OK;
}

static enum status seed_example(const struct maker *m, struct squad_example *out)
{
    const int32_t pad = tokenizer_padding(m->tokenizer);
    int32_t *input_ids, *labels;
    struct squad_prompt prompt;
    struct ids target;
    size_t n;

    TRY(want_token(m, pad, "<pad>"));
    TRY(encode_answer(m, "", &target));
    TRY(make_prompt(m, m->rules->max_length, &prompt));
    target.n = least(target.n, m->rules->max_length);
    n = prompt.n > target.n ? prompt.n : target.n;
    TRY(begin_rows(m, &prompt, n, &input_ids, &labels));
    for (size_t i = prompt.n; i < n; i++)
        input_ids[i] = pad;
    for (size_t i = 0; i < target.n; i++)
        labels[i] = target.ids[i];
    *out = (struct squad_example){input_ids, labels, n, prompt.n, prompt.cut};
    return OK;
}

enum status squad_example(const struct squad *s, const struct squad_question *q,
                          struct tokenizer *tokenizer, const struct squad_rules *rules,
                          struct arena *arena, struct squad_example *out, struct error *err)
{
    const struct maker m = {s, q, tokenizer, rules, arena, err};

    return rules->labels == SQUAD_ANSWER ? answer_example(&m, out) : seed_example(&m, out);
}
