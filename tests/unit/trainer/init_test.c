/* init: the first numbers of a seed, whatever the machine; their mean and deviation. */
#include "trainer/init.h"

#include <math.h>

#include "fixture.h"
#include "trainer/layout.h"

static void test_weights(void **state)
{
    const struct config config = {.vocab = 500,
                                  .hidden = 64,
                                  .layers = 1,
                                  .heads = 4,
                                  .initializer_range = 0.5,
                                  .tied = true};
    struct arena *arena = arena_open();
    struct layout *l = NULL;
    const struct tensor *t;
    struct error err;
    float *slab, row[64];
    double sum = 0, squares = 0;

    (void)state;
    ASSERT_OK(layout_make(&config, arena, &l, &err));
    slab = arena_array(arena, l->n_floats, sizeof *slab);
    assert_non_null(slab);
    ASSERT_OK(init_weights(l, 1, slab, &err));
    t = layout_find(l, "word_embeddings.weight");
    for (size_t i = 0; i < t->rows; i++) {
        layout_get_rows(t, slab, i, 1, row);
        for (size_t j = 0; j < 64; j++) {
            sum += row[j];
            squares += (double)row[j] * row[j];
        }
    }
    assert_true(fabs(sum / (500 * 64)) < 0.02);
    assert_true(fabs(sqrt(squares / (500 * 64)) - 0.5) < 0.01);
    layout_get_rows(layout_find(l, "ln_f.weight"), slab, 0, 64, row);
    assert_true(row[0] == 1 && row[63] == 1);
    layout_get_rows(layout_find(l, "ln_f.bias"), slab, 0, 64, row);
    assert_true(row[0] == 0 && row[63] == 0);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
