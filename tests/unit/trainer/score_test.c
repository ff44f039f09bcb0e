/* score: the official scorer's numbers, those of the reference file to the last bit. */
#include "tests/unit/trainer/fixture.h"

#include "trainer/squad/score.h"

static struct score_text text_of(const struct json *string)
{
    return (struct score_text){string->string, string->n};
}

static void agrees_with_the_official_scorer(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    const struct json *cases = shared_json("fixtures/squad_metrics.json", arena);

    (void)state;
    assert_true(cases->n >= 73);
    for (size_t c = 0; c < cases->n; c++) {
        const struct json *one = &cases->items[c], *answers = json_get(one, "answers");
        const struct score_text prediction = text_of(json_get(one, "prediction"));
        struct score_text list[16] = {{NULL, 0}};
        double x;
        for (size_t i = 0; i < answers->n; i++)
            list[i] = text_of(&answers->items[i]);
        ASSERT_OK(score_exact_match(prediction, list, answers->n, &x, &err));
        assert_true(x == json_get(one, "exact_match")->number);
        ASSERT_OK(score_f1(prediction, list, answers->n, &x, &err));
        assert_true(x == json_get(one, "f1")->number);
        ASSERT_OK(score_f1_set(prediction, list[0], &x, &err));
        assert_true(x == json_get(one, "f1_set_first")->number);
    }
    arena_close(arena);
}

static void check(const char *prediction, const char *answer, double exact, double f1, double set)
{
    struct error err;
    const struct score_text p = {prediction, strlen(prediction)}, a = {answer, strlen(answer)};
    double x;

    ASSERT_OK(score_exact_match(p, &a, 1, &x, &err));
    assert_true(x == exact);
    ASSERT_OK(score_f1(p, &a, 1, &x, &err));
    assert_true(x == f1);
    ASSERT_OK(score_f1_set(p, a, &x, &err));
    assert_true(x == set);
}

static void normalises(void **state)
{
    (void)state;
    check("", "", 1, 0, 0);
    check("the", "an a", 1, 0, 0);
    check("The cat.", "cat", 1, 1, 1);
    check("th.e cat", "cat", 1, 1, 1);                 /* punctuation goes first */
    check("then cat", "cat", 0, 2.0 / 3, 2.0 / 3);     /* an article is a whole word */
    check("a\xcc\x81 cat", "\xcc\x81 cat", 1, 1, 1);   /* an accent is no letter */
    check("a\xe2\x80\x93z", "\xe2\x80\x93z", 1, 1, 1); /* nor is a dash */
    check("x\xc2\xa0y\x1cz", "x y z", 1, 1, 1);        /* white space of any kind */
    check("x_y", "xy", 1, 1, 1);
    check("a a a", "", 1, 0, 0);
    check("dog dog cat", "dog", 0, 0.5, 0.5);
    check("dog dog", "dog dog", 1, 1, 0.5);
}

static void takes_nuls_and_long_texts(void **state)
{
    enum { MANY = 200000 };
    struct error err;
    struct arena *arena = arena_open();
    char *words = arena_alloc(arena, (size_t)2 * MANY);
    struct score_text p = {words, (size_t)2 * MANY}, a = {"x\0y", 3}, b = {"x", 1};
    double x;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        words[2 * i] = 'x', words[2 * i + 1] = ' ';
    ASSERT_OK(score_f1(p, &p, 1, &x, &err));
    assert_true(x == 1);
    ASSERT_OK(score_f1(p, &b, 1, &x, &err));
    assert_true(x == 2.0 / (MANY + 1));
    ASSERT_OK(score_exact_match(a, &b, 1, &x, &err));
    assert_true(x == 0);
    ASSERT_OK(score_exact_match(a, &a, 1, &x, &err));
    assert_true(x == 1);
    arena_close(arena);
}

static void takes_the_best_answer(void **state)
{
    static const struct score_text answers[] = {{"x", 1}, {"y z", 3}, {"y", 1}};
    struct error err;
    double x;

    (void)state;
    ASSERT_OK(score_f1((struct score_text){"y", 1}, answers, 2, &x, &err));
    assert_true(x == 2.0 / 3);
    ASSERT_OK(score_exact_match((struct score_text){"y", 1}, answers, 2, &x, &err));
    assert_true(x == 0);
    ASSERT_OK(score_exact_match((struct score_text){"y", 1}, answers, 3, &x, &err));
    assert_true(x == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_official_scorer),
        cmocka_unit_test(normalises),
        cmocka_unit_test(takes_nuls_and_long_texts),
        cmocka_unit_test(takes_the_best_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
