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

    if (bpe_open(SPLITTING_BLOOM, &b, &err) != OK ||
        bpe_train(b, bpe_vocabulary_min(SPLITTING_BLOOM), 1, arena, &v, &err) != OK)
        abort();
    bpe_close(b);
    vocabulary_format(&v, &file);
    if (text_finish(&file, &string, &n, &err) != OK ||
        tokenizer_parse(string, n, "bytes", &t, &err) != OK)
        abort();
    return t;
}

/* In 48 tokens there is room for "Answer:" behind most questions; in 16 for less. */
static void make_example(const struct squad *s, const struct squad_question *q, struct tokenizer *t,
                         struct squad_rules rules, struct arena *arena)
{
    struct error err = {0};
    struct squad_prompt prompt;
    struct squad_example e;
    enum status status = squad_example(s, q, t, &rules, arena, &e, &err);

    if (status == OK && (e.n > rules.max_length || e.n_real > e.n))
        abort();
    if (status != OK && (status != ERR_INPUT || !err.text[0]))
        abort();
    status = squad_prompt(s, q, t, &rules, arena, &prompt, &err);
    if (status != OK || prompt.n > rules.max_length || (prompt.cut && prompt.n < rules.max_length))
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
        for (enum squad_cut cut = SQUAD_CUT_END; cut <= SQUAD_CUT_AROUND_ANSWER; cut++)
            for (size_t length = 16; length <= 48; length += 32) {
                const struct squad_question *q = &s->questions[i];
                make_example(s, q, t, (struct squad_rules){SQUAD_ANSWER, cut, length}, arena);
                make_example(s, q, t, (struct squad_rules){SQUAD_SEED, cut, length}, arena);
            }
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
