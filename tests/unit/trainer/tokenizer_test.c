/*
 * tokenizer: every id and every text of the reference; then a quadratic loop, as plain as the
 * definition, against random merges; hostile texts; decoding of bytes that are no text.
 */
#include "tests/unit/trainer/small_tokenizer.h"

#include "trainer/tokenizer/tokenizer.h"

static struct tokenizer *small_of(enum splitting splitting, const char *const *merges, size_t n,
                                  struct arena *arena)
{
    struct error err;
    struct tokenizer *t;
    const char *file = small_file_of(splitting, merges, n, arena);

    ASSERT_OK(tokenizer_parse(file, strlen(file), "small", &t, &err));
    return t;
}

static struct tokenizer *small(const char *const *merges, size_t n, struct arena *arena)
{
    return small_of(SPLITTING_BLOOM, merges, n, arena);
}

static void agrees_with_the_library(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    const struct json *cases = shared_json("fixtures/tokenizer.json", arena);
    struct tokenizer *t;

    (void)state;
    ASSERT_OK(tokenizer_open(SHARED "data/tokenizer.json", &t, &err));
    assert_true(cases->n >= 234);
    for (size_t round = 0; round < 2; round++) /* the second time from memory */
        for (size_t c = 0; c < cases->n; c++) {
            const struct json *text = json_get(&cases->items[c], "text");
            const struct json *want = json_get(&cases->items[c], "ids");
            const struct json *decoded = json_get(&cases->items[c], "decoded");
            int32_t *ids;
            char *back;
            size_t n, n_back;
            ASSERT_OK(tokenizer_encode(t, text->string, text->n, arena, &ids, &n, &err));
            assert_int_equal(n, want->n);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(ids[i], want->items[i].integer);
            ASSERT_OK(tokenizer_decode(t, ids, n, true, arena, &back, &n_back, &err));
            assert_int_equal(n_back, decoded->n);
            assert_memory_equal(back, decoded->string, n_back);
        }
    tokenizer_close(t);
    arena_close(arena);
}

/* The definition: merge the best pair, the leftmost of the best, until there is none. */
static size_t merge_plainly(const struct vocabulary *v, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best_rank = v->n_merges, best = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t r = 0; r < best_rank; r++)
                if (v->merges[r].left == (uint32_t)ids[i] &&
                    v->merges[r].right == (uint32_t)ids[i + 1]) {
                    best_rank = r;
                    best = i;
                }
        if (best_rank == v->n_merges)
            return n;
        ids[best] = (int32_t)v->merges[best_rank].merged;
        memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof *ids);
        n--;
    }
}

static unsigned next_random(unsigned *random)
{
    *random = *random * 1103515245 + 12345;
    return *random >> 16;
}

/* 60 merges of what there is, over three letters. Pairs of the same result are not avoided. */
static void random_merges(const char *merges[60], struct arena *arena, unsigned *random)
{
    const char *pool[64] = {"a", "b", "c"};

    for (size_t i = 0; i < 60;) {
        const char *left = pool[next_random(random) % (3 + i)];
        const char *right = pool[next_random(random) % (3 + i)];
        if (strlen(left) + strlen(right) > 12)
            continue;
        merges[i] = arena_printf(arena, "%s %s", left, right);
        pool[3 + i++] = arena_printf(arena, "%s%s", left, right);
    }
}

/* Of a pair that stands twice only the last place counts. */
static struct vocabulary with_last_places(struct vocabulary v, struct arena *arena)
{
    struct vocabulary_merge *kept = arena_array(arena, v.n_merges, sizeof *kept);

    for (size_t i = 0; i < v.n_merges; i++) {
        kept[i] = v.merges[i];
        for (size_t j = i + 1; j < v.n_merges; j++)
            if (v.merges[j].left == kept[i].left && v.merges[j].right == kept[i].right)
                kept[i].left = UINT32_MAX;
    }
    v.merges = kept;
    return v;
}

