/*
 * want: from targets down to sources, and back up with keys. Start at want_node; a node becomes
 * known in node_ready, the moment its last need is done.
 */
#include "engine/execution/want.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cache/index.h"
#include "engine/execution/commit.h"
#include "engine/execution/experience.h"
#include "engine/execution/recall.h"

static enum status push(struct build *b, int **list, size_t *n, size_t *capacity, int node,
                        struct error *err)
{
    int *larger = *list;

    if (*n == *capacity)
        larger = arena_grow(b->arena, *list, *n, *n + 1, sizeof **list, capacity);
    if (!larger)
        return error_memory(err);
    *list = larger;
    larger[(*n)++] = node;
    return OK;
}

/* A node that only waits for a slot and a claim. */
enum status node_retry(struct build *b, int node, struct error *err)
{
    work_of(b, node)->state = WORK_READY;
    b->n_ready++;
    return ready_add(&b->ready, (struct ready_entry){work_of(b, node)->rank, node}, b->arena, err);
}

/* What each input is in the key. *lost: an input of which the store has lost what that needs. */
static enum status key_inputs(struct build *b, int node, struct content_key *contents, int *lost,
                              struct error *err)
{
    const struct action *a = &graph_node(b->graph, node)->action;

    for (size_t i = 0; i < a->n_inputs; i++) {
        const struct edge *input = &a->inputs[i];
        struct content *c = &work_of(b, input->node)->content;
        enum status s = content_key(b->store, c, input->path, b->arena, &contents[i], err);
        if ((s == ERR_NOT_FOUND || s == ERR_CORRUPT) && c->origin == FROM_STORE)
            *lost = input->node;
        TRY(s);
    }
    return OK;
}

enum status key_node(struct build *b, int node, struct digest *key, const char **description,
                     int *lost, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct action *a = &n->action;
    struct content_key *contents = arena_array(b->arena, a->n_inputs + 1, sizeof *contents);
    struct work *w = work_of(b, node);
    enum status s;

    *lost = -1;
    if (!contents || !w)
        return error_memory(err);
    s = key_inputs(b, node, contents, lost, err);
    if (s == OK && a->clone) {
        s = commit_find(b, a->clone, &w->commit, err);
        w->identity = w->commit;
    } else if (s == OK) {
        s = tool_identity(b->tools, n, &w->identity, err);
    }
    if (s == OK)
        s = key_of_action(a, contents, w->identity, b->arena, (char **)description, key, err);
    if (s != OK && !strstr(err->where, ".lua:"))
        error_place(err, "%s", n->where);
    return s;
}

/* The result that the store has of an action, if it may be used. */
enum status node_look_up(struct build *b, int node, bool *found, struct error *err)
{
    struct work *w = work_of(b, node);
    struct result r;
    enum status s;

    *found = false;
    if (w->force)
        return OK;
    s = index_result_get(b->store, &w->key, b->arena, &r, err);
    if (s == ERR_NOT_FOUND || (s == OK && !r.has_tree))
        return OK;
    TRY(s);
    w->content = (struct content){.origin = FROM_STORE, .digest = r.tree};
    w->seconds = r.seconds;
    if ((w->marked = r.marked))
        b->n_marked++;
    w->cached = true;
    b->n_cached++;
    *found = true;
    return OK;
}

static enum status ready_action(struct build *b, int node, struct error *err)
{
    struct work *w = work_of(b, node);
    bool found = recall_action(b, node);
    enum status s;
    int lost;

    if (!found) {
        w->recalled = false;
        s = key_node(b, node, &w->key, &w->description, &lost, err);
        if (s != OK)
            return lost >= 0 ? node_lost(b, lost, node, err) : s;
        w->keyed = true;
        TRY(node_look_up(b, node, &found, err));
    }
    if (found)
        return node_done(b, node, err);
    b->n_changes++;
    return node_retry(b, node, err);
}

static enum status ready_source(struct build *b, int node, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct work *w = work_of(b, node);
    enum status s;

    if (recall_source(b, node))
        return node_done(b, node, err);
    w->content = (struct content){.origin = FROM_SOURCE, .path = n->source};
    s = source_digest(b->store, n->source, b->arena, &w->content.source, err);
    if (s != OK) {
        error_place(err, "%s", n->where);
        return s == ERR_NOT_FOUND || s == ERR_SYSTEM ? ERR_INPUT : s;
    }
    return node_done(b, node, err);
}

static enum status ready_text(struct build *b, int node, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct work *w = work_of(b, node);

    w->content = (struct content){.origin = FROM_TEXT, .bytes = n->text.bytes, .n = n->text.n};
    TRY(digest_bytes(n->text.bytes, n->text.n, &w->content.digest, err));
    return node_done(b, node, err);
}

static enum status ready_study(struct build *b, int node, struct error *err)
{
    const int warm = graph_node(b->graph, node)->study->warm;
    struct study_context context = {.graph = b->graph,
                                    .recipe = b->recipe,
                                    .store = b->store,
                                    .units = b->units,
                                    .arena = b->arena,
                                    .warm = warm >= 0 ? work_of(b, warm)->study : NULL,
                                    .today = b->today,
                                    .rehearsal = b->rehearsal};

