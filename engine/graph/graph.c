/* graph: a growing array of nodes and the list of targets. Start at graph_add. */
#include "engine/graph/graph.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

/* What a search leaves at each node, and the place of its queue. */
struct mark {
    int search; /* the last one that was here, counted from 1 */
    int before; /* the node that led here */
    int queued;
};

struct graph {
    struct arena *arena;
    struct node *
        *nodes; /* each node has its own block: pointers stay valid while the graph grows */
    size_t n, capacity;
    struct target *targets;
    size_t n_targets, target_capacity;
    const char *part; /* that nodes are numbered under, or NULL */
    int n_part;       /* of them so far */
    struct mark *marks;
    size_t mark_capacity;
    int n_searches;
};

enum status graph_open(struct graph **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct graph *graph = arena ? arena_alloc(arena, sizeof *graph) : NULL;

    if (!graph) {
        arena_close(arena);
        return error_memory(err);
    }
    graph->arena = arena;
    *out = graph;
    return OK;
}

void graph_close(struct graph *graph)
{
    if (graph)
        arena_close(graph->arena);
}

struct arena *graph_arena(struct graph *graph)
{
    return graph->arena;
}

int graph_size(const struct graph *graph)
{
    return (int)graph->n;
}

struct node *graph_node(struct graph *graph, int id)
{
    return graph->nodes[id];
}

static enum status check_names(const struct node *node, struct error *err)
{
    const struct action *a = &node->action;

    for (size_t i = 0; i < a->n_outputs; i++) {
        if (!file_is_inner_path(a->outputs[i]))
            return error_set(err, ERR_INPUT, node->where,
                             "outputs: expected a path inside the working folder, found \"%s\"",
                             a->outputs[i]);
        for (size_t j = 0; j < i; j++)
            if (file_is_below(a->outputs[i], a->outputs[j]) ||
                file_is_below(a->outputs[j], a->outputs[i]))
                return error_set(err, ERR_INPUT, node->where, "outputs: \"%s\" and \"%s\" overlap",
                                 a->outputs[j], a->outputs[i]);
    }
    for (size_t i = 0; i < a->n_inputs; i++) {
        if (!file_is_inner_path(a->inputs[i].name))
            return error_set(err, ERR_INPUT, node->where,
                             "inputs: expected a path inside the working folder, found \"%s\"",
                             a->inputs[i].name);
        if (i > 0 && strcmp(a->inputs[i - 1].name, a->inputs[i].name) >= 0)
            return error_set(err, ERR_INPUT, node->where, "inputs: \"%s\" stands twice",
                             a->inputs[i].name);
        for (size_t j = 0; j < i; j++)
            if (file_is_below(a->inputs[i].name, a->inputs[j].name) ||
                file_is_below(a->inputs[j].name, a->inputs[i].name))
                return error_set(err, ERR_INPUT, node->where, "inputs: \"%s\" and \"%s\" overlap",
                                 a->inputs[j].name, a->inputs[i].name);
        for (size_t j = 0; j < a->n_outputs; j++)
            if (file_is_below(a->inputs[i].name, a->outputs[j]) ||
                file_is_below(a->outputs[j], a->inputs[i].name))
                return error_set(err, ERR_INPUT, node->where, "\"%s\" is an input and an output",
                                 a->inputs[i].name);
    }
    return OK;
}

enum status graph_add(struct graph *graph, const struct node *node, int *id, struct error *err)
{
    struct node *copy, **last;

    if (node->kind == NODE_ACTION)
        TRY(check_names(node, err));
    if (!(copy = arena_alloc(graph->arena, sizeof *copy)))
        return error_memory(err);
    *copy = *node;
    if (graph->part &&
        !(copy->number = arena_printf(graph->arena, "%s.%d", graph->part, ++graph->n_part)))
        return error_memory(err);
    if (!(last = arena_push(graph->arena, graph->nodes, graph->n, graph->capacity)))
        return error_memory(err);
    *last = copy;
    *id = (int)graph->n - 1;
    return OK;
}

void graph_number_under(struct graph *graph, const char *part)
{
    graph->part = part;
    graph->n_part = 0;
}

int graph_depth(const struct graph *graph)
{
    int depth = graph->part != NULL;

    for (const char *c = graph->part; c && *c; c++)
        depth += *c == '.';
    return depth;
}