static void merges_like_the_definition(void **state)
{
    unsigned random = 7;

    (void)state;
    for (int round = 0; round < 60; round++) {
        struct error err;
        struct arena *arena = arena_open();
        const char *merges[60];
        struct vocabulary v;
        struct tokenizer *t;
        random_merges(merges, arena, &random);
        v = with_last_places(small_vocabulary(merges, 60, arena), arena);
        t = small(merges, 60, arena);
        for (int text = 0; text < 60; text++) {
            char letters[200];
            int32_t want[200], *ids;
            size_t n = 1 + next_random(&random) % (text < 30 ? 20 : 199), n_want, n_ids;
            const unsigned kinds = 1 + next_random(&random) % 3;
            for (size_t i = 0; i < n; i++) {
                letters[i] = (char)('a' + next_random(&random) % kinds);
                want[i] = (int32_t)small_find(&v, letters + i, 1);
            }
            n_want = merge_plainly(&v, want, n);
            ASSERT_OK(tokenizer_encode(t, letters, n, arena, &ids, &n_ids, &err));
            assert_int_equal(n_ids, n_want);
            assert_memory_equal(ids, want, n_ids * sizeof *ids);
        }
        tokenizer_close(t);
        arena_close(arena);
    }
}

/*
 * The memory of pieces: few and many ids, in every order, driving each other out (all the more in
 * the small build, where it holds four entries).
 */
static void remembers_without_a_trace(void **state)
{
    enum { TEXTS = 60, LONGEST = 15 };
    struct error err;
    struct arena *arena = arena_open();
    const char *merges[60];
    char letters[TEXTS][LONGEST];
    int32_t want[TEXTS][LONGEST];
    size_t n[TEXTS], n_want[TEXTS];
    unsigned random = 11;
    struct vocabulary v;
    struct tokenizer *t;

    (void)state;
    random_merges(merges, arena, &random);
    v = with_last_places(small_vocabulary(merges, 60, arena), arena);
    t = small(merges, 60, arena);
    for (size_t i = 0; i < TEXTS; i++) {
        n[i] = 1 + i % LONGEST;
        for (size_t k = 0; k < n[i]; k++) { /* letters that nothing merges make many ids */
            letters[i][k] = "abcxyz"[next_random(&random) % (i % 2 ? 3 : 6)];
            want[i][k] = (int32_t)small_find(&v, &letters[i][k], 1);
        }
        n_want[i] = merge_plainly(&v, want[i], n[i]);
    }
    for (int round = 0; round < 20000; round++) {
        const size_t i = next_random(&random) % TEXTS;
        int32_t *ids;
        size_t n_ids;
        ASSERT_OK(tokenizer_encode(t, letters[i], n[i], arena, &ids, &n_ids, &err));
        assert_int_equal(n_ids, n_want[i]);
        assert_memory_equal(ids, want[i], n_ids * sizeof *ids);
    }
    tokenizer_close(t);
    arena_close(arena);
}

static void check_ids(struct tokenizer *t, const char *text, const int32_t *want)
{
    struct error err;
    struct arena *arena = arena_open();
    int32_t *ids;
    size_t n, i;

    ASSERT_OK(tokenizer_encode(t, text, strlen(text), arena, &ids, &n, &err));
    for (i = 0; want[i] >= 0; i++) {
        assert_true(i < n);
        assert_int_equal(ids[i], want[i]);
    }
    assert_int_equal(n, i);
    arena_close(arena);
}

