/*
 * permutation: both columns of permutations.json, and what no table can show: every result is a
 * permutation, a shorter prefix is not reused, and sizes are bounded.
 */
#include "tests/unit/trainer/fixture.h"

#include "trainer/permutation.h"

typedef enum status method(uint64_t, size_t, struct arena *, int64_t **, struct error *);

static void check_column(const struct json *rows, const char *column, method *draw)
{
    for (size_t r = 0; r < rows->n; r++) {
        struct error err;
        struct arena *arena = arena_open();
        const struct json *want = json_get(&rows->items[r], column);
        const size_t n = (size_t)json_get(&rows->items[r], "n")->integer;
        int64_t *got;

        ASSERT_OK(draw((uint64_t)json_get(&rows->items[r], "seed")->integer, n, arena, &got, &err));
        assert_true(want->n > 0);
        for (size_t i = 0; i < want->n; i++)
            assert_int_equal(got[i], want->items[i].integer);
        arena_close(arena);
    }
}

static void agrees_with_the_libraries(void **state)
{
    struct arena *arena = arena_open();
    const struct json *rows = shared_json("fixtures/permutations.json", arena);

    (void)state;
    assert_true(rows->n >= 36);
    check_column(rows, "dataset_shuffle", permutation_shuffle);
    check_column(rows, "torch_randperm", permutation_randperm);
    arena_close(arena);
}

static void check_each_index_once(method *draw, uint64_t seed, size_t n)
{
    struct error err;
    struct arena *arena = arena_open();
    unsigned char *seen = arena_alloc(arena, n);
    int64_t *got;

    ASSERT_OK(draw(seed, n, arena, &got, &err));
    for (size_t i = 0; i < n; i++) {
        assert_in_range(got[i], 0, n - 1);
        assert_false(seen[got[i]]);
        seen[got[i]] = 1;
    }
    arena_close(arena);
}

static void holds_each_index_once(void **state)
{
    (void)state;
    for (size_t n = 1; n < 70; n++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            check_each_index_once(permutation_shuffle, seed << 31, n);
            check_each_index_once(permutation_randperm, seed << 31, n);
        }
    check_each_index_once(permutation_shuffle, UINT64_MAX, 100000);
    check_each_index_once(permutation_randperm, UINT64_MAX, 100000);
}

/* default_rng(2**40 + 3).permutation(10) and (2**64 - 1): seeds of two words; NumPy 2.4. */
static void takes_seeds_of_64_bits(void **state)
{
    static const int64_t a[10] = {2, 4, 6, 5, 7, 9, 0, 3, 8, 1},
                         b[10] = {8, 7, 3, 0, 4, 6, 1, 2, 5, 9};
    struct error err;
    struct arena *arena = arena_open();
    int64_t *got;

    (void)state;
    ASSERT_OK(permutation_shuffle(((uint64_t)1 << 40) + 3, 10, arena, &got, &err));
    assert_memory_equal(got, a, sizeof a);
    ASSERT_OK(permutation_shuffle(UINT64_MAX, 10, arena, &got, &err));
    assert_memory_equal(got, b, sizeof b);
    arena_close(arena);
}

static void bounds_the_size(void **state)
{
    struct error err;
    struct arena *arena = arena_open();
    int64_t *got;

    (void)state;
    ASSERT_OK(permutation_shuffle(42, 0, arena, &got, &err));
    ASSERT_OK(permutation_randperm(42, 0, arena, &got, &err));
    assert_non_null(got);
    assert_int_equal(permutation_shuffle(42, SIZE_MAX, arena, &got, &err), ERR_INPUT);
    assert_int_equal(permutation_randperm(42, (size_t)PERMUTATION_MAX + 1, arena, &got, &err),
                     ERR_INPUT);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_libraries),
        cmocka_unit_test(holds_each_index_once),
        cmocka_unit_test(takes_seeds_of_64_bits),
        cmocka_unit_test(bounds_the_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
