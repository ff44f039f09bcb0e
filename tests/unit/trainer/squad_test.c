/*
 * squad: the examples of the reference folders, to the id; both kinds of labels where they are cut
 * and padded; and every way in which a file can be broken, with the place in the message.
 */
#include "tests/unit/trainer/small_tokenizer.h"

#include "trainer/squad/squad.h"
#include "trainer/tokenizer/tokenizer.h"

static struct squad_text text_of(const struct json *object, const char *name)
{
    const struct json *string = json_get(object, name);

    return (struct squad_text){string->string, string->n};
}

/* A row of the reference is padded to max_length; ours has no more than it needs. */
static void check_row(const struct squad_example *e, const struct json *want)
{
    const struct json *ids = json_get(want, "input_ids"), *mask = json_get(want, "attention_mask");
    const struct json *labels = json_get(want, "labels");

    assert_true(e->n <= ids->n && e->n_real <= e->n);
    for (size_t i = 0; i < ids->n; i++) {
        assert_int_equal(mask->items[i].integer, i < e->n_real);
        assert_int_equal(i < e->n ? e->input_ids[i] : 3, ids->items[i].integer);
        assert_int_equal(i < e->n ? e->labels[i] : SQUAD_IGNORED, labels->items[i].integer);
    }
}

static void check_folder(const char *folder)
{
    struct error err;
    struct arena *arena = arena_open();
    const struct json *rows =
        shared_json(arena_printf(arena, "fixtures/%s/examples.json", folder), arena);
    const struct json *run =
        shared_json(arena_printf(arena, "fixtures/%s/train.json", folder), arena);
    const size_t max_length = (size_t)json_get(json_get(run, "settings"), "max_length")->integer;
    struct tokenizer *t;

    ASSERT_OK(tokenizer_open(arena_printf(arena, SHARED "fixtures/%s/model/tokenizer.json", folder),
                             &t, &err));
    assert_true(rows->n >= 20);
    for (size_t r = 0; r < rows->n; r++) {
        const struct json *row = &rows->items[r];
        const struct squad_text answer = text_of(row, "answer");
        const struct squad_paragraph paragraph = {text_of(row, "context"), 0, 1};
        const struct squad_question question = {
            text_of(row, "id"), text_of(row, "question"), &answer, 1, -1, 0};
        const struct squad s = {&paragraph, 1, &question, 1};
        struct squad_rules rules = {SQUAD_ANSWER, SQUAD_CUT_END, max_length};
        struct squad_example e;
        ASSERT_OK(squad_example(&s, &question, t, &rules, arena, &e, &err));
        check_row(&e, json_get(row, "answer_mode"));
        rules.labels = SQUAD_SEED;
        ASSERT_OK(squad_example(&s, &question, t, &rules, arena, &e, &err));
        check_row(&e, json_get(row, "seed_mode"));
    }
    tokenizer_close(t);
    arena_close(arena);
}

static void makes_the_reference_examples(void **state)
{
    (void)state;
    check_folder("bloom-answer");
    check_folder("bloom-seed-labels");
    check_folder("bloom-16-heads");
}

static const char small[] =
    "{\"version\": \"1.1\", \"data\": [{\"title\": \"t\", \"paragraphs\": ["
    "{\"context\": \"c0\", \"qas\": []},"
    "{\"context\": \"c1\", \"qas\": ["
    "{\"id\": \"i0\", \"question\": \"q0\", \"answers\": [{\"text\": \"x\", \"answer_start\": 0},"
    "{\"text\": \"y\"}]},"
    "{\"id\": \"i1\", \"question\": \"q1\", \"answers\": [{\"text\": \"z\"}]}]}]},"
    "{\"paragraphs\": []},"
    "{\"paragraphs\": [{\"context\": \"c2\", \"qas\": ["
    "{\"id\": \"i2\", \"question\": \"q2\", \"answers\": [{\"text\": \"\"}]}]}]}]}";

