/*
 * squad: what is taken has questions with answers, in paragraphs that cover them all, and makes
 * examples of the lengths that were asked for. What is refused says where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "trainer/squad/squad.h"
#include "trainer/tokenizer/bpe.h"
#include "trainer/tokenizer/tokenizer.h"
#include "trainer/tokenizer/vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A tokenizer without merges. */
static struct tokenizer *bytes_alone(struct arena *arena)
{
    struct error err;
    struct bpe *b;
    struct vocabulary v;
    struct text file = text_in(arena);
    struct tokenizer *t;
    char *string;
    size_t n;

    if (bpe_open(&b, &err) != OK || bpe_train(b, BPE_VOCABULARY_MIN, 1, arena, &v, &err) != OK)
        abort();
    bpe_close(b);
    vocabulary_format(&v, &file);
    if (text_finish(&file, &string, &n, &err) != OK ||
        tokenizer_parse(string, n, "bytes", &t, &err) != OK)
        abort();
    return t;
}

static void make_example(const struct squad *s, const struct squad_question *q, struct tokenizer *t,
                         enum squad_labels labels, struct arena *arena)
{
    struct error err = {0};
    const struct squad_rules rules = {labels, 16};
    struct squad_example e;
    const enum status status = squad_example(s, q, t, &rules, arena, &e, &err);

    if (status == OK && (e.n > 16 || e.n_real > e.n))
        abort();
    if (status != OK && (status != ERR_INPUT || !err.text[0]))
        abort();
}

static void use(const struct squad *s, struct arena *arena)
{
    size_t questions = 0;
    struct tokenizer *t = bytes_alone(arena);

    for (size_t p = 0; p < s->n_paragraphs; p++) {
        if (s->paragraphs[p].first != questions)
            abort();
        questions += s->paragraphs[p].n;
    }
    if (questions != s->n_questions)
        abort();
    for (size_t i = 0; i < s->n_questions && i < 100; i++) {
        if (s->questions[i].n_answers == 0 || s->questions[i].paragraph >= s->n_paragraphs)
            abort();
        make_example(s, &s->questions[i], t, SQUAD_ANSWER, arena);
        make_example(s, &s->questions[i], t, SQUAD_SEED, arena);
    }
    tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    struct squad s;

    if (!arena)
        abort();
    if (squad_parse((const char *)bytes, n, "input", arena, &s, &err) == OK)
        use(&s, arena);
    else if (strncmp(err.where, "input", 5) != 0 || !err.text[0])
        abort();
    arena_close(arena);
    return 0;
}
