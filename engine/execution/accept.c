/* accept: results that are also looked for under older keys. Start at lookup. */
#include "engine/execution/accept.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "engine/execution/earlier.h"
#include "engine/graph/key.h"

/* A template of this build, and the older one that stands for it. */
struct match {
    const struct template *template;
    const struct digest *earlier; /* NULL: none does, it is its own */
    const char *was;
};

struct accept {
    struct results results;
    struct results *under;
    struct build *b;
    struct match *matches;
    size_t n_matches, match_capacity;
    struct proposal *proposals;
    size_t n, capacity;
};

static struct accept *of(struct results *r)
{
    return (struct accept *)r;
}

static enum status add(struct accept *a, const struct proposal *p, struct error *err)
{
    struct proposal *last = arena_push(a->b->arena, a->proposals, a->n, a->capacity);

    if (!last || !p->name)
        return error_memory(err);
    *last = *p;
    return OK;
}

/* ---- actions ---- */

static enum status find_action(struct accept *a, int node, struct result *out, enum answer *answer,
                               struct error *err)
{
    struct build *b = a->b;
    const struct work *w = work_of(b, node);
    struct proposal p = {.name = graph_label(b->graph, node),
                         .trial = -1,
                         .node = node,
                         .key = w->key,
                         .description = w->description,
                         .is = w->description};
    struct earlier *all;
    size_t n;

    p.subject = p.name;
    TRY(earlier_actions(b, node, w->description, &all, &n, err));
    if (n == 0)
        return OK;
    p.was = all[0].description;
    p.refused = !all[0].may;
    p.stands_for = all[0].result.key;
    TRY(add(a, &p, err));
    if (p.refused)
        return OK;
    *out = all[0].result;
    *answer = ANSWER_KNOWN;
    return OK;
}

/* ---- units ---- */

/* The newest first: most questions are about a trial that was asked for just now. */
static struct match *find_match(const struct accept *a, const struct template *t)
{
    for (size_t i = a->n_matches; i-- > 0;)
        if (digest_equal(&a->matches[i].template->key, &t->key))
            return &a->matches[i];
    return NULL;
}

static enum status key_after(struct build *b, const struct digest *template, int t,
                             const struct digest *parent, struct digest *key, struct error *err)
{
    const char *description = unit_describe(template, t, parent, b->arena);

    return description ? digest_bytes(description, strlen(description), key, err)
                       : error_memory(err);
}

/* The best of the older templates under which this unit, the first of them here, is known; else the
 * best: it may have failed there. */
static enum status choose(struct accept *a, const struct unit *u, const struct digest *parent,
                          struct match *match, struct error *err)
{
    struct build *b = a->b;
    struct earlier *all;
    size_t n, best = 0;
    bool found = false;

    TRY(earlier_templates(b, u->template, &all, &n, err));
    if (n == 0 || !all[0].may)
        return OK;
    for (size_t i = 0; i < n && all[i].may && !found; i++) {
        struct digest key;
        struct result r;
        enum status s;
        TRY(key_after(b, &all[i].key, u->t, parent, &key, err));
        s = index_result_get(b->store, &key, b->arena, &r, err);
        if (s != OK && s != ERR_NOT_FOUND)
            return s;
        if ((found = s == OK))
            best = i;
    }
    match->earlier = &all[best].key;
    match->was = all[best].description;
    return OK;
}

static enum status match_of(struct accept *a, const struct unit *u, const struct digest *parent,
                            const struct match **out, struct error *err)
{
    struct match *match = find_match(a, u->template);

    if (!match) {
        if (!(match = arena_push(a->b->arena, a->matches, a->n_matches, a->match_capacity)))
            return error_memory(err);
        *match = (struct match){.template = u->template};
        TRY(choose(a, u, parent, match, err));
    }
    *out = match;
    return OK;
}

/* The key that the unit would have had before; its own where nothing up to it changed. */
static enum status earlier_key(struct accept *a, struct unit *u, struct error *err)
{
    struct unit **behind = NULL;
    size_t n = 0, capacity = 0;

    for (; u && !u->earlier; u = u->parent) {
        struct unit **last = arena_push(a->b->arena, behind, n, capacity);
        if (!last)
            return error_memory(err);
        *last = u;
    }
    while (n-- > 0) {
        const struct digest *parent = behind[n]->parent ? behind[n]->parent->earlier : NULL;
        struct digest *key = arena_alloc(a->b->arena, sizeof *key);
        const struct match *match = NULL;
        if (!key)
            return error_memory(err);
        TRY(match_of(a, behind[n], parent, &match, err));
        assert(match);
        TRY(key_after(a->b, match->earlier ? match->earlier : &behind[n]->template->key,
                      behind[n]->t, parent, key, err));
        behind[n]->earlier = key;
    }
    return OK;
}