static void cuts_added_tokens_out_first(void **state)
{
    static const char *const merges[] = {"a b", "\xc4\xa0 a", "< s", "<s >"};
    static const char more[] =
        "},{\"id\":263,\"content\":\"<s>x\",\"single_word\":false,\"lstrip\":false,"
        "\"rstrip\":false,\"normalized\":false,\"special\":false}]";
    enum { A = 4 + 'a' - '!', AB = 260, GA = 261, LESS_S = 262, S = 1, SX = 263, X = A + 23 };
    struct error err;
    struct arena *arena = arena_open();
    const char *file = small_file(merges, 4, arena);
    struct tokenizer *t;

    (void)state;
    /* "<s" + ">" makes the special token's id: the merge is there, the text never gets to it. */
    file = replaced(file, "}]", more, arena);
    ASSERT_OK(tokenizer_parse(file, strlen(file), "small", &t, &err));
    assert_int_equal(tokenizer_size(t), 264);
    assert_int_equal(tokenizer_added(t, "</s>"), 2);
    assert_int_equal(tokenizer_added(t, "<s>x"), SX);
    assert_int_equal(tokenizer_added(t, "a"), -1);
    check_ids(t, "<s>", (const int32_t[]){S, -1});
    check_ids(t, "a<s>b", (const int32_t[]){A, S, A + 1, -1}); /* not "ab" */
    check_ids(t, "<s>x<s> a", (const int32_t[]){SX, S, GA, -1});
    check_ids(t, "<s<s>xab", (const int32_t[]){LESS_S, SX, AB, -1});
    check_ids(t, "<s", (const int32_t[]){LESS_S, -1});
    check_ids(t, "", (const int32_t[]){-1});
    check_ids(t, "<s>x", (const int32_t[]){SX, -1});
    check_ids(t, "x<s>", (const int32_t[]){X, S, -1});
    tokenizer_close(t);
    arena_close(arena);
}

/* The file says where texts are cut: the merge across an apostrophe is BLOOM's alone. */
static void cuts_as_the_file_says(void **state)
{
    static const char *const merges[] = {"a '", "' s", "a 's", "\xc4\xa0 \xc4\xa0"};
    enum { A = 4 + 'a' - '!', QUOTE_S = 261, SPACES = 263, SPACE = 4 + 220 };
    static const int32_t whole[] = {260, A + 's' - 'a', SPACES, SPACE, A, -1};
    static const int32_t parted[] = {A, QUOTE_S, SPACES, SPACE, A, -1};
    struct arena *arena = arena_open();

    (void)state;
    for (int i = 0; i < 2; i++) {
        const enum splitting splitting = i == 0 ? SPLITTING_BLOOM : SPLITTING_GPT2;
        struct tokenizer *t = small_of(splitting, merges, 4, arena);
        check_ids(t, "a's   a", i == 0 ? whole : parted);
        tokenizer_close(t);
    }
    arena_close(arena);
}

/* Every byte is a token; nothing of a text is lost, wherever a piece or a key ends. */
static void keeps_every_byte(void **state)
{
    static const char *const merges[] = {"a a", "aa aa"};
    struct error err;
    struct arena *arena = arena_open();
    struct tokenizer *by_rule[] = {small_of(SPLITTING_BLOOM, merges, 2, arena),
                                   small_of(SPLITTING_GPT2, merges, 2, arena)};
    unsigned random = 3;

    (void)state;
    for (int round = 0; round < 6000; round++) {
        struct tokenizer *t = by_rule[round % 2];
        const size_t n = next_random(&random) % 40;
        char text[40], *back;
        int32_t *ids;
        size_t n_ids, n_back;
        for (size_t i = 0; i < n; i++)
            text[i] = (char)("a a\0.z"[next_random(&random) % 6]);
        ASSERT_OK(tokenizer_encode(t, text, n, arena, &ids, &n_ids, &err));
        ASSERT_OK(tokenizer_decode(t, ids, n_ids, false, arena, &back, &n_back, &err));
        assert_int_equal(n_back, n);
        assert_memory_equal(back, text, n);
    }
    tokenizer_close(by_rule[0]);
    tokenizer_close(by_rule[1]);
    arena_close(arena);
}

/* The pieces are one letter a million times, and a million pieces of one letter. */
static void takes_hostile_texts(void **state)
{
    static const char *const merges[] = {"a a", "aa aa", "aaaa aaaa"};
    enum { MILLION = 1000 * 1000 };
    struct error err;
    struct arena *arena = arena_open();
    struct tokenizer *t = small(merges, 3, arena);
    char *text = arena_alloc(arena, MILLION);
    int32_t *ids;
    size_t n;

    (void)state;
    memset(text, 'a', MILLION);
    ASSERT_OK(tokenizer_encode(t, text, MILLION, arena, &ids, &n, &err));
    assert_int_equal(n, MILLION / 8);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ids[i], SMALL_FIRST_MERGE + 2);
    for (size_t i = 0; i < MILLION; i += 2)
        text[i] = '.';
    ASSERT_OK(tokenizer_encode(t, text, MILLION, arena, &ids, &n, &err));
    assert_int_equal(n, MILLION);
    memset(text, '<', MILLION); /* every one may begin an added token */
    ASSERT_OK(tokenizer_encode(t, text, MILLION, arena, &ids, &n, &err));
    assert_int_equal(n, MILLION);
    memset(text, 0xff, MILLION);
    ASSERT_OK(tokenizer_encode(t, text, MILLION, arena, &ids, &n, &err));
    assert_int_equal(n, MILLION);
    assert_int_equal(tokenizer_encode(t, text, SIZE_MAX, arena, &ids, &n, &err), ERR_INPUT);
    tokenizer_close(t);
    arena_close(arena);
}

