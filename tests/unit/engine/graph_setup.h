/* An empty graph as the state of each test. */
#ifndef TESTS_UNIT_ENGINE_GRAPH_SETUP_H
#define TESTS_UNIT_ENGINE_GRAPH_SETUP_H

#include "base/error.h"
#include "engine/graph/graph.h"

static int setup(void **state)
{
    struct graph *graph;
    struct error err;

    if (graph_open(&graph, &err) != OK)
        return -1;
    *state = graph;
    return 0;
}

static int teardown(void **state)
{
    graph_close(*state);
    return 0;
}

#endif