static enum status find_unit(struct accept *a, struct unit *u, struct result *out,
                             enum answer *answer, struct error *err)
{
    struct build *b = a->b;
    const char *study = graph_label(b->graph, u->template->study);
    struct proposal p = {.subject = study,
                         .trial = u->template->trial,
                         .node = u->template->node,
                         .unit = u,
                         .key = u->key,
                         .is = u->template->description};
    enum status s;

    TRY(earlier_key(a, u, err));
    if (digest_equal(u->earlier, &u->key))
        return OK;
    s = index_result_get(b->store, u->earlier, b->arena, out, err);
    if (s == ERR_NOT_FOUND || (s == OK && !out->reports))
        return OK;
    TRY(s);
    *answer = ANSWER_KNOWN;
    p.name = arena_printf(b->arena, "%s/%d/%d", study, p.trial, u->t);
    p.description = unit_description(u, b->arena);
    p.stands_for = out->key;
    p.was = find_match(a, u->template)->was;
    return p.description ? add(a, &p, err) : error_memory(err);
}

/* ---- the port ---- */

static enum status lookup(struct results *r, const struct digest *key, struct asker *asker,
                          struct arena *arena, struct result *out, enum answer *answer,
                          struct error *err)
{
    struct accept *a = of(r);

    TRY(results_lookup(a->under, key, NULL, arena, out, answer, err));
    if (*answer != ANSWER_ABSENT || !asker)
        return OK;
    return asker->unit ? find_unit(a, asker->unit, out, answer, err)
                       : find_action(a, asker->node, out, answer, err);
}

static enum unsynced unsynced(const struct results *r)
{
    return results_unsynced(((const struct accept *)r)->under);
}

static enum status sync_under(struct results *r, struct error *err)
{
    return results_sync(of(r)->under, err);
}

/* A build that starts nothing asks nothing else. */
static const struct results_calls calls = {
    .lookup = lookup,
    .unsynced = unsynced,
    .sync = sync_under,
};

enum status accept_open(struct build *b, struct error *err)
{
    struct accept *a = arena_alloc(b->arena, sizeof *a);

    if (!a)
        return error_memory(err);
    *a = (struct accept){.results = {&calls}, .under = b->results, .b = b};
    b->results = &a->results;
    return OK;
}

/* ---- the end ---- */

/* Units that were trained further than the recipe asks for. */
static enum status go_on(struct accept *a, struct error *err)
{
    for (size_t i = 0; i < a->n; i++) { /* the list grows meanwhile */
        struct unit *u = a->proposals[i].unit, *next;
        if (u)
            TRY(unit_get(a->b->units, u->template, u, &next, err));
    }
    return OK;
}

/* Trials that wait for a unit of which older templates tell nothing that may be taken. */
static enum status refuse(struct accept *a, int study, struct error *err)
{
    struct build *b = a->b;
    struct demand *runs;
    struct earlier *all;
    size_t n_runs, n;

    TRY(study_demands(work_of(b, study)->study, b->arena, &runs, &n_runs, err));
    for (size_t i = 0; i < n_runs; i++) {
        const struct template *t = runs[i].template;
        const struct match *match = t->keyed ? find_match(a, t) : NULL;
        struct proposal p = {.subject = graph_label(b->graph, study),
                             .trial = runs[i].trial,
                             .node = t->node,
                             .key = t->key,
                             .is = t->description,
                             .refused = true};
        if (!match || match->earlier)
            continue;
        TRY(earlier_templates(b, t, &all, &n, err));
        if (n == 0 || all[0].may)
            continue;
        p.was = all[0].description;
        p.name = arena_printf(b->arena, "%s/%d", p.subject, p.trial);
        TRY(add(a, &p, err));
    }
    return OK;
}

enum status accept_finish(struct build *b, struct error *err)
{
    struct accept *a = of(b->results);

    TRY(go_on(a, err));
    for (size_t i = 0; i < b->studies.n; i++)
        if (plan_state(b->plan, b->studies.nodes[i]) == PLAN_BUSY)
            TRY(refuse(a, b->studies.nodes[i], err));
    return OK;
}

size_t accept_proposals(const struct build *b, const struct proposal **out)
{
    const struct accept *a = (const struct accept *)b->results;

    *out = a->proposals;
    return a->n;
}
