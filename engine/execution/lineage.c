/* lineage: from nodes of a graph and units of its studies to rows. Start at lineage_take. */
#include "engine/execution/lineage.h"

#include <string.h>

#include "base/arena.h"
#include "engine/execution/build.h"

struct taking {
    struct build *b;
    struct arena *arena;
    struct lineage *record;
    const char *study;
    int last_trial;
    enum status status;
    struct error *err;
};

/* Where the key is, or would be. */
static int *slot_of(const struct lineage *r, const struct digest *key)
{
    size_t at;

    memcpy(&at, key, sizeof at);
    for (at %= r->n_slots;; at = (at + 1) % r->n_slots)
        if (r->slots[at] == 0 || digest_equal(&r->nodes[r->slots[at] - 1].key, key))
            return &r->slots[at];
}

const struct lineage_node *lineage_find(const struct lineage *r, const struct digest *key)
{
    const int *slot = r->n_slots > 0 ? slot_of(r, key) : NULL;

    return slot && *slot > 0 ? &r->nodes[*slot - 1] : NULL;
}

bool lineage_ends_run(const struct result *r)
{
    return r->has_log || r->has_tree;
}

const struct lineage_node *lineage_named(const struct lineage *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->nodes[i].name, name) == 0)
            return &l->nodes[i];
    return NULL;
}

static enum status grow(struct lineage *r, struct arena *arena, struct error *err)
{
    r->n_slots = r->n_slots ? 2 * r->n_slots : 64;
    if (!(r->slots = arena_array(arena, r->n_slots, sizeof *r->slots)))
        return error_memory(err);
    for (size_t i = 0; i < r->n; i++)
        *slot_of(r, &r->nodes[i].key) = (int)i + 1;
    return OK;
}

enum status lineage_add(struct lineage *l, const struct lineage_node *node, struct arena *arena,
                        struct error *err)
{
    struct lineage_node *last;

    if (2 * l->n >= l->n_slots)
        TRY(grow(l, arena, err));
    if (!(last = arena_push(arena, l->nodes, l->n, l->capacity)))
        return error_memory(err);
    *last = *node;
    *slot_of(l, &node->key) = (int)l->n;
    return OK;
}

/* With what the store has of it. */
static enum status add(struct taking *g, const struct lineage_node *node, struct error *err)
{
    struct lineage_node known = *node;
    const enum status s = index_result_get(g->b->store, &node->key, g->arena, &known.result, err);

    if (s == ERR_NOT_FOUND) {
        known.result = (struct result){.kind = NULL};
        known.failure = arena_string(g->arena, node->failure ? node->failure : "it failed");
    } else {
        TRY(s);
        known.failure = NULL;
        known.by_hand |= !digest_equal(&known.result.key, &known.key);
        g->record->seconds += known.result.seconds;
    }
    known.name = arena_string(g->arena, node->name);
    known.tool = node->tool ? arena_string(g->arena, node->tool) : NULL;
    if (!known.name || (node->tool && !known.tool) || (!known.result.kind && !known.failure))
        return error_memory(err);
    return lineage_add(g->record, &known, g->arena, err);
}

static enum status take_action(struct taking *g, int i, struct error *err)
{
    struct build *b = g->b;
    const struct node *n = graph_node(b->graph, i);
    const struct work *w = (size_t)i < b->n_work ? b->work[i] : NULL;
    struct lineage_node node = {.trial = -1, .parent = -1};

    if (n->kind != NODE_ACTION || !w || !w->keyed || plan_state(b->plan, i) != PLAN_DONE ||
        lineage_find(g->record, &w->key))
        return OK;
    node.name = graph_label(b->graph, i);
    node.key = w->key;
    node.fetched = n->action.fetch;
    node.tool = node.fetched ? NULL : w->identity;
    node.excepted = n->action.not_reproducible;
    g->record->actions++;
    return add(g, &node, err);
}

static int place_of(const struct lineage *r, const struct digest *key)
{
    const struct lineage_node *node = lineage_find(r, key);

    return node ? (int)(node - r->nodes) : -1;
}

