/* plan: counts of missing needs, and lists of those that wait. Start at plan_want. */
#include "engine/plan/plan.h"

#include <string.h>

#include "base/arena.h"
#include "engine/plan/ready.h"

/* A list of nodes in the order in which they were put there; taken from the front or the end. */
struct nodes {
    int *nodes;
    size_t first, n, capacity;
};

struct entry {
    enum plan_state state;
    int missing; /* needs that are not done */
    int rank;    /* the longest way to a target */
    struct nodes dependants;
    int next_failed; /* in the list of plan_failed, or -1 */
};

struct plan {
    plan_needs *needs;
    const void *graph;
    struct arena *arena;
    struct entry **entries; /* by node; NULL: nobody spoke of it */
    size_t n_entries, capacity;
    struct nodes due;
    struct nodes steps, order; /* of the walk in collect */
    struct ready ready;
    int n_ready;
    int64_t changes;
};

enum status plan_open(plan_needs *needs, const void *graph, struct arena *arena, struct plan **out,
                      struct error *err)
{
    struct plan *plan = arena_alloc(arena, sizeof *plan);

    if (!plan)
        return error_memory(err);
    plan->needs = needs;
    plan->graph = graph;
    plan->arena = arena;
    *out = plan;
    return OK;
}

static enum status add(struct plan *plan, struct nodes *list, int node, struct error *err)
{
    int *last = arena_push(plan->arena, list->nodes, list->n, list->capacity);

    if (!last)
        return error_memory(err);
    *last = node;
    return OK;
}

/* NULL: no memory. */
static struct entry *entry_of(struct plan *plan, int node)
{
    const size_t i = (size_t)node;

    if (i >= plan->n_entries) {
        if (i >= plan->capacity) {
            struct entry **larger = arena_grow(plan->arena, plan->entries, plan->n_entries, i + 1,
                                               sizeof(struct entry *), &plan->capacity);
            if (!larger)
                return NULL;
            plan->entries = larger;
        }
        plan->n_entries = i + 1;
    }
    if (!plan->entries[i])
        plan->entries[i] = arena_alloc(plan->arena, sizeof(struct entry));
    return plan->entries[i];
}

enum plan_state plan_state(const struct plan *plan, int node)
{
    const struct entry *e = (size_t)node < plan->n_entries ? plan->entries[node] : NULL;

    return e ? e->state : PLAN_IDLE;
}

int64_t plan_changes(const struct plan *plan)
{
    return plan->changes;
}

/* ---- want ---- */

/* What a walk over the needs of one node carries along. */
struct walk {
    struct plan *plan;
    int node; /* whose needs they are */
    int missing;
    bool failed;
    enum status status;
    struct error *err;
};

static void add_step(void *to, int step)
{
    struct walk *walk = to;

    if (walk->status == OK)
        walk->status = add(walk->plan, &walk->plan->steps, step, walk->err);
}

/*
 * Marks what is wanted now and was not before, and puts it in order: needs before who needs them.
 * `steps` is the stack of the walk: nodes to enter, and complements of nodes to leave.
 */
static enum status collect(struct walk *walk, int node)
{
    struct plan *plan = walk->plan;

    plan->steps.n = plan->order.n = 0;
    add_step(walk, node);
    while (walk->status == OK && plan->steps.n > 0) {
        const int step = plan->steps.nodes[--plan->steps.n];
        struct entry *e;
        if (step < 0) {
            TRY(add(plan, &plan->order, ~step, walk->err));
            continue;
        }
        if (!(e = entry_of(plan, step)))
            return error_memory(walk->err);
        if (e->state == PLAN_IDLE) {
            e->state = PLAN_WAITING;
            add_step(walk, ~step);
            plan->needs(plan->graph, step, add_step, walk);
        }
    }
    return walk->status;
}

static void raise_rank(void *to, int need)
{
    struct walk *walk = to;
    struct plan *plan = walk->plan;
    const struct entry *e = plan->entries[walk->node];
    struct entry *n = plan->entries[need];

    if (walk->status != OK || n->rank > e->rank)
        return;
    n->rank = e->rank + 1;
    if (n->state == PLAN_READY)
        walk->status =
            ready_add(&plan->ready, (struct ready_entry){n->rank, need}, plan->arena, walk->err);
}

static void wait_for(void *to, int need)
{
    struct walk *walk = to;
    struct entry *n = walk->plan->entries[need];

    if (walk->status != OK || n->state == PLAN_DONE)
        return;
    walk->failed |= n->state == PLAN_FAILED;
    walk->missing++;
    walk->status = add(walk->plan, &n->dependants, walk->node, walk->err);
}

static enum status become_due(struct plan *plan, int node, struct error *err)
{
    plan->entries[node]->state = PLAN_DUE;
    plan->changes++;
    return add(plan, &plan->due, node, err);
}

/* A node whose needs are all wanted: it waits for them, or is due at once. */
static enum status settle(struct walk *walk, int node)
{
    struct plan *plan = walk->plan;

