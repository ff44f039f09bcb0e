/* layout: a list of tensors, and a search by name. Start at layout_make. */
#include "trainer/model/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "trainer/model/architecture.h"

static const char prefix[] = "transformer.";

void *layout_reserve(struct layout_builder *b, size_t n_tensors, size_t numbers_bytes)
{
    void *numbers = arena_alloc(b->arena, numbers_bytes);

    b->layout->tensors = arena_array(b->arena, n_tensors, sizeof *b->layout->tensors);
    b->layout->numbers = numbers;
    b->capacity = n_tensors;
    b->failed |= !numbers || !b->layout->tensors;
    return b->failed ? NULL : numbers;
}

int layout_add(struct layout_builder *b, struct tensor t)
{
    struct layout *l = b->layout;

    if (!t.name || l->n_tensors == b->capacity) {
        b->failed = true;
        return OPS_NONE;
    }
    l->tensors[l->n_tensors] = t;
    l->n_matrices += t.columns > 0;
    l->n_elements += t.rows * (t.columns ? t.columns : 1);
    return (int)l->n_tensors++;
}

/* qsort gives its comparison no context: names and numbers are sorted together. */
struct named {
    const char *name;
    int number;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static enum status sort_names(struct layout *l, struct arena *arena, struct error *err)
{
    struct named *named = arena_array(arena, l->n_tensors, sizeof *named);

    l->by_name = arena_array(arena, l->n_tensors, sizeof *l->by_name);
    if (!named || !l->by_name)
        return error_memory(err);
    for (size_t i = 0; i < l->n_tensors; i++)
        named[i] = (struct named){l->tensors[i].name, (int)i};
    qsort(named, l->n_tensors, sizeof *named, by_name);
    for (size_t i = 0; i < l->n_tensors; i++)
        l->by_name[i] = named[i].number;
    return OK;
}

enum status layout_make(const struct config *config, struct arena *arena, struct layout **out,
                        struct error *err)
{
    struct layout *l = arena_alloc(arena, sizeof *l);
    struct layout_builder b = {l, arena, 0, false};

    if (!l)
        return error_memory(err);
    *l = (struct layout){.config = *config};
    config->architecture->body->list(&b, &l->config);
    if (b.failed)
        return error_memory(err);
    *out = l;
    return sort_names(l, arena, err);
}

const struct ops_shape *layout_shapes(const struct layout *layout, struct arena *arena)
{
    struct ops_shape *shapes = arena_array(arena, layout->n_tensors, sizeof *shapes);

    for (size_t i = 0; i < layout->n_tensors && shapes; i++)
        shapes[i] = (struct ops_shape){layout->tensors[i].rows, layout->tensors[i].columns};
    return shapes;
}

const bool *layout_looked_up(const struct layout *layout, struct arena *arena)
{
    bool *looked_up = arena_array(arena, layout->n_tensors, sizeof *looked_up);

    for (size_t i = 0; i < layout->n_tensors && looked_up; i++)
        looked_up[i] = layout->tensors[i].looked_up;
    return looked_up;
}

/* Compares name, or "transformer." and name, with the tensor's. */
static int compare(const char *name, const struct tensor *t, bool with_prefix)
{
    int order;

    if (!with_prefix)
        return strcmp(name, t->name);
    order = strncmp(prefix, t->name, sizeof prefix - 1);
    return order ? order : strcmp(name, t->name + sizeof prefix - 1);
}

static int find(const struct layout *l, const char *name, bool with_prefix)
{
    size_t low = 0, high = l->n_tensors;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare(name, &l->tensors[l->by_name[middle]], with_prefix);
        if (order == 0)
            return l->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return OPS_NONE;
}

int layout_find(const struct layout *layout, const char *name)
{
    const int number = find(layout, name, false);

    return number != OPS_NONE ? number : find(layout, name, true);
}