/* Another name of a unit that is there: of two trials that are one, or of two studies. */
static void add_alias(struct taking *g, const char *name, int node)
{
    struct lineage *l = g->record;
    struct lineage_alias *last;

    if (strcmp(l->nodes[node].name, name) == 0)
        return;
    if ((last = arena_push(g->arena, l->aliases, l->n_aliases, l->alias_capacity)) != NULL)
        *last = (struct lineage_alias){name, node};
    else
        g->status = error_memory(g->err);
}

/* A unit, and before it those that lead to it: of a trial that exploited another they are the
 * other's. */
static void take_unit(void *context, int trial, struct unit *u)
{
    struct taking *g = context;
    struct lineage_node node = {
        .study = g->study, .trial = u->template->trial, .t = u->t, .failure = u->failure};
    const char *name = arena_printf(g->arena, "%s/%d/%d", g->study, trial, u->t);
    const struct study_spec *spec;

    if (g->status == OK && !name)
        g->status = error_memory(g->err);
    if (g->status == OK && lineage_find(g->record, &u->key)) {
        add_alias(g, name, place_of(g->record, &u->key));
        return;
    }
    if (g->status == OK && u->parent && !lineage_find(g->record, &u->parent->key))
        take_unit(context, u->parent->template->trial, u->parent);
    if (g->status != OK)
        return;
    node.name = arena_printf(g->arena, "%s/%d/%d", g->study, node.trial, u->t);
    node.key = u->key;
    node.parent = u->parent ? place_of(g->record, &u->parent->key) : -1;
    node.tool = work_of(g->b, u->template->node)->identity;
    spec = graph_node(g->b->graph, u->template->study)->study;
    node.stops = spec->stop.metric || spec->stop_study.metric;
    node.by_hand = u->by_hand || unit_is_accepted(u);
    node.excepted = graph_node(g->b->graph, u->template->node)->action.not_reproducible;
    g->status = node.name ? add(g, &node, g->err) : error_memory(g->err);
    if (g->status == OK)
        add_alias(g, name, (int)g->record->n - 1);
    g->record->units++;
    g->record->trials += trial != g->last_trial;
    g->last_trial = trial;
}

static enum status take_trials(struct taking *g, const struct study *study, struct searched *s,
                               struct error *err)
{
    s->n_trials = study_trials(study);
    if (!(s->values = arena_array(g->arena, s->n_trials + 1, sizeof *s->values)))
        return error_memory(err);
    for (size_t i = 0; i < s->n_trials; i++) {
        struct study_trial trial;
        study_trial(study, i, 0, &trial);
        s->values[i] = trial.value;
    }
    return OK;
}

static enum status take_study(struct taking *g, const struct study *study, bool decided,
                              struct error *err)
{
    struct lineage *r = g->record;
    struct searched *s = arena_push(g->arena, r->studies, r->n_studies, r->study_capacity);
    const char *params = NULL;
    int trial, t;

    if (!s)
        return error_memory(err);
    *s = (struct searched){.study = g->study,
                           .metric = arena_string(g->arena, study_spec(study)->metric),
                           .maximize = study_spec(study)->maximize,
                           .decided = decided,
                           .best = -1};
    if (decided && study_best(study, &trial, &params, &s->value)) {
        s->best = trial;
        s->params = arena_string(g->arena, params);
    } else if (study_next(study, &trial, &t)) {
        s->wants = arena_printf(g->arena, "%s/%d/%d", g->study, trial, t);
    }
    if (!s->metric || (s->best >= 0 && !s->params))
        return error_memory(err);
    TRY(take_trials(g, study, s, err));
    return g->b->replays ? study_check(study, g->b->store, g->arena, &s->n_answers, &s->event,
                                       &s->was, &s->is, err)
                         : OK;
}

/* ---- what a target rests on ---- */

struct marking {
    struct build *b;
    struct arena *arena;
    bool *marked; /* by node */
    int *queue;
    size_t n, done;
};

static void mark(void *context, int node)
{
    struct marking *m = context;

    if (!m->marked[node]) {
        m->marked[node] = true;
        m->queue[m->n++] = node;
    }
}

/* A trial rests on what its segments read. */
static void mark_unit(void *context, int trial, struct unit *u)
{
    const struct marking *m = context;

    (void)trial;
    graph_needs(m->b->graph, u->template->node, mark, context);
}

