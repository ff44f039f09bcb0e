/* shape: one suggestion, and trial(p) called with it. */
#include "engine/execution/shape.h"

#include "base/arena.h"
#include "engine/graph/graph.h"
#include "engine/recipe/recipe.h"

enum status shape_first(struct graph *graph, struct recipe *recipe, int study, struct arena *arena,
                        int *template, struct error *err)
{
    const int calls = graph_node(graph, study)->study->callbacks;
    const char *part = arena_printf(graph_arena(graph), "%s/0", graph_number(graph, study));
    const char *params;
    enum status s;

    *template = -1;
    if (!part)
        return error_memory(err);
    TRY(recipe_wake(recipe, calls, err));
    TRY(recipe_suggest(recipe, calls, 0, arena, &params, err));
    if (!params)
        return OK;
    graph_number_under(graph, part);
    s = recipe_trial(recipe, calls, params, template, err);
    graph_number_under(graph, NULL);
    return s;
}