static void check_text(const struct tokenizer *t, const char *bytes, size_t n, const char *want)
{
    struct error err;
    struct arena *arena = arena_open();
    int32_t ids[16];
    char *text;
    size_t n_text;

    for (size_t i = 0; i < n; i++) { /* the ids of single bytes, by their character's place */
        unsigned char order[ALPHABET_SIZE];
        alphabet_order(order);
        ids[i] = 4 + (int32_t)((const unsigned char *)memchr(order, (unsigned char)bytes[i],
                                                             sizeof order) -
                               order);
    }
    ASSERT_OK(tokenizer_decode(t, ids, n, true, arena, &text, &n_text, &err));
    assert_string_equal(text, want);
    assert_int_equal(n_text, strlen(want));
    arena_close(arena);
}

#define FFFD "\xef\xbf\xbd"

/* As Rust's from_utf8_lossy: one U+FFFD for each longest beginning of a character. */
static void replaces_what_is_no_text(void **state)
{
    struct arena *arena = arena_open();
    struct tokenizer *t = small(NULL, 0, arena);

    (void)state;
    check_text(t, "", 0, "");
    check_text(t, "\xa8\xa9", 2, FFFD FFFD);
    check_text(t, "a\xe2\x82", 3, "a" FFFD);
    check_text(t, "\xe2\x82\xac", 3, "\xe2\x82\xac");
    check_text(t, "\xe2\x82z", 3, FFFD "z");
    check_text(t, "\xf0\x9f\x98\xe2\x82\xac", 6, FFFD "\xe2\x82\xac");
    check_text(t, "\xf0\x8f\x80\x80", 4, FFFD FFFD FFFD FFFD); /* overlong */
    check_text(t, "\xed\xa0\x80", 3, FFFD FFFD FFFD);          /* a surrogate */
    check_text(t, "\xf4\x90\x80\x80", 4, FFFD FFFD FFFD FFFD); /* beyond U+10FFFF */
    check_text(t, "\xc0\x80", 2, FFFD FFFD);
    check_text(t,
               "\xff"
               "a",
               2, FFFD "a");
    tokenizer_close(t);
    arena_close(arena);
}

static void leaves_out_what_it_is_told_to(void **state)
{
    static const int32_t ids[] = {1, 4 + 'a' - '!', 2, -1, 260, INT32_MAX, 3};
    struct error err;
    struct arena *arena = arena_open();
    struct tokenizer *t = small(NULL, 0, arena);
    char *text;

    (void)state;
    ASSERT_OK(tokenizer_decode(t, ids, 7, true, arena, &text, NULL, &err));
    assert_string_equal(text, "a");
    ASSERT_OK(tokenizer_decode(t, ids, 7, false, arena, &text, NULL, &err));
    assert_string_equal(text, "<s>a</s><pad>");
    tokenizer_close(t);
    tokenizer_close(NULL);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_library),
        cmocka_unit_test(merges_like_the_definition),
        cmocka_unit_test(remembers_without_a_trace),
        cmocka_unit_test(cuts_added_tokens_out_first),
        cmocka_unit_test(cuts_as_the_file_says),
        cmocka_unit_test(keeps_every_byte),
        cmocka_unit_test(takes_hostile_texts),
        cmocka_unit_test(replaces_what_is_no_text),
        cmocka_unit_test(leaves_out_what_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
