/*
 * The n-th allocation fails, for every n, once and for good, while a tokenizer is trained, written,
 * read and used, examples are made and an answer is scored: ERR_MEMORY and a sentence, nothing
 * leaks, and afterwards all of it works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "trainer/squad/score.h"
#include "trainer/squad/squad.h"
#include "trainer/tokenizer/bpe.h"
#include "trainer/tokenizer/tokenizer.h"
#include "trainer/tokenizer/vocabulary.h"

#ifdef HPO_FAULTS
enum { CALLS_MAX = 20000, LONG = 300 };

static const char text[] = "low lower lowest wide wider widest <s>";
static const char file[] =
    "{\"data\": [{\"paragraphs\": [{\"context\": \"low, lower\", \"qas\": [{\"id\": \"1\","
    " \"question\": \"What?\", \"answers\": [{\"text\": \"low\"}]}]}]}]}";

/* A tokenizer trained on the text, as a file. */
static enum status train(struct arena *arena, char **bytes, size_t *n, struct error *err)
{
    enum status s;
    struct bpe *b = NULL;
    struct vocabulary v;
    struct text out = text_in(arena);

    if ((s = bpe_open(SPLITTING_BLOOM, &b, err)) == OK &&
        (s = bpe_add(b, text, strlen(text), err)) == OK &&
        (s = bpe_train(b, 300, 1, arena, &v, err)) == OK) {
        vocabulary_format(&v, &out);
        s = text_finish(&out, bytes, n, err);
    }
    bpe_close(b);
    return s;
}

static enum status use(struct tokenizer *t, struct arena *arena, struct error *err)
{
    const struct score_text answer = {"the low", 7};
    const struct squad_rules answers = {SQUAD_ANSWER, SQUAD_CUT_AROUND_ANSWER, 20},
                             seeds = {SQUAD_SEED, SQUAD_CUT_END, 64};
    char letters[LONG], *decoded;
    int32_t *ids;
    size_t n;
    double x;
    struct squad s;
    struct squad_example e;

    memset(letters, 'e', sizeof letters);
    TRY(tokenizer_encode(t, letters, sizeof letters, arena, &ids, &n, err));
    TRY(tokenizer_decode(t, ids, n, true, arena, &decoded, &n, err));
    TRY(squad_parse(file, strlen(file), "file", arena, &s, err));
    TRY(squad_example(&s, s.questions, t, &answers, arena, &e, err));
    TRY(squad_example(&s, s.questions, t, &seeds, arena, &e, err));
    TRY(score_exact_match((struct score_text){"low", 3}, &answer, 1, &x, err));
    return score_f1((struct score_text){"low", 3}, &answer, 1, &x, err);
}

static enum status everything(struct error *err)
{
    enum status s;
    struct tokenizer *t = NULL;
    char *bytes;
    size_t n;
    struct arena *arena = arena_open();

    if (!arena)
        return error_memory(err);
    if ((s = train(arena, &bytes, &n, err)) == OK &&
        (s = tokenizer_parse(bytes, n, "trained", &t, err)) == OK)
        s = use(t, arena, err);
    tokenizer_close(t);
    arena_close(arena);
    return s;
}

/* Several in a row may be survived (a place in no message): the end is a longer stretch. */
static void fail_each(bool persistent)
{
    enum { STRETCH = 40 };
    long n = 1, successes = 0;

    while (successes < STRETCH) {
        struct error err = {.where = ""};
        enum status s;
        arena_fail_at(n, persistent);
        s = everything(&err);
        arena_fail_at(0, 0);
        if (s != OK && (s != ERR_MEMORY || !err.text[0]))
            fail_msg("allocation %ld: status %d: %s: %s", n, s, err.where, err.text);
        assert_int_equal(everything(&err), OK);
        successes = s == OK ? successes + 1 : 0;
        assert_true(++n < CALLS_MAX);
    }
    print_message("%ld allocations\n", n - 1 - STRETCH);
    assert_true(n > 50 + STRETCH);
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    fail_each(false);
}

static void each_allocation_fails_for_good(void **state)
{
    (void)state;
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(each_allocation_fails_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    (void)puts("SKIP: built without HPO_FAULTS: allocations cannot be made to fail");
    return 77;
}
#endif
