/* init: the first numbers of a seed, whatever the machine; their mean and deviation. */
#include "trainer/model/init.h"

#include <math.h>

#include "a_model.h"
#include "kernels/backend.h"

enum { VOCAB = 500, HIDDEN = 64 };

static void read_back(struct backend *be, const struct layout *l, const char *name, size_t n,
                      float *rows)
{
    struct snapshot *snapshot;
    struct error err;

    ASSERT_OK(be->ops->snapshot(be, &snapshot, &err));
    ASSERT_OK(be->ops->download(snapshot, OPS_VALUE, layout_find(l, name), 0, n, rows, &err));
    be->ops->release(snapshot);
}

static void test_weights(void **state)
{
    struct arena *arena = arena_open();
    const struct layout *l = a_layout("{\"hidden_size\": 64, \"n_layer\": 1, \"n_head\": 4, "
                                      "\"vocab_size\": 500, \"initializer_range\": 0.5}",
                                      arena);
    static float rows[VOCAB * HIDDEN];
    struct backend *be = NULL;
    double sum = 0, squares = 0;
    struct error err;

    (void)state;
    ASSERT_OK(backend_open(&(struct backend_options){.name = "cpu", .threads = 1}, &be, &err));
    ASSERT_OK(be->ops->parameters(
        be, &(struct ops_parameters){.shapes = layout_shapes(l, arena), .n = l->n_tensors}, &err));
    ASSERT_OK(init_weights(be, l, 1, &err));
    read_back(be, l, "word_embeddings.weight", VOCAB, rows);
    for (size_t i = 0; i < VOCAB * HIDDEN; i++) {
        sum += rows[i];
        squares += (double)rows[i] * rows[i];
    }
    assert_true(fabs(sum / (VOCAB * HIDDEN)) < 0.02);
    assert_true(fabs(sqrt(squares / (VOCAB * HIDDEN)) - 0.5) < 0.01);
    read_back(be, l, "ln_f.weight", HIDDEN, rows);
    assert_true(rows[0] == 1 && rows[63] == 1);
    read_back(be, l, "ln_f.bias", HIDDEN, rows);
    assert_true(rows[0] == 0 && rows[63] == 0);
    backend_close(be);
    arena_close(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
