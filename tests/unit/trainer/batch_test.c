/* batch: what of an example is kept, and how examples lie in a batch. */
#include "trainer/model/batch.h"

#include "fixture.h"

static enum status parse(const char *text, bool with_last, struct arena *arena, struct example *out,
                         struct error *err)
{
    struct json *tree;

    assert_int_equal(json_parse(text, strlen(text), "x", JSON_STRICT, arena, &tree, err), OK);
    return batch_example(&(struct example_lists){json_get(tree, "input_ids"),
                                                 json_get(tree, "labels"),
                                                 json_get(tree, "attention_mask")},
                         &(struct batch_rules){100, 6}, with_last, "x", arena, out, err);
}

static void test_answer(void **state)
{
    struct arena *arena = arena_open();
    struct example e;
    struct error err;

    (void)state;
    ASSERT_OK(parse("{\"input_ids\": [10, 11, 12, 13], \"labels\": [-100, -100, 12, 13]}", false,
                    arena, &e, &err));
    assert_int_equal(e.n, 3); /* the last token predicts nothing, and nothing before sees it */
    assert_int_equal(e.n_queries, 2);
    assert_int_equal(e.n_labels, 2);
    assert_int_equal(e.places[0], 1);
    assert_int_equal(e.targets[0], 12);
    assert_int_equal(e.places[1], 2);
    assert_int_equal(e.targets[1], 13);
    assert_int_equal(e.n_marked, 2);
    arena_close(arena);
}

/* Labels over the start of the prompt: what stands behind them is dead. Position 0 is predicted by
 * nothing. */
static void test_seed(void **state)
{
    struct arena *arena = arena_open();
    struct example e;
    struct error err;

    (void)state;
    ASSERT_OK(parse("{\"input_ids\": [10, 11, 12, 13, 3], \"labels\": [7, 8, 9, -100, -100], "
                    "\"attention_mask\": [1, 1, 1, 1, 0]}",
                    false, arena, &e, &err));
    assert_int_equal(e.n, 2);
    assert_int_equal(e.n_labels, 2);
    assert_int_equal(e.n_marked, 3);
    assert_int_equal(e.targets[0], 8);
    ASSERT_OK(parse("{\"input_ids\": [10, 11, 12], \"labels\": [7, -100, -100]}", false, arena, &e,
                    &err));
    assert_int_equal(e.n, 0);
    assert_int_equal(e.n_labels, 0);
    assert_int_equal(e.n_marked, 1);
    assert_int_equal(
        parse("{\"input_ids\": [10, 11], \"labels\": [-7, -100]}", false, arena, &e, &err),
        ERR_INPUT);
    arena_close(arena);
}

static void test_masked(void **state)
{
    struct arena *arena = arena_open();
    struct example e;
    struct error err;

    (void)state;
    ASSERT_OK(
        parse("{\"input_ids\": [3, 10, 3, 11, 12, 3], \"labels\": [-100, -100, -100, -100, 12,"
              " -100], \"attention_mask\": [0, 1, 0, 1, 1, 0]}",
              true, arena, &e, &err));
    assert_int_equal(e.n, 3);
    assert_int_equal(e.ids[0], 10);
    assert_int_equal(e.ids[2], 12);
    assert_int_equal(e.n_queries, 2); /* with_last: the last unmasked one too */
    assert_int_equal(e.places[1], 2);
    assert_int_equal(e.targets[1], -1);
    assert_int_equal(e.n_labels, 1);
    assert_int_equal(parse("{\"input_ids\": [3, 10], \"labels\": [1, 2], \"attention_mask\": [0, "
                           "1]}",
                           false, arena, &e, &err),
                     ERR_INPUT);
    arena_close(arena);
}

static void test_fill(void **state)
{
    int32_t ids[] = {10, 11, 12}, places[] = {0, 2}, targets[] = {5, 6};
    const struct example a = {ids, 3, places, targets, 2, 2, 3},
                         none = {ids, 0, places, targets, 0, 0, 0};
    const struct example b = {ids + 1, 1, places, targets, 1, 1, 1};
    const struct example *list[] = {&a, &none, &b};
    struct example all[] = {a, none, b};
    struct dataset data = {.examples = all, .n = 3};
    struct batch_limits limits = {0};
    struct arena *arena = arena_open();
    struct batch batch;
    struct error err;

    (void)state;
    ASSERT_OK(batch_measure(&data, 2, &limits, &err));
    assert_int_equal(limits.tokens, 4); /* the two longest */
    assert_int_equal(limits.queries, 3);
    assert_int_equal(limits.keys, 3);
    ASSERT_OK(batch_measure(&data, 3, &limits, &err));
    ASSERT_OK(batch_open(&limits, arena, &batch, &err));
    batch_fill(&batch, list, 3);
    assert_int_equal(batch.n_tokens, 4);
    assert_int_equal(batch.n_queries, 3);
    assert_int_equal(batch.n_sequences, 2);
    assert_int_equal(batch.n_labels, 3);
    assert_int_equal(batch.ids[3], 11);
    assert_int_equal(batch.token_places[3], 0);
    assert_int_equal(batch.query_rows[2], 3);
    assert_int_equal(batch.query_sequences[1].query_first, 2);
    assert_int_equal(batch.query_sequences[1].key_first, 3);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_fill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
