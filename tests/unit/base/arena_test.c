/*
 * arena: blocks are zeroed, aligned and apart; sizes that overflow are refused; the n-th allocation
 * can be told to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static int setup(void **state)
{
    *state = arena_open();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    arena_close(*state);
    return 0;
}

/* Sizes around every border: nothing, alignment, a quarter chunk, a chunk, more. */
static const size_t sizes[] = {0,     1,     15,    16,    17,     63,     64,    65,
                               1000,  16383, 16384, 16385, 65519,  65520,  65535, 65536,
                               65537, 70000, 3,     40000, 100000, 200000, 5};
enum { SIZES = sizeof sizes / sizeof sizes[0], BLOCKS = 20 * SIZES };

static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    unsigned char *blocks[BLOCKS];

    for (size_t i = 0; i < BLOCKS; i++) {
        const size_t n = sizes[i % SIZES];
        blocks[i] = arena_alloc(*state, n);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 255) + 1, n);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t k = 0; k < sizes[i % SIZES]; k++)
            assert_int_equal(blocks[i][k], i % 255 + 1);
}

static void impossible_sizes_are_refused(void **state)
{
    size_t capacity = SIZE_MAX / 2 + 2;

    assert_null(arena_alloc(*state, SIZE_MAX));
    assert_null(arena_alloc(*state, SIZE_MAX - 15));
    assert_null(arena_alloc(*state, SIZE_MAX / 2 + 1));
    assert_null(arena_array(*state, SIZE_MAX / 2, 3));
    assert_null(arena_array(*state, SIZE_MAX, SIZE_MAX));
    assert_null(arena_copy(*state, "", SIZE_MAX));
    assert_null(arena_grow(*state, NULL, 0, SIZE_MAX, 1, &capacity));
    assert_int_equal(capacity, SIZE_MAX / 2 + 2);
    capacity = 0;
    assert_null(arena_grow(*state, NULL, 0, SIZE_MAX / 4, 8, &capacity));
    assert_int_equal(capacity, 0);
    assert_non_null(arena_alloc(*state, 10)); /* and it goes on working */
}

static void arrays_of_nothing(void **state)
{
    assert_non_null(arena_array(*state, 0, 8));
    assert_non_null(arena_array(*state, SIZE_MAX, 0));
}

static void copies_end_in_nul(void **state)
{
    static const char bytes[] = {'a', '\0', 'b'};
    char *copy = arena_copy(*state, bytes, sizeof bytes);

    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(arena_copy(*state, NULL, 0), "");
    assert_string_equal(arena_string(*state, ""), "");
    assert_string_equal(arena_string(*state, "segment"), "segment");
}

static void printf_of_any_length(void **state)
{
    static char many[200001];

    memset(many, 'x', sizeof many - 1);
    assert_string_equal(arena_printf(*state, "%s", ""), "");
    assert_string_equal(arena_printf(*state, "%d/%s", 12, "rung"), "12/rung");
    assert_string_equal(arena_printf(*state, "%s", many), many);
}

static void grow_keeps_what_is_used(void **state)
{
    size_t capacity = 0, n = 0;
    int *numbers = NULL;

    for (int i = 0; i < 10000; i++) {
        if (n == capacity) {
            const size_t before = capacity;
            numbers = arena_grow(*state, numbers, n, n + 1, sizeof *numbers, &capacity);
            assert_non_null(numbers);
            assert_true(capacity >= 2 * before && capacity > n);
        }
        numbers[n++] = i;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(numbers[i], i);
    numbers = arena_grow(*state, numbers, n, 1000000, sizeof *numbers, &capacity);
    assert_non_null(numbers);
    assert_true(capacity >= 1000000);
    assert_int_equal(numbers[9999], 9999);
    assert_int_equal(numbers[10000], 0); /* what is new is zeroed */
    assert_int_equal(numbers[capacity - 1], 0);
}

static void regrow_keeps_what_is_used_and_the_others(void **state)
{
    size_t capacity = 0, n = 0;
    unsigned char *bytes = NULL;
    char *other;

    for (int round = 0; round < 24; round++) {
        bytes = arena_regrow(*state, bytes, n, capacity + 1, 1, &capacity);
        assert_non_null(bytes);
        other = arena_string(*state, "another block");
        for (; n < capacity; n++)
            bytes[n] = (unsigned char)(n % 251);
        assert_string_equal(other, "another block");
    }
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != i % 251)
            fail_msg("byte %zu is another", i);
}