static void reads_in_the_order_of_the_file(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    struct squad s;

    (void)state;
    ASSERT_OK(squad_parse(small, strlen(small), "s.json", arena, &s, &err));
    assert_int_equal(s.n_paragraphs, 3);
    assert_int_equal(s.n_questions, 3);
    assert_string_equal(s.paragraphs[0].context.bytes, "c0");
    assert_int_equal(s.paragraphs[0].n, 0);
    assert_int_equal(s.paragraphs[1].first, 0);
    assert_int_equal(s.paragraphs[1].n, 2);
    assert_int_equal(s.paragraphs[2].first, 2);
    assert_string_equal(s.questions[0].id.bytes, "i0");
    assert_int_equal(s.questions[0].n_answers, 2);
    assert_string_equal(s.questions[0].answers[1].bytes, "y");
    assert_int_equal(s.questions[1].paragraph, 1);
    assert_int_equal(s.questions[2].paragraph, 2);
    assert_int_equal(s.questions[2].answers[0].n, 0);
    arena_close(arena);
}

static void refuses(const char *from, const char *to, const char *message)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    const char *file = replaced(small, from, to, arena);
    struct squad s;

    assert_int_equal(squad_parse(file, strlen(file), "s.json", arena, &s, &err), ERR_INPUT);
    assert_string_equal(err.where, "s.json");
    assert_string_equal(err.text, message);
    arena_close(arena);
}

static void says_where_a_file_is_broken(void **state)
{
    static const char *const whole[] = {"[]", "3", "null", "\"data\""};
    struct arena *arena = arena_open();

    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        struct error err = {0};
        struct squad s;
        assert_int_equal(squad_parse(whole[i], strlen(whole[i]), "s.json", arena, &s, &err),
                         ERR_INPUT);
        assert_string_equal(err.where, "s.json");
    }
    arena_close(arena);
    refuses("\"data\"", "\"date\"", "data: expected a list, found nothing");
    refuses("{\"paragraphs\": []}", "[]", "data[1]: expected an object, found a list");
    refuses("{\"paragraphs\": []}", "{}", "data[1].paragraphs: expected a list, found nothing");
    refuses("\"paragraphs\": []", "\"paragraphs\": {}",
            "data[1].paragraphs: expected a list, found an object");
    refuses("{\"context\": \"c0\", \"qas\": []}", "1",
            "data[0].paragraphs[0]: expected an object, found a number");
    refuses("\"c0\"", "null", "data[0].paragraphs[0].context: expected a string, found null");
    refuses("\"context\": \"c2\", ", "",
            "data[2].paragraphs[0].context: expected a string, found nothing");
    refuses("\"qas\": []", "\"qas\": \"\"",
            "data[0].paragraphs[0].qas: expected a list, found a string");
    refuses("\"qas\": []", "\"qas\": [false]",
            "data[0].paragraphs[0].qas[0]: expected an object, found a boolean");
    refuses("\"i1\"", "7", "data[0].paragraphs[1].qas[1].id: expected a string, found a number");
    refuses("\"question\": \"q1\"", "\"query\": \"q1\"",
            "data[0].paragraphs[1].qas[1].question: expected a string, found nothing");
    refuses("[{\"text\": \"z\"}]", "{}",
            "data[0].paragraphs[1].qas[1].answers: expected a list, found an object");
    refuses("[{\"text\": \"z\"}]", "[]",
            "data[0].paragraphs[1].qas[1].answers: expected at least one");
    refuses("{\"text\": \"y\"}", "{\"text\": []}",
            "data[0].paragraphs[1].qas[0].answers[1].text: expected a string, found a list");
    refuses("{\"text\": \"y\"}", "\"y\"",
            "data[0].paragraphs[1].qas[0].answers[1].text: expected a string, found nothing");
}