const char *graph_number(struct graph *graph, int id)
{
    struct node *node = graph->nodes[id];

    if (!node->number)
        node->number = arena_printf(graph->arena, "%d", id);
    return node->number;
}

enum status graph_add_target(struct graph *graph, const struct target *target, struct error *err)
{
    struct target *last;

    if (!file_is_inner_path(target->name) || strchr(target->name, '/'))
        return error_set(err, ERR_INPUT, graph->nodes[target->node]->where,
                         "expected a target's name without '/', found \"%s\"", target->name);
    if (graph->n_targets > 0 &&
        strcmp(graph->targets[graph->n_targets - 1].name, target->name) >= 0)
        return error_set(err, ERR_INPUT, graph->nodes[target->node]->where,
                         "target \"%s\": expected names in order, each once", target->name);
    last = arena_push(graph->arena, graph->targets, graph->n_targets, graph->target_capacity);
    if (!last)
        return error_memory(err);
    *last = *target;
    if (!graph->nodes[target->node]->target)
        graph->nodes[target->node]->target = target->name;
    return OK;
}

size_t graph_targets(const struct graph *graph, const struct target **targets)
{
    *targets = graph->targets;
    return graph->n_targets;
}

/* What the k-th half of a comparison's rows needs, or -1: studies are even, scores odd. */
static int row_need(const struct compare_item *items, size_t k)
{
    return k % 2 == 0 ? items[k / 2].study : items[k / 2].scores;
}

void graph_needs(const struct graph *graph, int id, void (*visit)(void *context, int node),
                 void *context)
{
    const struct node *node = graph->nodes[id];

    switch (node->kind) {
    case NODE_ACTION:
        for (size_t i = 0; i < node->action.n_inputs; i++) {
            bool seen = false;
            for (size_t j = 0; j < i && !seen; j++)
                seen = node->action.inputs[j].node == node->action.inputs[i].node;
            if (!seen)
                visit(context, node->action.inputs[i].node);
        }
        break;
    case NODE_BEST:
        visit(context, node->best_of);
        break;
    case NODE_TABLE:
        visit(context, node->table_of);
        break;
    case NODE_AFTER:
        visit(context, node->after.study);
        if (node->after.node >= 0)
            visit(context, node->after.node);
        break;
    case NODE_COMPARE:
        for (size_t i = 0; i < 2 * node->compare.n; i++) {
            const int need = row_need(node->compare.items, i);
            bool seen = need < 0;
            for (size_t j = 0; j < i && !seen; j++)
                seen = row_need(node->compare.items, j) == need;
            if (!seen)
                visit(context, need);
        }
        break;
    case NODE_STUDY:
        if (node->study->warm >= 0)
            visit(context, node->study->warm);
        break;
    case NODE_SOURCE:
    case NODE_TEXT:
        break;
    }
}

/* Breadth first, without recursion: a chain of actions may be longer than the stack is deep. */
struct search {
    struct mark *marks;
    int number; /* of this search */
    int node;   /* whose needs they are */
    size_t n;   /* in the queue */
};

static void see(void *context, int need)
{
    struct search *s = context;

    if (s->marks[need].search == s->number)
        return;
    s->marks[need].search = s->number;
    s->marks[need].before = s->node;
    s->marks[s->n++].queued = need;
}

/* A mark for each node; those of earlier searches stay and do not count. */
static enum status open_search(struct graph *graph, struct search *s, struct error *err)
{
    if (graph->mark_capacity < graph->n) {
        struct mark *larger = arena_grow(graph->arena, graph->marks, graph->mark_capacity, graph->n,
                                         sizeof *larger, &graph->mark_capacity);
        if (!larger)
            return error_memory(err);
        graph->marks = larger;
    }
    *s = (struct search){.marks = graph->marks, .number = ++graph->n_searches};
    return OK;
}

enum status graph_refuse_cycle(struct graph *graph, int from, int to, struct error *err)
{
    struct text path = text_in(graph->arena);
    struct search s = {.marks = NULL};
    char *string;

    TRY(open_search(graph, &s, err));
    assert(s.marks);
    s.node = from;
    see(&s, from);
    for (size_t i = 0; i < s.n && s.marks[to].search != s.number; i++) {
        s.node = s.marks[i].queued;
        graph_needs(graph, s.node, see, &s);
    }
    if (s.marks[to].search != s.number)
        return OK;
    for (int node = to; node != from; node = s.marks[node].before)
        text_printf(&path, "%s ← ", graph_label(graph, node));
    text_printf(&path, "%s ← %s", graph_label(graph, from), graph_label(graph, to));
    TRY(text_finish(&path, &string, NULL, err));
    return error_set(err, ERR_INPUT, graph->nodes[to]->where,
                     "nodes need each other in a circle: %s", string);
}

