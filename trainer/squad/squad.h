/*
 * squad: SQuAD v1.1 files, and the examples that a model is trained and judged on.
 *
 * File       {"data": [{"paragraphs": [{"context", "qas": [{"id", "question", "answers":
 *            [{"text", "answer_start"}]}]}]}]}, as JSON; other members may stand beside these.
 *            Every question has at least one answer; answer_start, in characters of the context,
 *            may be missing. Rows are questions, in the order of the file.
 * Prompt     "Question: {question} Context: {context} Answer:"
 * Example    Of a question's first answer, at most max_length tokens. With labels "answer": the
 *            prompt, cut to what the answer leaves, then " {answer}" and its end; labels: -100 on
 *            the prompt and the ids on the rest: what the model must say. With labels "seed": the
 *            prompt; labels are the answer's own tokens, laid over the start of the prompt, as the
 *            original experiment's scripts do. Where the answer has more tokens than the prompt,
 *            <pad> follows the prompt, as many as it takes.
 * Cut        What goes of a prompt that does not fit. "end": the prompt's end, and with it
 *            "Answer:" and perhaps the passage with the answer. "context": the end of the context;
 *            the question and "Answer:" stay. It is the first window of transformers' recipe for
 *            questions (truncation="only_second"), and looks at no answer: right for judging a
 *            model. "answer": what of the context lies farthest from the answer, on both sides: for
 *            training. Where answer_start does not point at the answer, the first place that holds
 *            it counts; where there is none, the end of the context is cut. A question that
 *            alone is too long loses its end, too.
 * Ownership  Everything lives in the caller's arena.
 */
#ifndef TRAINER_SQUAD_SQUAD_H
#define TRAINER_SQUAD_SQUAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct text;
struct tokenizer;

enum { SQUAD_FILE_MAX = 1 << 30, SQUAD_IGNORED = -100 };

/* n bytes of UTF-8, which may hold NULs. */
struct squad_text {
    const char *bytes;
    size_t n;
};

struct squad_question {
    struct squad_text id, question;
    const struct squad_text *answers; /* all that are accepted */
    size_t n_answers;                 /* >= 1 */
    int64_t answer_start;             /* of the first, in characters; -1: not given */
    size_t paragraph;                 /* its number */
};

struct squad_paragraph {
    struct squad_text context;
    size_t first, n; /* its questions */
};

struct squad {
    const struct squad_paragraph *paragraphs;
    size_t n_paragraphs;
    const struct squad_question *questions;
    size_t n_questions;
};

/* ERR_NOT_FOUND; ERR_INPUT "FILE: data[3].paragraphs[0].qas[2].answers: expected ...". */
enum status squad_read(const char *path, struct arena *arena, struct squad *out,
                       struct error *err) MUST_CHECK;

/* The same from n bytes; where is the file's name for messages. */
enum status squad_parse(const char *bytes, size_t n, const char *where, struct arena *arena,
                        struct squad *out, struct error *err) MUST_CHECK;

enum squad_labels { SQUAD_ANSWER, SQUAD_SEED };
enum squad_cut { SQUAD_CUT_END, SQUAD_CUT_CONTEXT, SQUAD_CUT_AROUND_ANSWER };

struct squad_rules {
    enum squad_labels labels;
    enum squad_cut cut;
    size_t max_length; /* >= 1 */
};

struct squad_example {
    const int32_t *input_ids, *labels; /* [n] */
    size_t n;
    size_t n_real; /* the rest is padding */
    bool cut;      /* the prompt did not fit */
};

struct squad_prompt {
    const int32_t *ids; /* [n] */
    size_t n;
    bool cut;
};

/* Appends the prompt. */
void squad_add_prompt(const struct squad *s, const struct squad_question *q, struct text *prompt);

/* The prompt's ids, at most max_length. */
enum status squad_prompt(const struct squad *s, const struct squad_question *q,
                         struct tokenizer *tokenizer, const struct squad_rules *rules,
                         struct arena *arena, struct squad_prompt *out,
                         struct error *err) MUST_CHECK;

/*
 * ERR_INPUT: the answer alone is longer than max_length (labels answer), or the tokenizer has no
 * </s>, <pad> or <|endoftext|>.
 */
enum status squad_example(const struct squad *s, const struct squad_question *q,
                          struct tokenizer *tokenizer, const struct squad_rules *rules,
                          struct arena *arena, struct squad_example *out,
                          struct error *err) MUST_CHECK;

#endif
