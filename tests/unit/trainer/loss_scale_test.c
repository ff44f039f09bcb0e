/* loss_scale: DeepSpeed's dynamic scale over given overflows, event for event; words; the state. */
#include "trainer/training/loss_scale.h"

#include "base/text.h"
#include "fixture.h"

static const struct json *want(const struct json *object, const char *name)
{
    const struct json *value = json_get(object, name);

    if (!value)
        fail_msg("no %s in the fixture", name);
    return value;
}

/* The scale as it would come back from a checkpoint. */
static struct loss_scale through_json(const struct loss_scale *s, struct arena *arena)
{
    struct text t = text_in(arena);
    struct loss_scale back;
    struct json *tree;
    struct error err;
    char *bytes;
    size_t n;

    loss_scale_write(&t, s);
    ASSERT_OK(text_finish(&t, &bytes, &n, &err));
    ASSERT_OK(json_parse(bytes, n, "state", JSON_STRICT, arena, &tree, &err));
    ASSERT_OK(loss_scale_read(tree, "state", &back, &err));
    back.window = s->window;
    back.minimum = s->minimum;
    return back;
}

/* One sequence of the fixture; null is the end, where the smallest scale overflows. */
static size_t replay(const struct json *sequence, struct arena *arena)
{
    const struct json *overflow = want(sequence, "overflow"), *scale = want(sequence, "scale");
    struct loss_scale s = loss_scale_dynamic();
    struct error err;

    s.scale = want(sequence, "initial")->number;
    s.window = want(sequence, "window")->integer;
    s.minimum = want(sequence, "minimum")->number;
    assert_int_equal(s.hysteresis, want(sequence, "hysteresis")->integer);
    for (size_t i = 0; i < scale->n; i++) {
        const bool over = overflow->items[i].integer != 0;
        if (scale->items[i].kind == JSON_NULL) {
            assert_int_equal(loss_scale_update(&s, over, &err), ERR_FAILED);
            assert_int_equal(i, scale->n - 1);
            break;
        }
        ASSERT_OK(loss_scale_update(&s, over, &err));
        if (s.scale != scale->items[i].number)
            fail_msg("event %zu: expected %g, found %g", i, scale->items[i].number, s.scale);
        if (i % 7 == 0)
            s = through_json(&s, arena);
    }
    return scale->n;
}

static void test_fixture(void **state)
{
    struct arena *arena = arena_open();
    const struct json *sequences = shared_json("fixtures/loss_scaler.json", arena);
    size_t events = 0;

    (void)state;
    for (size_t i = 0; i < sequences->n; i++)
        events += replay(&sequences->items[i], arena);
    assert_true(sequences->n > 0 && events > 1000);
    arena_close(arena);
}

static void test_words(void **state)
{
    struct loss_scale s;
    struct error err;

    (void)state;
    ASSERT_OK(loss_scale_parse("dynamic", "--loss-scale", &s, &err));
    assert_true(s.scale == 65536 && s.window == 1000);
    assert_true(loss_scale_limit(&s) == 65504.0 / 65536);
    ASSERT_OK(loss_scale_parse("512", "--loss-scale", &s, &err));
    assert_true(s.scale == 512 && s.window == 0);
    for (int i = 0; i < 5000; i++)
        ASSERT_OK(loss_scale_update(&s, i % 2, &err));
    assert_true(s.scale == 512);
    for (size_t i = 0; i < 4; i++) {
        const char *const wrong[] = {"static", "0", "-1", "inf"};
        assert_int_equal(loss_scale_parse(wrong[i], "--loss-scale", &s, &err), ERR_INPUT);
        assert_string_equal(err.where, "--loss-scale");
    }
}

static void test_state_is_checked(void **state)
{
    static const char *const wrong[] = {
        "{\"scale\": 0, \"steps\": 1, \"last_overflow\": 0, \"patience\": 1}",
        "{\"scale\": 2, \"steps\": 1, \"last_overflow\": 1, \"patience\": 1}",
        "{\"scale\": 2, \"steps\": 1, \"last_overflow\": 0, \"patience\": 3}",
        "{\"scale\": 2, \"steps\": -1, \"last_overflow\": -1, \"patience\": 1}",
        "{\"scale\": 2, \"steps\": 1, \"last_overflow\": 0}",
        "7",
    };
    struct arena *arena = arena_open();
    struct loss_scale s;
    struct json *tree;
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ASSERT_OK(json_parse(wrong[i], strlen(wrong[i]), "x", JSON_STRICT, arena, &tree, &err));
        assert_int_equal(loss_scale_read(tree, "x", &s, &err), ERR_INPUT);
    }
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fixture), cmocka_unit_test(test_words),
                                       cmocka_unit_test(test_state_is_checked)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