    TRY(experience_find(b, node, &context.history, err));
    TRY(study_open(&context, node, &work_of(b, node)->study, err));
    work_of(b, node)->state = WORK_STARTED;
    return push(b, &b->studies, &b->n_studies, &b->study_capacity, node, err);
}

/* The study is decided: its best unit's checkpoint, by its recorded digest where there is one. */
static enum status ready_best(struct build *b, int node, struct error *err)
{
    struct work *w = work_of(b, node);
    int study = graph_node(b->graph, node)->best_of, trial;
    const char *params;
    double value;

    w->best = study_best(work_of(b, study)->study, &trial, &params, &value);
    if (!w->best)
        return study_without_best(work_of(b, study)->study, err);
    if (w->best->has_checkpoint && !w->force) {
        w->content = (struct content){.origin = FROM_STORE, .digest = w->best->checkpoint};
        return node_done(b, node, err);
    }
    w->state = WORK_READY;
    return push(b, &b->remakes, &b->n_remakes, &b->remake_capacity, node, err);
}

/* The study is decided: the recipe says what comes of it, which is wanted from here on. */
static enum status ready_after(struct build *b, int node, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct work *w = work_of(b, node);
    char *best;
    int made;
    enum status s;

    if (n->after.node < 0) {
        TRY(study_outcome(work_of(b, n->after.study)->study, b->arena, &best, err));
        graph_number_under(b->graph, graph_number(b->graph, node));
        s = recipe_after(b->recipe, n->after.calls, n->where, best, graph_arena(b->graph), &made,
                         &n->after.path, err);
        graph_number_under(b->graph, NULL);
        TRY(s);
        TRY(graph_refuse_cycle(b->graph, made, node, err));
        n->after.node = made;
        w->state = WORK_IDLE;
        return want_node(b, node, err);
    }
    w->content = work_of(b, n->after.node)->content;
    if (n->after.path && !(w->content.inside = content_path(&w->content, n->after.path, b->arena)))
        return error_memory(err);
    return node_done(b, node, err);
}

/* All that the node needs is done. */
static enum status node_ready(struct build *b, int node, struct error *err)
{
    switch (graph_node(b->graph, node)->kind) {
    case NODE_SOURCE:
        return ready_source(b, node, err);
    case NODE_TEXT:
        return ready_text(b, node, err);
    case NODE_ACTION:
        return ready_action(b, node, err);
    case NODE_STUDY:
        return ready_study(b, node, err);
    case NODE_BEST:
        return ready_best(b, node, err);
    case NODE_AFTER:
        return ready_after(b, node, err);
    case NODE_COMPARE:
        return node_done(b, node, err);
    }
    return OK;
}

/*
 * What a walk over needs carries along. The build has a list of steps, since a chain of actions may
 * be longer than the stack is deep: nodes to be entered, and complements of nodes to be left once
 * their needs are seen. A walk inside a walk uses what lies behind.
 */
struct walk {
    struct build *b;
    int node;    /* whose needs they are */
    int missing; /* needs that are not done */
    bool failed; /* one of them */
    enum status status;
    struct error *err;
};

static void add_step(void *context, int step)
{
    struct walk *walk = context;
    struct build *b = walk->b;

    if (walk->status == OK)
        walk->status = push(b, &b->steps, &b->n_steps, &b->step_capacity, step, walk->err);
}

/* Marks what is wanted now and was not before, and puts it in order: needs before who needs them.
 */
static enum status collect(struct walk *walk, int node)
{
    struct build *b = walk->b;
    const size_t base = b->n_steps;

    add_step(walk, node);
    while (walk->status == OK && b->n_steps > base) {
        const int step = b->steps[--b->n_steps];
        struct work *w;
        if (step < 0) {
            TRY(push(b, &b->order, &b->n_order, &b->order_capacity, ~step, walk->err));
            continue;
        }
        if (!(w = work_of(b, step)))
            return error_memory(walk->err);
        if (w->state == WORK_IDLE) {
            w->state = WORK_WAITING;
            if (graph_node(b->graph, step)->kind == NODE_ACTION)
                TRY(tool_expect(b->tools, graph_node(b->graph, step), walk->err));
            add_step(walk, ~step);
            graph_needs(b->graph, step, add_step, walk);
        }
    }
    return walk->status;
}

static void raise_rank(void *context, int need)
{
    struct walk *walk = context;
    struct build *b = walk->b;
    struct work *w = work_of(b, walk->node), *n = work_of(b, need);

    if (walk->status != OK || n->rank > w->rank)
        return;
    n->rank = w->rank + 1;
    if (n->state == WORK_READY && graph_node(b->graph, need)->kind == NODE_ACTION)
        walk->status =
            ready_add(&b->ready, (struct ready_entry){n->rank, need}, b->arena, walk->err);
}

