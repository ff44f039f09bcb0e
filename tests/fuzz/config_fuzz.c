/* config: what the reader takes gives a layout whose tensors are found by their names. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "trainer/model/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(const struct layout *l)
{
    for (size_t i = 0; i < l->n_tensors; i++) {
        const struct tensor *t = &l->tensors[i];
        if (t->rows == 0 || (t->columns > 0) != (i < l->n_matrices))
            abort();
        if (layout_find(l, t->name) != (int)i)
            abort();
    }
    if (l->config.hidden % l->config.heads != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct error err = {0};
    struct arena *arena = arena_open();
    struct layout *layout;
    struct config config;
    struct json *tree;

    if (!arena)
        abort();
    if (json_parse((const char *)bytes, n, "input", JSON_NONFINITE, arena, &tree, &err) == OK &&
        config_read(tree, "input", 0, &config, &err) == OK &&
        layout_make(&config, arena, &layout, &err) == OK)
        check(layout);
    else if (!err.where[0] || !err.text[0])
        abort();
    arena_close(arena);
    return 0;
}
