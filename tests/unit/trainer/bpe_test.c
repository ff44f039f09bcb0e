/*
 * bpe: the library's merges on the reference texts; by hand, what its rules mean where counts are
 * equal, tokens repeat and a merge spells a special token. More against the library itself is in
 * tests/e2e/tokenizer_test.py.
 */
#include "tests/unit/trainer/fixture.h"

#include "base/text.h"
#include "trainer/squad/squad.h"
#include "trainer/tokenizer/bpe.h"
#include "trainer/tokenizer/tokenizer.h"
#include "trainer/tokenizer/vocabulary.h"

static void check_merges(const struct vocabulary *v, const struct json *want)
{
    assert_int_equal(v->n_merges, want->n);
    for (size_t i = 0; i < want->n; i++) {
        assert_string_equal(v->tokens[v->merges[i].left].spelling, want->items[i].items[0].string);
        assert_string_equal(v->tokens[v->merges[i].right].spelling, want->items[i].items[1].string);
    }
}

/* Adds the first `left` texts of a paragraph, and takes them off. */
static void add_paragraph(struct bpe *b, const struct squad *s, size_t paragraph, size_t *left)
{
    struct error err;
    const struct squad_paragraph *p = &s->paragraphs[paragraph];

    if (*left == 0)
        return;
    ASSERT_OK(bpe_add(b, p->context.bytes, p->context.n, &err));
    (*left)--;
    for (size_t q = p->first; q<p->first + p->n && * left> 0; q++, (*left)--)
        ASSERT_OK(bpe_add(b, s->questions[q].question.bytes, s->questions[q].question.n, &err));
}

static void agrees_with_the_library(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    const struct json *cases = shared_json("fixtures/bpe_training.json", arena);
    struct squad s;

    (void)state;
    ASSERT_OK(squad_read(SHARED "data/squad/dataset/train-v1.1.json", arena, &s, &err));
    for (size_t c = 0; c < cases->n; c++) {
        const struct json *one = &cases->items[c];
        size_t left = (size_t)json_get(one, "texts")->integer;
        struct vocabulary v;
        struct bpe *b = NULL;
        ASSERT_OK(bpe_open(SPLITTING_BLOOM, &b, &err));
        for (size_t p = 0; p < s.n_paragraphs; p++)
            add_paragraph(b, &s, p, &left);
        assert_int_equal(left, 0);
        ASSERT_OK(bpe_train(b, (size_t)json_get(one, "vocab_size")->integer,
                            json_get(one, "min_frequency")->integer, arena, &v, &err));
        assert_int_equal(v.n_tokens, json_get(one, "size")->integer);
        for (size_t i = 0; i < 264; i++)
            assert_string_equal(v.tokens[i].spelling, json_get(one, "first_ids")->items[i].string);
        check_merges(&v, json_get(one, "merges"));
        bpe_close(b);
    }
    arena_close(arena);
}