static void wait_for(void *context, int need)
{
    struct walk *walk = context;
    struct work *n = work_of(walk->b, need);

    if (walk->status != OK || n->state == WORK_DONE)
        return;
    if (n->state == WORK_FAILED) {
        walk->failed = true;
        return;
    }
    walk->status = push(walk->b, &n->dependants, &n->n_dependants, &n->dependant_capacity,
                        walk->node, walk->err);
    work_of(walk->b, walk->node)->missing++;
}

/* A node whose needs are all wanted: it waits for them, or goes on at once. */
static enum status settle(struct walk *walk, int node)
{
    struct build *b = walk->b;

    walk->node = node;
    walk->failed = false;
    work_of(b, node)->missing = 0;
    graph_needs(b->graph, node, wait_for, walk);
    TRY(walk->status);
    if (walk->failed)
        node_failed(b, node);
    else if (work_of(b, node)->missing == 0)
        return node_ready(b, node, walk->err);
    return OK;
}

enum status want_node(struct build *b, int node, struct error *err)
{
    struct walk walk = {.b = b, .err = err};
    const size_t base = b->n_order;
    size_t end;

    TRY(collect(&walk, node));
    end = b->n_order;
    for (size_t i = end; i-- > base;) {
        walk.node = b->order[i];
        graph_needs(b->graph, walk.node, raise_rank, &walk);
    }
    TRY(walk.status);
    for (size_t i = base; i < end; i++)
        TRY(settle(&walk, b->order[i]));
    b->n_order = base;
    return OK;
}

/* Those that have nothing more to wait for go on, and by that make others go on: a list, since the
 * chain may be long. */
static enum status go_on(struct build *b, struct error *err)
{
    enum status s = OK;

    if (b->going_on)
        return OK;
    b->going_on = true;
    while (s == OK && b->n_due > 0)
        s = node_ready(b, b->due[--b->n_due], err);
    b->going_on = false;
    return s;
}

enum status node_done(struct build *b, int node, struct error *err)
{
    struct work *w = work_of(b, node);
    size_t n = w->n_dependants;

    w->state = WORK_DONE;
    recall_compare(b, node);
    b->n_changes++;
    w->force = false;
    w->n_dependants = 0;
    for (size_t i = 0; i < n; i++) {
        struct work *d = work_of(b, w->dependants[i]);
        if (d->state == WORK_WAITING && --d->missing == 0)
            TRY(push(b, &b->due, &b->n_due, &b->due_capacity, w->dependants[i], err));
    }
    return go_on(b, err);
}

void node_failed(struct build *b, int node)
{
    struct work *last = work_of(b, node);

    last->state = WORK_FAILED;
    last->next_failed = NULL;
    for (struct work *w = last; w; w = w->next_failed) {
        for (size_t i = 0; i < w->n_dependants; i++) {
            struct work *d = work_of(b, w->dependants[i]);
            if (d->state != WORK_WAITING)
                continue;
            d->state = WORK_FAILED;
            d->next_failed = NULL;
            last = last->next_failed = d;
        }
        w->n_dependants = 0;
        b->n_changes++;
    }
    b->failed = true;
}

enum status node_lost(struct build *b, int node, int consumer, struct error *err)
{
    struct work *w = work_of(b, node), *c = consumer >= 0 ? work_of(b, consumer) : NULL;

    if (c) {
        c->state = WORK_WAITING;
        c->missing = 1;
        TRY(push(b, &w->dependants, &w->n_dependants, &w->dependant_capacity, consumer, err));
    }
    if (w->state != WORK_DONE)
        return OK; /* it is under way already */
    if (graph_node(b->graph, node)->kind == NODE_AFTER)
        return node_lost(b, graph_node(b->graph, node)->after.node, node, err);
    progress_warning(b->progress, "%s: the store has lost it (%s): it is made again",
                     graph_label(b->graph, node), err->text);
    if (w->cached)
        b->n_cached--;
    w->cached = false;
    w->keyed = w->keyed && !w->recalled; /* a recalled key has no description yet */
    w->recalled = false;
    w->force = true;
    w->state = WORK_IDLE;
    if (w->best)
        w->best->kept = false;
    return want_node(b, node, err);
}

/* All needs of the template's node, wanted; counts those that are not done. */
static void want_need(void *context, int need)
{
    struct walk *walk = context;
    struct work *w;

    if (walk->status != OK || (walk->status = want_node(walk->b, need, walk->err)) != OK)
        return;
    w = work_of(walk->b, need);
    if (w->state == WORK_FAILED)
        walk->failed = true;
    else if (w->state != WORK_DONE)
        walk->missing++;
}

enum status want_template(struct build *b, struct template *template, bool *ready, bool *failed,
                          struct error *err)
{
    struct walk walk = {.b = b, .node = template->node, .err = err};
    enum status s;
    int lost;

    graph_needs(b->graph, template->node, want_need, &walk);
    TRY(walk.status);
    *failed = walk.failed;
    *ready = !walk.failed && walk.missing == 0;
    if (!*ready || template->keyed)
        return OK;
    s = key_node(b, template->node, &template->key, &template->description, &lost, err);
    template->keyed = s == OK;
    *ready = s == OK;
    return lost >= 0 ? node_lost(b, lost, -1, err) : s;
}
