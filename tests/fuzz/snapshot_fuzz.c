/*
 * snapshot: what a build left for the next one. A refusal says that it is damage; what is taken can
 * be written, and reads again as the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/graph/graph.h"
#include "engine/graph/snapshot.h"
#include "tests/snapshot_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Reads the bytes and writes what they say into arena; NULL where they say nothing. */
static char *rewritten(const void *bytes, size_t n, struct arena *arena, size_t *n_out)
{
    struct text t = text_in(arena);
    struct error err = {0};
    struct graph *graph;
    struct snapshot s;
    char *copy, *out = NULL;
    enum status status;

    if (graph_open(&graph, &err) != OK || !(copy = arena_copy(graph_arena(graph), bytes, n)))
        abort();
    status = snapshot_parse(copy, n, graph, &s, &err);
    if (status != OK && (status != ERR_CORRUPT || !err.text[0]))
        abort();
    if (status == OK) {
        if (!snapshot_suits(graph) || snapshot_text(&s, graph, &t, &err) != OK ||
            text_finish(&t, &out, n_out, &err) != OK)
            abort();
    }
    graph_close(graph);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena *arena = arena_open();
    size_t n_first, n_second;
    char *first, *second;

    if (!arena)
        abort();
    if ((first = rewritten(bytes, n, arena, &n_first))) {
        second = rewritten(first, n_first, arena, &n_second);
        if (!second || n_first != n_second || memcmp(first, second, n_first) != 0)
            abort();
    }
    arena_close(arena);
    return 0;
}
