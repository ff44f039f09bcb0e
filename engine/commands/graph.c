/* hpo graph: the nodes of a recipe and what they need, as text, dot or JSON. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/commands/commands.h"
#include "engine/execution/session.h"
#include "engine/graph/graph.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"

struct drawing {
    struct graph *graph;
    struct text text;
    const char *format;
    int node, edges;
};

static void draw_edge(void *context, int need)
{
    struct drawing *d = context;

    if (strcmp(d->format, "dot") == 0)
        text_printf(&d->text, "  n%d -> n%d;\n", need, d->node);
    else if (strcmp(d->format, "json") == 0)
        text_printf(&d->text, "%s%d", d->edges ? ", " : "", need);
    else
        text_printf(&d->text, "%s %s", d->edges ? "," : " ←", graph_label(d->graph, need));
    d->edges++;
}

static void draw_node(struct drawing *d, int id)
{
    const struct node *node = graph_node(d->graph, id);
    const char *label = graph_label(d->graph, id);

    d->node = id;
    d->edges = 0;
    if (strcmp(d->format, "dot") == 0) {
        text_printf(&d->text, "  n%d [label=", id);
        json_write_string(&d->text, label);
        text_printf(&d->text, ", shape=%s];\n", node->kind == NODE_STUDY ? "box3d" : "box");
        graph_needs(d->graph, id, draw_edge, d);
    } else if (strcmp(d->format, "json") == 0) {
        text_printf(&d->text, "%s{\"node\": %d, \"name\": ", id ? ", " : "", id);
        json_write_string(&d->text, label);
        text_add(&d->text, ", \"kind\": ");
        json_write_string(&d->text, graph_kind(d->graph, id));
        text_add(&d->text, ", \"where\": ");
        json_write_string(&d->text, node->where);
        text_add(&d->text, ", \"needs\": [");
        graph_needs(d->graph, id, draw_edge, d);
        text_add(&d->text, "]}");
    } else {
        text_printf(&d->text, "%s (%s)", label, graph_kind(d->graph, id));
        graph_needs(d->graph, id, draw_edge, d);
        text_add(&d->text, "\n");
    }
}

static void draw_targets(struct drawing *d)
{
    const struct target *targets;
    size_t n = graph_targets(d->graph, &targets);

    for (size_t i = 0; i < n; i++) {
        text_printf(&d->text, "%s{\"name\": ", i ? ", " : "");
        json_write_string(&d->text, targets[i].name);
        text_printf(&d->text, ", \"node\": %d}", targets[i].node);
    }
}

static enum status draw(const struct options *o, struct graph *graph, struct arena *arena,
                        struct error *err)
{
    struct drawing d = {.graph = graph,
                        .text = text_in(arena),
                        .format = o->format ? o->format
                                  : o->json ? "json"
                                            : "text"};
    bool json = strcmp(d.format, "json") == 0, dot = strcmp(d.format, "dot") == 0;
    char *string;
    size_t n;

    text_add(&d.text, json ? "{\"nodes\": [" : dot ? "digraph recipe {\n  rankdir=LR;\n" : "");
    for (int i = 0; i < graph_size(graph); i++)
        draw_node(&d, i);
    if (json) {
        text_add(&d.text, "], \"targets\": [");
        draw_targets(&d);
        text_add(&d.text, "]}\n");
    } else if (dot) {
        text_add(&d.text, "}\n");
    }
    TRY(text_finish(&d.text, &string, &n, err));
    return progress_result(string, n, err);
}

enum status graph_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct graph *graph;
    struct recipe *recipe;
    enum status s;

    TRY(session_graph(o, &graph, &recipe, err));
    s = draw(o, graph, arena, err);
    recipe_close(recipe);
    graph_close(graph);
    return s;
}