static void a_last_block_grows_where_it_is(void **state)
{
    size_t capacity = 0;
    int *numbers = arena_grow(*state, NULL, 0, 8, sizeof *numbers, &capacity);
    int *more;

    for (int i = 0; i < 8; i++)
        numbers[i] = i;
    more = arena_grow(*state, numbers, 8, 9, sizeof *numbers, &capacity);
    assert_non_null(more);
    assert_int_equal(more[7], 7);
    for (size_t i = 8; i < capacity; i++)
        assert_int_equal(more[i], 0); /* what is new is zeroed, wherever it lies */
}

static void push_adds_one_at_the_end(void **state)
{
    struct {
        int *numbers;
        size_t n, capacity;
    } list = {0};

    for (int i = 0; i < 1000; i++) {
        int *last = arena_push(*state, list.numbers, list.n, list.capacity);
        assert_ptr_equal(last, list.numbers + i);
        *last = i;
    }
    assert_int_equal(list.n, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(list.numbers[i], i);
}

static void closing_nothing(void **state)
{
    (void)state;
    arena_close(NULL);
    arena_close(arena_open());
}

#ifdef HPO_FAULTS
static void the_nth_call_fails(void **state)
{
    arena_fail_at(3, 0);
    assert_non_null(arena_alloc(*state, 1));
    assert_non_null(arena_string(*state, "two"));
    assert_null(arena_alloc(*state, 1));
    assert_non_null(arena_alloc(*state, 1));

    arena_fail_at(2, 1);
    assert_non_null(arena_alloc(*state, 1));
    assert_null(arena_printf(*state, "%d", 1));
    assert_null(arena_copy(*state, "a", 1));
    assert_null(arena_array(*state, 1, 1));
    assert_null(arena_open());
    arena_fail_at(0, 0);
    assert_non_null(arena_alloc(*state, 1));
}

static void a_failed_grow_leaves_the_capacity(void **state)
{
    size_t capacity = 0;
    char *bytes = arena_grow(*state, NULL, 0, 8, 1, &capacity);
    const size_t before = capacity;

    assert_non_null(bytes);
    assert_non_null(arena_alloc(*state, 1)); /* a last block needs no more memory to grow */
    arena_fail_at(1, 0);
    assert_null(arena_grow(*state, bytes, 8, 100, 1, &capacity));
    assert_int_equal(capacity, before);
}

static void a_failed_push_changes_nothing(void **state)
{
    int *numbers = NULL;
    size_t n = 0, capacity = 0;

    arena_fail_at(1, 0);
    assert_null(arena_push(*state, numbers, n, capacity));
    assert_null(numbers);
    assert_int_equal(n, 0);
    assert_int_equal(capacity, 0);
    assert_non_null(arena_push(*state, numbers, n, capacity));
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_are_zeroed_aligned_and_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(impossible_sizes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(arrays_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_end_in_nul, setup, teardown),
        cmocka_unit_test_setup_teardown(printf_of_any_length, setup, teardown),
        cmocka_unit_test_setup_teardown(grow_keeps_what_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(push_adds_one_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(regrow_keeps_what_is_used_and_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_last_block_grows_where_it_is, setup, teardown),
        cmocka_unit_test(closing_nothing),
#ifdef HPO_FAULTS
        cmocka_unit_test_setup_teardown(the_nth_call_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_grow_leaves_the_capacity, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_push_changes_nothing, setup, teardown),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
