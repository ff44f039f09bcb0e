/* init: the first numbers of a seed, whatever the machine; their mean and deviation. */
#include "trainer/bloom/init.h"

#include <math.h>

#include "fixture.h"
#include "kernels/backend.h"
#include "trainer/bloom/layout.h"

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
    struct slabs slabs;
    float *slab, rows[500 * 64];
    double sum = 0, squares = 0;

    (void)state;
    ASSERT_OK(layout_make(&config, arena, &l, &err));
    slab = arena_array(arena, l->n_floats, sizeof *slab);
    assert_non_null(slab);
    ASSERT_OK(backend_open("cpu", 1, &slabs.be, &slabs.ops, &err));
    slabs.layout = l;
    ASSERT_OK(init_weights(&slabs, 1, slab, &err));
    t = layout_find(l, "word_embeddings.weight");
    layout_get_rows(&slabs, t, slab, 0, 500, rows);
    for (size_t i = 0; i < (size_t)500 * 64; i++) {
        sum += rows[i];
        squares += (double)rows[i] * rows[i];
    }
    assert_true(fabs(sum / (500 * 64)) < 0.02);
    assert_true(fabs(sqrt(squares / (500 * 64)) - 0.5) < 0.01);
    layout_get_rows(&slabs, layout_find(l, "ln_f.weight"), slab, 0, 64, rows);
    assert_true(rows[0] == 1 && rows[63] == 1);
    layout_get_rows(&slabs, layout_find(l, "ln_f.bias"), slab, 0, 64, rows);
    assert_true(rows[0] == 0 && rows[63] == 0);
    backend_close(slabs.be);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
