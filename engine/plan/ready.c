/* ready: a binary heap: entry i stands before 2i + 1 and 2i + 2. */
#include "engine/plan/ready.h"

#include <stdbool.h>

#include "base/arena.h"

static bool before(const struct ready_entry *a, const struct ready_entry *b)
{
    return a->rank != b->rank ? a->rank > b->rank : a->node < b->node;
}

enum status ready_add(struct ready *r, struct ready_entry entry, struct arena *arena,
                      struct error *err)
{
    size_t i = r->n;

    if (r->n == r->capacity) {
        struct ready_entry *larger =
            arena_grow(arena, r->heap, r->n, r->n + 1, sizeof *r->heap, &r->capacity);
        if (!larger)
            return error_memory(err);
        r->heap = larger;
    }
    r->n++;
    for (; i > 0 && before(&entry, &r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = entry;
    return OK;
}

struct ready_entry ready_take(struct ready *r)
{
    const struct ready_entry first = r->heap[0], last = r->heap[--r->n];
    size_t i = 0;

    for (size_t next; (next = 2 * i + 1) < r->n; i = next) {
        if (next + 1 < r->n && before(&r->heap[next + 1], &r->heap[next]))
            next++;
        if (!before(&r->heap[next], &last))
            break;
        r->heap[i] = r->heap[next];
    }
    r->heap[i] = last;
    return first;
}
