/* record: from the nodes of a graph and the units of its studies to rows. Start at record_take. */
#include "engine/audit/record.h"

#include <string.h>

#include "base/arena.h"
#include "engine/execution/build.h"

struct taking {
    struct build *b;
    struct arena *arena;
    struct record *record;
    const char *study;
    int last_trial;
    enum status status;
    struct error *err;
};

/* Where the key is, or would be. */
static int *slot_of(const struct record *r, const struct digest *key)
{
    size_t at;

    memcpy(&at, key, sizeof at);
    for (at %= r->n_slots;; at = (at + 1) % r->n_slots)
        if (r->slots[at] == 0 || digest_equal(&r->nodes[r->slots[at] - 1].key, key))
            return &r->slots[at];
}

const struct recorded *record_find(const struct record *r, const struct digest *key)
{
    const int *slot = r->n_slots > 0 ? slot_of(r, key) : NULL;

    return slot && *slot > 0 ? &r->nodes[*slot - 1] : NULL;
}

static enum status grow(struct record *r, struct arena *arena, struct error *err)
{
    r->n_slots = r->n_slots ? 2 * r->n_slots : 64;
    if (!(r->slots = arena_array(arena, r->n_slots, sizeof *r->slots)))
        return error_memory(err);
    for (size_t i = 0; i < r->n; i++)
        *slot_of(r, &r->nodes[i].key) = (int)i + 1;
    return OK;
}

static enum status add(struct taking *g, const struct recorded *node, struct error *err)
{
    struct record *r = g->record;
    struct recorded *last;
    enum status s;

    if (2 * r->n >= r->n_slots)
        TRY(grow(r, g->arena, err));
    if (!(last = arena_push(g->arena, r->nodes, r->n, r->capacity)))
        return error_memory(err);
    *last = *node;
    *slot_of(r, &node->key) = (int)r->n;
    if (!(last->name = arena_string(g->arena, node->name)))
        return error_memory(err);
    s = index_result_get(g->b->store, &node->key, g->arena, &last->result, err);
    if (s == ERR_NOT_FOUND) {
        last->result = (struct result){.kind = NULL};
        last->failure = arena_string(g->arena, node->failure ? node->failure : "it failed");
        return last->failure ? OK : error_memory(err);
    }
    r->seconds += s == OK ? last->result.seconds : 0;
    return s;
}

static enum status take_action(struct taking *g, int i, struct error *err)
{
    struct build *b = g->b;
    const struct node *n = graph_node(b->graph, i);
    const struct work *w = (size_t)i < b->n_work ? b->work[i] : NULL;
    struct recorded node = {.trial = -1, .parent = -1};

    if (n->kind != NODE_ACTION || !w || !w->keyed || plan_state(b->plan, i) != PLAN_DONE ||
        record_find(g->record, &w->key))
        return OK;
    node.name = graph_label(b->graph, i);
    node.key = w->key;
    node.fetched = n->action.fetch;
    g->record->actions++;
    return add(g, &node, err);
}

static int place_of(const struct record *r, const struct digest *key)
{
    const struct recorded *node = record_find(r, key);

    return node ? (int)(node - r->nodes) : -1;
}

/* A unit, and before it those that lead to it: of a trial that exploited another they are the
 * other's. */
static void take_unit(void *context, int trial, struct unit *u)
{
    struct taking *g = context;
    struct recorded node = {.study = g->study, .trial = trial, .t = u->t, .failure = u->failure};

    if (g->status != OK || record_find(g->record, &u->key))
        return;
    if (u->parent && !record_find(g->record, &u->parent->key))
        take_unit(context, trial, u->parent);
    node.name = arena_printf(g->arena, "%s/%d/%d", g->study, trial, u->t);
    node.key = u->key;
    node.parent = u->parent ? place_of(g->record, &u->parent->key) : -1;
    node.by_hand = u->by_hand || unit_is_accepted(u);
    if (!node.name)
        g->status = error_memory(g->err);
    else if (g->status == OK)
        g->status = add(g, &node, g->err);
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
        study_trial(study, i, 0, g->b->arena, &trial);
        s->values[i] = trial.value;
    }
    return OK;
}

static enum status take_study(struct taking *g, const struct study *study, bool decided,
                              struct error *err)
{
    struct record *r = g->record;
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
    return study_check(study, g->b->store, g->arena, &s->n_answers, &s->event, &s->was, &s->is,
                       err);
}

enum status record_take(struct build *b, struct arena *arena, struct record *out, struct error *err)
{
    struct taking g = {.b = b, .arena = arena, .record = out, .err = err};

    *out = (struct record){.nodes = NULL};
    for (int i = 0; i < graph_size(b->graph); i++)
        TRY(take_action(&g, i, err));
    for (size_t i = 0; i < b->studies.n; i++) {
        const int node = b->studies.nodes[i];
        g.last_trial = -1;
        if (!(g.study = arena_string(arena, graph_label(b->graph, node))))
            return error_memory(err);
        study_units(work_of(b, node)->study, take_unit, &g);
        TRY(g.status);
        TRY(take_study(&g, work_of(b, node)->study, plan_state(b->plan, node) == PLAN_DONE, err));
    }
    for (size_t i = 0; i < b->n_targets && !out->missing; i++)
        if (plan_state(b->plan, b->targets[i].node) != PLAN_DONE &&
            !(out->missing = arena_string(arena, b->targets[i].name)))
            return error_memory(err);
    return OK;
}

bool record_is_named(const struct recorded *node, const char *name)
{
    const size_t n = strlen(name);
    char hex[DIGEST_HEX + 1];

    digest_hex(&node->key, hex);
    return strcmp(node->name, name) == 0 || (n >= 6 && strncmp(hex, name, n) == 0) ||
           (node->study && strncmp(node->name, name, n) == 0 && node->name[n] == '/');
}