/* Trains on texts that end with NULL; the merges are "left right" and end with NULL. */
static void check(const char *const *texts, size_t size, int64_t min_frequency,
                  const char *const *want)
{
    struct error err;
    struct arena *arena = arena_open();
    struct vocabulary v = {0};
    struct bpe *b = NULL;
    size_t n_want = 0;

    while (want[n_want])
        n_want++;
    ASSERT_OK(bpe_open(SPLITTING_BLOOM, &b, &err));
    for (size_t i = 0; texts[i]; i++)
        ASSERT_OK(bpe_add(b, texts[i], strlen(texts[i]), &err));
    ASSERT_OK(bpe_train(b, size, min_frequency, arena, &v, &err));
    assert_int_equal(v.n_merges, n_want);
    for (size_t i = 0; i < n_want; i++) {
        const char *merge = arena_printf(arena, "%s %s", v.tokens[v.merges[i].left].spelling,
                                         v.tokens[v.merges[i].right].spelling);
        assert_string_equal(merge, want[i]);
    }
    bpe_close(b);
    arena_close(arena);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ((const char *const[]){NULL})

static void follows_the_rules(void **state)
{
    (void)state;
    check(NOTHING, 300, 0, NOTHING);
    check(TEXTS(""), 300, 0, NOTHING);
    check(TEXTS("ab"), 260, 0, NOTHING);                   /* full from the beginning */
    check(TEXTS("ab"), 300, 2, NOTHING);                   /* too rare */
    check(TEXTS("ab"), 300, 1, TEXTS("a b"));              /* once is enough */
    check(TEXTS("cd", "ab"), 300, 1, TEXTS("a b", "c d")); /* equal: the smaller ids first */
    check(TEXTS("ab.cd.cd"), 300, 1, TEXTS("c d", "a b"));
    check(TEXTS("aaaa"), 300, 1, TEXTS("a a", "aa aa"));
    check(TEXTS("aaaaa"), 300, 1, TEXTS("a a", "aa a", "aa aaa"));
    check(TEXTS("abc abc"), 300, 2, TEXTS("a b", "ab c"));
    check(TEXTS(" a a"), 300, 2, TEXTS("\xc4\xa0 a"));
    check(TEXTS("\xc3\xa9\xc3\xa9"), 300, 2, TEXTS("\xc3\x83 \xc2\xa9"));
}

/* "<" "s>" spells a token that exists: the merge takes no id of its own. */
static void a_merge_may_spell_a_special_token(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    struct vocabulary v;
    struct bpe *b = NULL;

    (void)state;
    ASSERT_OK(bpe_open(SPLITTING_BLOOM, &b, &err));
    ASSERT_OK(bpe_add(b, "a<s>b<s>", 8, &err)); /* a piece of its own, wherever it stands */
    ASSERT_OK(bpe_train(b, 300, 2, arena, &v, &err));
    assert_int_equal(v.n_merges, 2);
    assert_string_equal(v.tokens[v.merges[0].left].spelling, "<");
    assert_string_equal(v.tokens[v.merges[0].right].spelling, "s");
    assert_int_equal(v.merges[1].merged, 1);
    assert_int_equal(v.n_tokens, 261);
    bpe_close(b);
    bpe_close(NULL);
    arena_close(arena);
}

/* What is learned is read again, and used. */
static void makes_a_tokenizer(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    struct text file = text_in(arena);
    struct vocabulary v;
    struct tokenizer *t;
    struct bpe *b = NULL;
    char *bytes;
    int32_t *ids;
    size_t n;

    (void)state;
    ASSERT_OK(bpe_open(SPLITTING_BLOOM, &b, &err));
    ASSERT_OK(bpe_add(b, "low lower lowest", 16, &err));
    ASSERT_OK(bpe_train(b, 262, 2, arena, &v, &err));
    bpe_close(b);
    vocabulary_format(&v, &file);
    ASSERT_OK(text_finish(&file, &bytes, &n, &err));
    ASSERT_OK(tokenizer_parse(bytes, n, "made", &t, &err));
    ASSERT_OK(tokenizer_encode(t, "low</s>", 7, arena, &ids, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 261); /* l + ow, or lo + w: the second merge either way */
    assert_int_equal(ids[1], 2);
    tokenizer_close(t);
    arena_close(arena);
}

/* One special token, which a text may hold as any other text; pieces as GPT-2 cuts them. */
static void learns_by_gpt2s_rules(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    struct vocabulary v;
    struct bpe *b = NULL;

    (void)state;
    assert_int_equal(bpe_vocabulary_min(SPLITTING_BLOOM), 260);
    assert_int_equal(bpe_vocabulary_min(SPLITTING_GPT2), 257);
    ASSERT_OK(bpe_open(SPLITTING_GPT2, &b, &err));
    ASSERT_OK(bpe_add(b, "it's<|endoftext|>it's", 21, &err));
    ASSERT_OK(bpe_train(b, 300, 2, arena, &v, &err));
    assert_int_equal(v.splitting, SPLITTING_GPT2);
    assert_int_equal(v.n_added, 1);
    assert_string_equal(v.tokens[0].spelling, "<|endoftext|>");
    assert_string_equal(v.tokens[1].spelling, "!");
    assert_int_equal(v.n_merges, 2);
    assert_string_equal(v.tokens[257].spelling, "'s");
    assert_string_equal(v.tokens[258].spelling, "it");
    bpe_close(b);
    ASSERT_OK(bpe_open(SPLITTING_GPT2, &b, &err));
    ASSERT_OK(bpe_add(b, "<|endoftext|>", 13, &err));
    ASSERT_OK(bpe_train(b, 1000, 1, arena, &v, &err));
    assert_int_equal(v.n_merges, 1 + 8 + 1); /* "<|", "endoftext", "|>" */
    bpe_close(b);
    arena_close(arena);
}

static void bounds_its_input(void **state)
{
    enum { LONG = 200000 };
    struct error err = {0};
    struct arena *arena = arena_open();
    char *text = arena_alloc(arena, LONG);
    struct vocabulary v;
    struct bpe *b = NULL;

    (void)state;
    memset(text, 'a', LONG);
    ASSERT_OK(bpe_open(SPLITTING_BLOOM, &b, &err));
    assert_int_equal(bpe_add(b, text, SIZE_MAX, &err), ERR_INPUT);
    ASSERT_OK(bpe_add(b, text, LONG, &err));
    assert_int_equal(bpe_train(b, 300, 1, arena, &v, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "long repetitions"));
    bpe_close(b);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_library),
        cmocka_unit_test(follows_the_rules),
        cmocka_unit_test(a_merge_may_spell_a_special_token),
        cmocka_unit_test(makes_a_tokenizer),
        cmocka_unit_test(learns_by_gpt2s_rules),
        cmocka_unit_test(bounds_its_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
