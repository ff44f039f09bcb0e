/* config: what the reader takes gives a layout whose tensors tile the slab. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "trainer/bloom/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(const struct layout *l)
{
    size_t at = 0;

    for (size_t i = 0; i < l->n_tensors; i++) {
        const struct ops_tensor *t = &l->shapes[i];
        if (t->offset != at || t->n == 0)
            abort();
        at += ops_panels(t->n, t->k ? t->k : 1);
        if (layout_find(l, l->tensors[i].name) != &l->tensors[i])
            abort();
    }
    if (at != l->n_floats || l->n_decayed > l->n_floats || l->config.hidden % l->config.heads != 0)
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
