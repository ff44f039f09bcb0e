/* strings: numbers in order of first appearance, for any bytes, past every widening. */
#include "tests/unit/trainer/fixture.h"

#include "trainer/tokenizer/strings.h"

static uint32_t add(struct strings *s, const char *bytes, size_t n)
{
    struct error err;
    uint32_t number = UINT32_MAX;

    ASSERT_OK(strings_add(s, bytes, n, &number, &err));
    return number;
}

static void numbers_in_order(void **state)
{
    struct arena *arena = arena_open();
    struct strings s = strings_in(arena);

    (void)state;
    assert_int_equal(add(&s, "a", 1), 0);
    assert_int_equal(add(&s, "", 0), 1);
    assert_int_equal(add(&s, "a", 1), 0);
    assert_int_equal(add(&s, "a\0", 2), 2);
    assert_int_equal(add(&s, "a\0b", 3), 3);
    assert_int_equal(add(&s, "", 0), 1);
    assert_int_equal(add(&s, "a\0", 2), 2);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.items[3].n, 3);
    assert_memory_equal(s.items[3].bytes, "a\0b", 4);
    arena_close(arena);
}

static void keeps_many(void **state)
{
    enum { MANY = 20000 };
    struct arena *arena = arena_open();
    struct strings s = strings_in(arena);
    char name[32];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < MANY; i++) {
            const size_t n = (size_t)snprintf(name, sizeof name, "%0*u", 5 + (int)(i % 20), i);
            assert_int_equal(add(&s, name, n), i);
        }
    assert_int_equal(s.n, MANY);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_order),
        cmocka_unit_test(keeps_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