static enum status mark_all(struct marking *m, const struct target *targets, size_t n,
                            struct error *err)
{
    struct build *b = m->b;
    const size_t size = (size_t)graph_size(b->graph);

    m->marked = arena_array(m->arena, size + 1, sizeof *m->marked);
    m->queue = arena_array(m->arena, size + 1, sizeof *m->queue);
    if (!m->marked || !m->queue)
        return error_memory(err);
    for (size_t i = 0; i < n; i++)
        mark(m, targets[i].node);
    while (m->done < m->n) {
        const int node = m->queue[m->done++];
        graph_needs(b->graph, node, mark, m);
        if (graph_node(b->graph, node)->kind == NODE_STUDY && (size_t)node < b->n_work &&
            b->work[node] && b->work[node]->study)
            study_units(b->work[node]->study, mark_unit, m);
    }
    return OK;
}

static enum status take_node(struct taking *g, int node, struct error *err)
{
    struct build *b = g->b;
    const struct node *n = graph_node(b->graph, node);
    const struct work *w = (size_t)node < b->n_work ? b->work[node] : NULL;

    if (n->kind == NODE_ACTION)
        return take_action(g, node, err);
    if (n->kind == NODE_SOURCE && w && plan_state(b->plan, node) == PLAN_DONE) {
        int *last = arena_push(g->arena, g->record->sources, g->record->n_sources,
                               g->record->source_capacity);
        if (!last)
            return error_memory(err);
        *last = node;
        return OK;
    }
    if (n->kind == NODE_BEST && w && w->best) { /* of a script what it left at its end */
        const int study = w->best->template->study;
        if (!(g->study = arena_string(g->arena, graph_label(b->graph, study))))
            return error_memory(err);
        take_unit(g, w->best->template->trial, w->best);
        return g->status;
    }
    if (n->kind != NODE_STUDY || !w || !w->study)
        return OK;
    g->last_trial = -1;
    if (!(g->study = arena_string(g->arena, graph_label(b->graph, node))))
        return error_memory(err);
    study_units(w->study, take_unit, g);
    TRY(g->status);
    return take_study(g, w->study, plan_state(b->plan, node) == PLAN_DONE, err);
}

enum status lineage_take(struct build *b, const struct target *targets, size_t n,
                         struct arena *arena, struct lineage *out, struct error *err)
{
    struct taking g = {.b = b, .arena = arena, .record = out, .err = err};
    struct marking m = {.b = b, .arena = arena};

    *out = (struct lineage){.nodes = NULL};
    TRY(mark_all(&m, targets, n, err));
    for (int i = 0; i < graph_size(b->graph); i++)
        if (m.marked[i])
            TRY(take_node(&g, i, err));
    for (size_t i = 0; i < b->n_work && !out->collected; i++)
        if (b->work[i] && b->work[i]->collected && plan_state(b->plan, (int)i) != PLAN_DONE &&
            !(out->collected = arena_string(arena, graph_label(b->graph, (int)i))))
            return error_memory(err);
    for (size_t i = 0; i < n && !out->missing; i++)
        if (plan_state(b->plan, targets[i].node) != PLAN_DONE &&
            !(out->missing = arena_string(arena, targets[i].name)))
            return error_memory(err);
    return OK;
}

bool lineage_is_altered(const struct lineage *l)
{
    for (size_t i = 0; i < l->n_studies; i++)
        if (l->studies[i].event)
            return true;
    return false;
}

static bool is_named(const char *own, bool unit, const char *name)
{
    const size_t n = strlen(name);

    return strcmp(own, name) == 0 || (unit && strncmp(own, name, n) == 0 && own[n] == '/');
}

bool lineage_is_named(const struct lineage *l, size_t node, const char *name)
{
    const size_t n = strlen(name);
    char hex[DIGEST_HEX + 1];

    digest_hex(&l->nodes[node].key, hex);
    if (is_named(l->nodes[node].name, l->nodes[node].study, name) ||
        (n >= 6 && strncmp(hex, name, n) == 0))
        return true;
    for (size_t i = 0; i < l->n_aliases; i++)
        if (l->aliases[i].node == (int)node && is_named(l->aliases[i].name, true, name))
            return true;
    return false;
}