/* Without merges every byte is a token: prompts and answers can be counted by hand. */
static void check_small(enum squad_labels labels, size_t max_length, const char *answer, size_t n,
                        size_t n_real, size_t first_label, size_t n_labels)
{
    struct error err;
    struct arena *arena = arena_open();
    const char *file = small_file(NULL, 0, arena);
    const struct squad_text text = {answer, strlen(answer)};
    const struct squad_paragraph paragraph = {{"c", 1}, 0, 1};
    const struct squad_question question = {{"i", 1}, {"q", 1}, &text, 1, -1, 0};
    const struct squad s = {&paragraph, 1, &question, 1};
    const struct squad_rules rules = {labels, SQUAD_CUT_END, max_length};
    struct squad_example e;
    struct tokenizer *t;

    ASSERT_OK(tokenizer_parse(file, strlen(file), "small", &t, &err));
    ASSERT_OK(squad_example(&s, &question, t, &rules, arena, &e, &err));
    assert_int_equal(e.n, n);
    assert_int_equal(e.n_real, n_real);
    for (size_t i = 0; i < n; i++) {
        const bool labelled = i >= first_label && i < first_label + n_labels;
        assert_int_equal(e.labels[i] != SQUAD_IGNORED, labelled);
        if (labelled && labels == SQUAD_ANSWER)
            assert_int_equal(e.labels[i], e.input_ids[i]);
        assert_int_equal(e.input_ids[i] == 3, i >= n_real);
    }
    tokenizer_close(t);
    arena_close(arena);
}

static void cuts_and_pads(void **state)
{
    enum { PROMPT = 29 }; /* "Question: q Context: c Answer:" less one */

    (void)state;
    check_small(SQUAD_ANSWER, 100, "xy", PROMPT + 1 + 4, PROMPT + 1 + 4, PROMPT + 1, 4);
    check_small(SQUAD_ANSWER, 20, "xy", 20, 20, 16, 4);
    check_small(SQUAD_ANSWER, 4, "xy", 4, 4, 0, 4);
    check_small(SQUAD_ANSWER, 100, "", PROMPT + 1 + 2, PROMPT + 1 + 2, PROMPT + 1, 2);
    check_small(SQUAD_SEED, 100, "xy", PROMPT + 1, PROMPT + 1, 0, 2);
    check_small(SQUAD_SEED, 5, "xy", 5, 5, 0, 2);
    check_small(SQUAD_SEED, 5, "0123456789", 5, 5, 0, 5);
    check_small(SQUAD_SEED, 100, "0123456789012345678901234567890123456789", 40, PROMPT + 1, 0, 40);
}

/* A prompt in `room` tokens, which without merges are bytes, as text. */
static void check_prompt(const char *context, const char *answer, int64_t start, enum squad_cut cut,
                         size_t room, const char *want)
{
    struct error err;
    struct arena *arena = arena_open();
    const char *file = small_file(NULL, 0, arena);
    const struct squad_text text = {answer, strlen(answer)};
    const struct squad_paragraph paragraph = {{context, strlen(context)}, 0, 1};
    const struct squad_question question = {{"i", 1}, {"q", 1}, &text, 1, start, 0};
    const struct squad s = {&paragraph, 1, &question, 1};
    const struct squad_rules rules = {SQUAD_ANSWER, cut, room};
    struct squad_prompt p;
    struct tokenizer *t;
    char *decoded;
    size_t n;

    ASSERT_OK(tokenizer_parse(file, strlen(file), "small", &t, &err));
    ASSERT_OK(squad_prompt(&s, &question, t, &rules, arena, &p, &err));
    ASSERT_OK(tokenizer_decode(t, p.ids, p.n, false, arena, &decoded, &n, &err));
    assert_string_equal(decoded, want);
    assert_int_equal(p.cut, p.n == room && strlen(want) < strlen(context) + 28);
    tokenizer_close(t);
    arena_close(arena);
}

#define HEAD "Question: q Context:"
#define END " Answer:"
enum { AROUND = sizeof HEAD END - 1 }; /* what is not the context */