    walk->node = node;
    walk->failed = false;
    walk->missing = 0;
    plan->needs(plan->graph, node, wait_for, walk);
    TRY(walk->status);
    plan->entries[node]->missing = walk->missing;
    if (walk->failed)
        plan_failed(plan, node);
    else if (walk->missing == 0)
        return become_due(plan, node, walk->err);
    return OK;
}

enum status plan_want(struct plan *plan, int node, struct error *err)
{
    struct walk walk = {.plan = plan, .err = err};

    TRY(collect(&walk, node));
    for (size_t i = plan->order.n; i-- > 0;) {
        walk.node = plan->order.nodes[i];
        plan->needs(plan->graph, walk.node, raise_rank, &walk);
    }
    TRY(walk.status);
    for (size_t i = 0; i < plan->order.n; i++)
        TRY(settle(&walk, plan->order.nodes[i]));
    return OK;
}

enum status plan_want_again(struct plan *plan, int node, struct error *err)
{
    plan->entries[node]->state = PLAN_IDLE;
    return plan_want(plan, node, err);
}

static void want_need(void *to, int need)
{
    struct walk *walk = to;
    enum plan_state state;

    if (walk->status != OK || (walk->status = plan_want(walk->plan, need, walk->err)) != OK)
        return;
    state = plan_state(walk->plan, need);
    walk->failed |= state == PLAN_FAILED;
    walk->missing += state != PLAN_DONE;
}

enum status plan_want_needs(struct plan *plan, int node, int *missing, bool *failed,
                            struct error *err)
{
    struct walk walk = {.plan = plan, .node = node, .err = err};

    plan->needs(plan->graph, node, want_need, &walk);
    *missing = walk.missing;
    *failed = walk.failed;
    return walk.status;
}

/* ---- take ---- */

bool plan_take_due(struct plan *plan, int *node)
{
    struct nodes *due = &plan->due;

    while (due->first < due->n) {
        *node = due->nodes[due->first++];
        if (plan->entries[*node]->state == PLAN_DUE)
            return true;
    }
    due->first = due->n = 0;
    return false;
}

int plan_ready_nodes(const struct plan *plan)
{
    return plan->n_ready;
}

/* An entry of the heap counts where node and rank are still what they were. */
bool plan_take_ready(struct plan *plan, int *node)
{
    while (plan->ready.n > 0) {
        const struct ready_entry r = ready_take(&plan->ready);
        struct entry *e = plan->entries[r.node];
        if (e->state == PLAN_READY && e->rank == r.rank) {
            plan_busy(plan, r.node);
            *node = r.node;
            return true;
        }
    }
    return false;
}

/* ---- say ---- */

static void leave(struct plan *plan, struct entry *e, enum plan_state to)
{
    plan->n_ready += (to == PLAN_READY) - (e->state == PLAN_READY);
    e->state = to;
}

enum status plan_ready(struct plan *plan, int node, struct error *err)
{
    plan->changes++;
    return plan_put_back(plan, node, err);
}

enum status plan_put_back(struct plan *plan, int node, struct error *err)
{
    struct entry *e = plan->entries[node];

    leave(plan, e, PLAN_READY);
    return ready_add(&plan->ready, (struct ready_entry){e->rank, node}, plan->arena, err);
}

void plan_busy(struct plan *plan, int node)
{
    leave(plan, plan->entries[node], PLAN_BUSY);
}

enum status plan_done(struct plan *plan, int node, struct error *err)
{
    struct entry *e = plan->entries[node];
    const size_t n = e->dependants.n;

    leave(plan, e, PLAN_DONE);
    plan->changes++;
    e->dependants.n = 0;
    for (size_t i = 0; i < n; i++) {
        const int dependant = e->dependants.nodes[i];
        struct entry *d = plan->entries[dependant];
        if (d->state == PLAN_WAITING && --d->missing == 0)
            TRY(become_due(plan, dependant, err));
    }
    return OK;
}

void plan_failed(struct plan *plan, int node)
{
    int last = node;

    leave(plan, plan->entries[node], PLAN_FAILED);
    plan->entries[node]->next_failed = -1;
    for (int i = node; i >= 0; i = plan->entries[i]->next_failed) {
        struct nodes *dependants = &plan->entries[i]->dependants;
        for (size_t k = 0; k < dependants->n; k++) {
            struct entry *d = plan->entries[dependants->nodes[k]];
            if (d->state != PLAN_WAITING)
                continue;
            d->state = PLAN_FAILED;
            d->next_failed = -1;
            plan->entries[last]->next_failed = dependants->nodes[k];
            last = dependants->nodes[k];
        }
        dependants->n = 0;
        plan->changes++;
    }
}

enum status plan_lost(struct plan *plan, int node, int consumer, bool *again, struct error *err)
{
    struct entry *e = plan->entries[node];

    *again = e->state == PLAN_DONE;
    if (consumer >= 0) {
        leave(plan, plan->entries[consumer], PLAN_WAITING);
        plan->entries[consumer]->missing = 1;
        TRY(add(plan, &e->dependants, consumer, err));
        if (e->state == PLAN_FAILED)
            plan_failed(plan, node); /* once more, for those that came since */
    }
    return *again ? plan_want_again(plan, node, err) : OK;
}