const char *graph_kind(struct graph *graph, int id)
{
    static const char *const kinds[] = {"source", "text",  "action",    "study",
                                        "best",   "table", "undecided", "compare"};
    const struct node *node = graph->nodes[id];

    if (node->kind == NODE_AFTER && node->after.node >= 0)
        return "decided";
    return node->kind == NODE_ACTION ? node->action.kind : kinds[node->kind];
}

/* The length of the part that the number is under, "21" of "21.1"; 0: it is a place. */
static size_t part_of(const char *number)
{
    const char *dot = strrchr(number, '.');

    return dot ? (size_t)(dot - number) : 0;
}

static bool has_name(const struct node *node)
{
    return node->name || node->target;
}

/* The hpo.after that made what is numbered under this part, or -1. */
static int maker_of(struct graph *graph, const char *number)
{
    const size_t n = part_of(number);

    for (int i = 0; n > 0 && i < (int)graph->n; i++)
        if (graph->nodes[i]->kind == NODE_AFTER && graph_number(graph, i) &&
            strlen(graph->nodes[i]->number) == n &&
            strncmp(graph->nodes[i]->number, number, n) == 0)
            return i;
    return -1;
}

/* How many nodes of its kind without a name come before it in its part. */
static int count_before(struct graph *graph, int id, const char *number)
{
    const size_t n = part_of(number);
    int before = 0;

    for (int i = 0; i < id; i++) {
        const struct node *other = graph->nodes[i];
        if (other->kind == graph->nodes[id]->kind && !has_name(other) && graph_number(graph, i) &&
            part_of(other->number) == n && strncmp(other->number, number, n) == 0)
            before++;
    }
    return before;
}

/* Another node has been given this name. */
static bool is_given(const struct graph *graph, const char *label)
{
    for (size_t i = 0; i < graph->n; i++) {
        const struct node *node = graph->nodes[i];
        if (has_name(node) && strcmp(node->name ? node->name : node->target, label) == 0)
            return true;
    }
    return false;
}

/* NULL: it has none better than its number. */
static const char *count_label(struct graph *graph, int id)
{
    const char *word = graph->nodes[id]->kind == NODE_STUDY ? "study" : "after";
    const char *number = graph_number(graph, id), *label;
    int maker, before;

    if (!number)
        return NULL;
    maker = maker_of(graph, number);
    if (part_of(number) > 0 && maker < 0)
        return NULL;
    before = count_before(graph, id, number);
    label = arena_printf(graph->arena, before ? "%s%s%s-%d" : "%s%s%s",
                         maker >= 0 ? graph_label(graph, maker) : "", maker >= 0 ? "." : "", word,
                         before + 1);
    return label && !is_given(graph, label) ? label : NULL;
}

/* "asha.best" */
static const char *part_label(struct graph *graph, const struct node *node)
{
    const bool is_best = node->kind == NODE_BEST;
    const char *study = graph_label(graph, is_best ? node->best_of : node->table_of);
    const char *label = arena_printf(graph->arena, "%s.%s", study, is_best ? "best" : "table");

    return label && !is_given(graph, label) ? label : NULL;
}

const char *graph_label(struct graph *graph, int id)
{
    struct node *node = graph->nodes[id];

    if (has_name(node))
        return node->name ? node->name : node->target;
    if (node->label)
        return node->label;
    if (node->kind == NODE_STUDY || node->kind == NODE_AFTER)
        node->label = count_label(graph, id);
    else if (node->kind == NODE_BEST || node->kind == NODE_TABLE)
        node->label = part_label(graph, node);
    if (node->label)
        return node->label;
    if (node->kind == NODE_SOURCE) {
        const char *slash = strrchr(node->source.path, '/');
        return slash ? slash + 1 : node->source.path;
    }
    if (node->kind == NODE_TEXT)
        return node->text.name;
    if (graph_number(graph, id))
        node->name = arena_printf(graph->arena, "%s#%s", graph_kind(graph, id), node->number);
    return node->name ? node->name : graph_kind(graph, id);
}
