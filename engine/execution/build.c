/* build: the work beside each node. */
#include "engine/execution/build.h"

#include "base/arena.h"

struct work *work_of(struct build *b, int node)
{
    size_t n = (size_t)graph_size(b->graph);

    /* Who asks for what is there already gets it, memory or none. */
    if ((size_t)node >= b->n_work && n > b->work_capacity) {
        struct work **larger =
            arena_grow(b->arena, b->work, b->n_work, n, sizeof(struct work *), &b->work_capacity);
        if (!larger)
            return NULL;
        b->work = larger;
    }
    if ((size_t)node >= b->n_work)
        b->n_work = n;
    if (!b->work[node] && (b->work[node] = arena_alloc(b->arena, sizeof(struct work))) != NULL)
        b->work[node]->asker.node = node;
    return b->work[node];
}

enum status nodes_add(struct build *b, struct nodes *list, int node, struct error *err)
{
    int *last = arena_push(b->arena, list->nodes, list->n, list->capacity);

    if (!last)
        return error_memory(err);
    *last = node;
    return OK;
}
