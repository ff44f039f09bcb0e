/*
 * hpo graph: the nodes of a recipe and what they need, as text, dot or JSON. A study needs what its
 * first trial reads; the trial itself is no node. What hpo.after makes is there once its study is
 * decided in the store.
 */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "base/visible.h"
#include "cache/store.h"
#include "engine/commands/commands.h"
#include "engine/execution/build.h"
#include "engine/execution/session.h"
#include "engine/execution/shape.h"
#include "engine/graph/graph.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"

enum { NONE = -1 };

struct drawing {
    struct graph *graph;
    const int *templates; /* by node: of a study the action that its first trial is, else NONE */
    bool *drawn;          /* by node */
    bool found;           /* one more that is drawn */
    struct text text;
    const char *format;
    int node, nodes, edges;
};

/* Of a text of lines: a name has one. */
static void add_label(struct drawing *d, const char *before, int id)
{
    const char *label = graph_label(d->graph, id);

    text_add(&d->text, before);
    visible_add(&d->text, label, strlen(label), VISIBLE_LINE);
}

static void draw_edge(void *context, int need)
{
    struct drawing *d = context;

    if (strcmp(d->format, "dot") == 0)
        text_printf(&d->text, "  n%d -> n%d;\n", need, d->node);
    else if (strcmp(d->format, "json") == 0)
        text_printf(&d->text, "%s%d", d->edges ? ", " : "", need);
    else
        add_label(d, d->edges ? ", " : " ← ", need);
    d->edges++;
}

/* A study also needs what its trials read. */
static void visit_needs(struct drawing *d, int id, void (*visit)(void *context, int need))
{
    graph_needs(d->graph, id, visit, d);
    if (d->templates[id] >= 0)
        graph_needs(d->graph, d->templates[id], visit, d);
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
        visit_needs(d, id, draw_edge);
    } else if (strcmp(d->format, "json") == 0) {
        text_printf(&d->text, "%s{\"node\": %d, \"name\": ", d->nodes++ ? ", " : "", id);
        json_write_string(&d->text, label);
        text_add(&d->text, ", \"kind\": ");
        json_write_string(&d->text, graph_kind(d->graph, id));
        text_add(&d->text, ", \"where\": ");
        json_write_string(&d->text, node->where);
        text_add(&d->text, ", \"needs\": [");
        visit_needs(d, id, draw_edge);
        text_add(&d->text, "]}");
    } else {
        add_label(d, "", id);
        text_printf(&d->text, " (%s)", graph_kind(d->graph, id));
        visit_needs(d, id, draw_edge);
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

/* By node of the graph as it is then: studies' templates are added to it. */
static enum status shape_studies(struct graph *graph, struct recipe *recipe, struct arena *arena,
                                 const int **out, struct error *err)
{
    const int n = graph_size(graph);
    int *shaped = arena_array(arena, (size_t)n + 1, sizeof *shaped), *all;

    for (int i = 0; shaped && i < n; i++) {
        shaped[i] = NONE;
        if (graph_node(graph, i)->kind == NODE_STUDY)
            TRY(shape_first(graph, recipe, i, arena, &shaped[i], err));
    }
    all = arena_array(arena, (size_t)graph_size(graph) + 1, sizeof *all);
    if (!shaped || !all)
        return error_memory(err);
    for (int i = 0; i < graph_size(graph); i++)
        all[i] = i < n ? shaped[i] : NONE;
    *out = all;
    return OK;
}

static void find_need(void *context, int need)
{
    struct drawing *d = context;

    d->found = d->found || !d->drawn[need];
    d->drawn[need] = true;
}

/* Targets, what is no step, and what these need: so neither trials nor what later ones read. */
static enum status choose(struct drawing *d, struct arena *arena, struct error *err)
{
    const int n = graph_size(d->graph);
    const struct target *targets;
    const size_t n_targets = graph_targets(d->graph, &targets);

    if (!(d->drawn = arena_array(arena, (size_t)n + 1, sizeof *d->drawn)))
        return error_memory(err);
    for (size_t i = 0; i < n_targets; i++)
        d->drawn[targets[i].node] = true;
    for (int i = 0; i < n; i++)
        if (graph_node(d->graph, i)->kind >= NODE_STUDY)
            d->drawn[i] = true;
    do {
        d->found = false;
        for (int i = n - 1; i >= 0; i--) /* most need what was made before them */
            if (d->drawn[i])
                visit_needs(d, i, find_need);
    } while (d->found);
    return OK;
}

static enum status draw(const struct options *o, struct graph *graph, struct recipe *recipe,
                        struct arena *arena, struct error *err)
{
    const int *templates = NULL;
    struct drawing d = {.graph = graph,
                        .text = text_in(arena),
                        .format = o->format ? o->format
                                  : o->json ? "json"
                                            : "text"};
    bool json = strcmp(d.format, "json") == 0, dot = strcmp(d.format, "dot") == 0;
    char *string;
    size_t n;

    TRY(shape_studies(graph, recipe, arena, &templates, err));
    assert(templates);
    d.templates = templates;
    TRY(choose(&d, arena, err));
    text_add(&d.text, json ? "{\"nodes\": [" : dot ? "digraph recipe {\n  rankdir=LR;\n" : "");
    for (int i = 0; i < graph_size(graph); i++)
        if (d.drawn[i])
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

static enum status draw_known(struct build *b, void *context, struct error *err)
{
    return draw(context, b->graph, b->recipe, b->arena, err);
}

static bool has_after(struct graph *graph)
{
    for (int i = 0; i < graph_size(graph); i++)
        if (graph_node(graph, i)->kind == NODE_AFTER)
            return true;
    return false;
}

/* With what the store knows. False: there is none, or it cannot be told, which is said. */
static bool is_drawn_as_known(const struct options *o)
{
    struct progress *progress;
    struct store *store;
    struct error why, ignored;
    enum status s = store_open(o->cache, STORE_READ, NULL, &store, &why);

    if (s == ERR_NOT_FOUND) /* one that is not there is not made */
        return false;
    if (s == OK) {
        store_close(store);
        s = session_known(o, draw_known, (void *)o, &why);
    }
    if (s != OK && progress_open(false, &progress, &ignored) == OK) {
        progress_warning(progress, "what hpo.after has made is not shown: %s: %s", why.where,
                         why.text);
        progress_close(progress);
    }
    return s == OK;
}

enum status graph_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct graph *graph;
    struct recipe *recipe;
    enum status s = OK;

    TRY(session_graph(o, &graph, &recipe, err));
    if (!has_after(graph) || !is_drawn_as_known(o))
        s = draw(o, graph, recipe, arena, err);
    recipe_close(recipe);
    graph_close(graph);
    return s;
}