static void keeps_the_question_and_the_end_of_a_long_prompt(void **state)
{
    (void)state;
    check_prompt("abcdefghij", "h", 7, SQUAD_CUT_END, AROUND, HEAD " abcdefg");
    check_prompt("abcdefghij", "h", 7, SQUAD_CUT_CONTEXT, AROUND + 5, HEAD " abcd" END);
    check_prompt("abcdefghij", "h", 7, SQUAD_CUT_CONTEXT, AROUND + 11, HEAD " abcdefghij" END);
    check_prompt("abcdefghij", "h", 7, SQUAD_CUT_CONTEXT, AROUND, HEAD END);
    check_prompt("abcdefghij", "h", 7, SQUAD_CUT_CONTEXT, 12, "Ques" END);
    check_prompt("abcdefghij", "h", 7, SQUAD_CUT_CONTEXT, 3, " An");
    check_prompt("a, b. c! ", "h", 7, SQUAD_CUT_CONTEXT, AROUND + 6, HEAD " a, b." END);
}

static void keeps_the_context_around_the_answer(void **state)
{
    const enum squad_cut around = SQUAD_CUT_AROUND_ANSWER;

    (void)state;
    check_prompt("abcdefghij", "f", 5, around, AROUND + 3, HEAD "efg" END);
    check_prompt("abcdefghij", "efg", 4, around, AROUND + 5, HEAD "defgh" END);
    check_prompt("abcdefghij", "a", 0, around, AROUND + 4, HEAD " abc" END); /* at the beginning */
    check_prompt("abcdefghij", "j", 9, around, AROUND + 4, HEAD "ghij" END); /* at the end */
    check_prompt("abcdefghij", "defgh", 3, around, AROUND + 2,
                 HEAD "de" END);                                            /* longer than room */
    check_prompt("a.a.a.b.a.", "a", 8, around, AROUND + 3, HEAD ".a." END); /* the fourth of them */
    check_prompt("a.a.a.b.a.", "b", -1, around, AROUND + 3, HEAD ".b." END); /* no place is given */
    check_prompt("a.a.a.b.a.", "b", 2, around, AROUND + 3, HEAD ".b." END);  /* a wrong one */
    check_prompt("a.a.a.b.a.", "b", 99, around, AROUND + 3, HEAD ".b." END);
    check_prompt("abcdefghij", "x", 5, around, AROUND + 3, HEAD " ab" END); /* it is not there */
    check_prompt("\xc3\xa9\xc3\xa9\xc3\xa9xyz--", "y", 4, around, AROUND + 3, HEAD "xyz" END);
}

static void refuses_what_cannot_be_an_example(void **state)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    const char *file = small_file(NULL, 0, arena);
    const struct squad_text text = {"xy", 2};
    const struct squad_paragraph paragraph = {{"c", 1}, 0, 1};
    const struct squad_question question = {{"i7", 2}, {"q", 1}, &text, 1, -1, 0};
    const struct squad s = {&paragraph, 1, &question, 1};
    struct squad_rules rules = {SQUAD_ANSWER, SQUAD_CUT_END, 3};
    struct squad_example e;
    struct tokenizer *t;

    (void)state;
    ASSERT_OK(tokenizer_parse(file, strlen(file), "small", &t, &err));
    assert_int_equal(squad_example(&s, &question, t, &rules, arena, &e, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "question i7"));
    tokenizer_close(t);
    file = replaced(file,
                    "{\"id\":2,\"content\":\"</s>\",\"single_word\":false,\"lstrip\":false,"
                    "\"rstrip\":false,\"normalized\":false,\"special\":true},",
                    "", arena);
    ASSERT_OK(tokenizer_parse(file, strlen(file), "small", &t, &err));
    rules.max_length = 100;
    assert_int_equal(squad_example(&s, &question, t, &rules, arena, &e, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "</s>"));
    rules.labels = SQUAD_SEED;
    ASSERT_OK(squad_example(&s, &question, t, &rules, arena, &e, &err));
    tokenizer_close(t);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_reference_examples),
        cmocka_unit_test(reads_in_the_order_of_the_file),
        cmocka_unit_test(says_where_a_file_is_broken),
        cmocka_unit_test(cuts_and_pads),
        cmocka_unit_test(keeps_the_question_and_the_end_of_a_long_prompt),
        cmocka_unit_test(keeps_the_context_around_the_answer),
        cmocka_unit_test(refuses_what_cannot_be_an_example),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
