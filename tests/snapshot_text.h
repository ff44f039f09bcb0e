/* A snapshot whose nodes are in memory, as one text. */
#ifndef TESTS_SNAPSHOT_TEXT_H
#define TESTS_SNAPSHOT_TEXT_H

#include "base/text.h"
#include "engine/graph/snapshot.h"

static struct past snapshot_text_past(const void *of, int node)
{
    return ((const struct snapshot *)of)->nodes[node];
}

static enum status snapshot_text_add(void *to, const char *bytes, size_t n, struct error *err)
{
    (void)err;
    text_add_bytes(to, bytes, n);
    return OK;
}

static enum status snapshot_text(const struct snapshot *s, struct graph *graph, struct text *t,
                                 struct error *err)
{
    return snapshot_write(s, graph, snapshot_text_past, s, snapshot_text_add, t, err);
}

#endif
