/* ids: every length around the inner buffer's end, and the numbers at the ends of their type. */
#include "tests/unit/trainer/fixture.h"

#include "base/text.h"
#include "trainer/tokenizer/ids.h"

static void check(const int32_t *ids, size_t n)
{
    struct error err;
    struct arena *arena = arena_open();
    struct text got = text_in(arena), want = text_in(arena);
    char *a, *b;

    ids_write(&got, ids, n);
    for (size_t i = 0; i < n; i++)
        text_printf(&want, "%s%d", i > 0 ? ", " : "[", (int)ids[i]);
    text_add(&want, n > 0 ? "]" : "[]");
    ASSERT_OK(text_finish(&got, &a, NULL, &err));
    ASSERT_OK(text_finish(&want, &b, NULL, &err));
    assert_string_equal(a, b);
    arena_close(arena);
}

static void writes_json(void **state)
{
    static const int32_t ids[] = {0, 9, 10, -1, -100, 250680, INT32_MAX, INT32_MIN};
    static int32_t many[3000];

    (void)state;
    check(NULL, 0);
    check(ids, 1);
    check(ids, sizeof ids / sizeof *ids);
    for (size_t i = 0; i < 3000; i++)
        many[i] = i % 3 ? INT32_MIN : (int32_t)i;
    for (size_t n = 2; n < 3000; n += 7)
        check(many, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(writes_json)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
