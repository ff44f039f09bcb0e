/* left: a pass over the wanted nodes, in their order. Start at left_estimate. */
#include "engine/execution/left.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "engine/eta.h"
#include "engine/execution/forecast.h"
#include "engine/execution/job.h"
#include "engine/execution/run.h"

enum { MOST_LOOKED_UP = 200, MOST_CLASSES = 64 };

/* What a node took in an earlier build. */
struct past {
    bool looked;
    double seconds; /* of a study: of a unit. NaN: unknown */
};

/* Actions of one kind and one program. */
struct class
{
    const char *kind, *program;
    double seconds;
    int n;
};

struct left {
    struct past *nodes;
    size_t n, capacity;
    int looked_up;
};

/* One estimate. */
struct pass {
    struct build *b;
    struct left *left;
    struct arena *arena;
    struct class classes[MOST_CLASSES], all;
    struct class after; /* what hpo.after has made */
    size_t n_classes;
    double *finish; /* by node: seconds from now */
    size_t n;
    double begin; /* of the node that is looked at */
    double work, last;
    double card_work; /* seconds of slots of cards */
    struct card_count cards;
    bool known; /* something is */
};

enum status left_open(struct build *b, struct left **out, struct error *err)
{
    return (*out = arena_alloc(b->arena, sizeof **out)) ? OK : error_memory(err);
}

/* What is known of a node; NULL: nothing yet. */
static const struct work *known(const struct build *b, int node)
{
    return (size_t)node < b->n_work ? b->work[node] : NULL;
}

static bool is_wanted(const struct build *b, int node)
{
    const enum plan_state state = plan_state(b->plan, node);

    return state != PLAN_IDLE && state != PLAN_DONE && state != PLAN_FAILED;
}

/* ---- what was before ---- */

static enum status find_past(struct pass *p, int node, double *seconds, struct error *err)
{
    struct build *b = p->b;
    const char *label = graph_label(b->graph, node);
    struct node_key *keys;
    struct result r;
    size_t n;
    enum status s;

    *seconds = NAN;
    if (!label)
        return error_memory(err);
    if (graph_node(b->graph, node)->kind == NODE_STUDY)
        return forecast_pace(b, node, p->arena, seconds, err);
    TRY(history_node_keys(b->store, b->recipe_path, label, 1, p->arena, &keys, &n, err));
    if (n == 0)
        return OK;
    s = index_result_get(b->store, &keys[0].key, p->arena, &r, err);
    if (s == OK)
        *seconds = r.seconds;
    return s == ERR_NOT_FOUND ? OK : s;
}

/* Looked up once, and not for every one of very many. */
static enum status past_of(struct pass *p, int node, double *seconds, struct error *err)
{
    struct left *l = p->left;

    if ((size_t)node >= l->n) {
        const size_t n = p->n;
        struct past *nodes =
            arena_grow(p->b->arena, l->nodes, l->n, n, sizeof *nodes, &l->capacity);
        if (!nodes)
            return error_memory(err);
        l->nodes = nodes;
        memset(nodes + l->n, 0, (n - l->n) * sizeof *nodes);
        l->n = n;
    }
    if (!l->nodes[node].looked) {
        l->nodes[node] = (struct past){true, NAN};
        if (l->looked_up++ < MOST_LOOKED_UP)
            TRY(find_past(p, node, &l->nodes[node].seconds, err));
    }
    *seconds = l->nodes[node].seconds;
    return OK;
}

/* ---- actions ---- */

static struct class *class_of(struct pass *p, const struct action *a)
{
    const char *program = a->run ? a->run[0] : "";
    struct class *c = p->classes;

    for (size_t i = 0; i < p->n_classes; i++, c++)
        if (strcmp(c->kind, a->kind) == 0 && strcmp(c->program, program) == 0)
            return c;
    if (p->n_classes == MOST_CLASSES)
        return &p->all;
    *c = (struct class){a->kind, program, 0, 0};
    p->n_classes++;
    return c;
}

/* What the node takes from its begin to its end, of a study by the units that are known; 0: that
 * cannot be told yet. */
static double whole(const struct pass *p, int node)
{
    const struct build *b = p->b;
    const struct node *n = graph_node(b->graph, node);
    const struct study *study;
    double seconds = 0;
    int units = 0;

    if (n->kind == NODE_BEST)
        n = graph_node(b->graph, node = n->best_of);
    if (!known(b, node))
        return 0;
    if (n->kind == NODE_ACTION)
        return known(b, node)->seconds;
    if (n->kind != NODE_STUDY || !(study = known(b, node)->study))
        return 0;
    for (size_t i = 0; i < study_trials(study); i++) {
        struct study_trial t;
        study_trial(study, i, b->run, &t);
        seconds += t.seconds + t.past_seconds;
        units += t.units + t.past_units;
    }
    return units > 0 ? seconds / units * n->study->max_t * n->study->samples : 0;
}

/* What actions of each kind took in this build, and what hpo.after made. */
static void learn(struct pass *p)
{
    const struct build *b = p->b;

    for (size_t i = 0; i < p->n; i++) {
        const struct work *w = known(b, (int)i);
        const struct node *node = graph_node(b->graph, (int)i);
        if (w && node->kind == NODE_AFTER && node->after.node >= 0 &&
            whole(p, node->after.node) > 0) {
            p->after.seconds += whole(p, node->after.node);
            p->after.n++;
        }
        if (!w || node->kind != NODE_ACTION || w->cached || w->recalled ||
            plan_state(b->plan, (int)i) != PLAN_DONE)
            continue;
        struct class *c = class_of(p, &node->action);
        c->seconds += w->seconds;
        c->n++;
        p->all.seconds += c == &p->all ? 0 : w->seconds;
        p->all.n += c != &p->all;
    }
}

static double mean(const struct class *c)
{
    return c->n > 0 ? c->seconds / c->n : NAN;
}

/* How many slots of cards an action takes: one, or all of several cards. */
static double card_slots(const struct pass *p, const struct resources *r)
{
    if (!r || r->gpus < 1 || p->cards.there == 0)
        return 0;
    return r->gpus == 1 ? 1 : r->gpus * (double)p->cards.slots / p->cards.there;
}

static enum status expect_action(struct pass *p, int node, struct eta *out, struct error *err)
{
    struct build *b = p->b;
    const struct action *a = &graph_node(b->graph, node)->action;
    double seconds = NAN;

    TRY(past_of(p, node, &seconds, err));
    if (isnan(seconds))
        seconds = mean(class_of(p, a));
    if (isnan(seconds))
        seconds = mean(&p->all);
    for (const struct job *job = b->jobs; job; job = job->next)
        if (!job->run && job->node == node)
            seconds = fmax(seconds - job_seconds(job), 0);
    *out = (struct eta){seconds * (a->resources.cpus > 1 ? a->resources.cpus : 1), seconds};
    if (!isnan(seconds))
        p->card_work += seconds * card_slots(p, &a->resources);
    return OK;
}

/* ---- studies ---- */

/* How long the unit has been trained that a trial's process will report next. */
static void add_running(const struct build *b, int node, struct eta_trial *trials, size_t n)
{
    const char *study = graph_label(b->graph, node);
    int trial;

    for (const struct job *job = b->jobs; job; job = job->next)
        if (run_since(job) >= 0 && job_is_of(job, study, &trial) && (size_t)trial < n)
            trials[trial].since = run_since(job);
}

static enum status gather_trials(struct pass *p, int node, const struct study *study,
                                 struct eta_study *out, struct error *err)
{
    struct eta_trial *trials;

    out->n = study_trials(study);
    if (!(trials = arena_array(p->arena, out->n + 1, sizeof *trials)))
        return error_memory(err);
    for (size_t i = 0; i < out->n; i++) {
        struct study_trial t;
        study_trial(study, i, p->b->run, &t);
        trials[i] = (struct eta_trial){.t = t.known,
                                       .until = t.until,
                                       .state = t.runs    ? ETA_RUNNING
                                                : t.waits ? ETA_PAUSED
                                                          : ETA_ENDED,
                                       .cost = t.cost,
                                       .units = t.units,
                                       .seconds = t.seconds,
                                       .past_units = t.past_units,
                                       .past_seconds = t.past_seconds};
    }
    add_running(p->b, node, trials, out->n);
    out->trials = trials;
    return OK;
}

double left_overhead(const struct build *b)
{
    return b->effort.trained > 0 ? fmax(b->effort.spent / b->effort.trained, 1) : 1;
}

static enum status expect_study(struct pass *p, int node, struct eta *out, struct error *err)
{
    struct build *b = p->b;
    const struct study_spec *spec = graph_node(b->graph, node)->study;
    const struct study *study = known(b, node) ? known(b, node)->study : NULL;
    const struct resources *r = study ? study_resources(study) : NULL;
    const int wide = r && r->cpus > 1 ? r->cpus : 1;
    const double on_cards = card_slots(p, r);
    struct eta_study s = {.samples = spec->samples,
                          .max_t = spec->max_t,
                          .exploits = spec->exploits,
                          .passes = spec->passes,
                          .pace = NAN};
    struct study_totals totals = {0};

    s.workers = b->o->jobs / wide;
    if (on_cards > 0 && s.workers > p->cards.slots / on_cards)
        s.workers = (int)(p->cards.slots / on_cards);
    if (s.workers > spec->concurrency)
        s.workers = spec->concurrency;
    if (study) {
        TRY(gather_trials(p, node, study, &s, err));
        s.exhausted = study_is_exhausted(study);
    }
    if (study && spec->budget > 0) {
        study_total(study, &totals);
        s.units_left = (double)(spec->budget - totals.units);
    }
    TRY(past_of(p, node, &s.pace, err));
    if (isnan(s.pace) && b->effort.units > 0)
        s.pace = b->effort.trained / (double)b->effort.units;
    s.overhead = left_overhead(b);
    TRY(eta_study(&s, p->arena, out, err));
    if (!isnan(out->work))
        p->card_work += out->work * on_cards;
    out->work *= wide;
    return OK;
}

/* ---- the pass ---- */

static void need(void *context, int node)
{
    struct pass *p = context;

    if ((size_t)node < p->n)
        p->begin = fmax(p->begin, p->finish[node]);
}

/* A node that nothing is known of takes no time: so the rest can be told. */
static enum status expect(struct pass *p, int node, struct error *err)
{
    struct eta eta = {0, 0};

    switch (graph_node(p->b->graph, node)->kind) {
    case NODE_ACTION:
        TRY(expect_action(p, node, &eta, err));
        break;
    case NODE_STUDY:
        TRY(expect_study(p, node, &eta, err));
        break;
    case NODE_AFTER: /* one that is undecided will make what others have made */
        if (graph_node(p->b->graph, node)->after.node < 0 && p->after.n > 0)
            eta.work = eta.span = mean(&p->after) * left_overhead(p->b);
        break;
    default:
        break;
    }
    p->begin = 0;
    graph_needs(p->b->graph, node, need, p);
    p->finish[node] = p->begin;
    if (isnan(eta.work))
        return OK;
    p->finish[node] += eta.span;
    p->work += eta.work;
    p->known = p->known || eta.work > 0;
    return OK;
}

enum status left_estimate(struct build *b, struct left *l, struct arena *scratch, double *out,
                          struct error *err)
{
    struct pass p = {.b = b, .left = l, .arena = scratch, .cards = executor_cards(b->executor)};

    *out = NAN;
    p.n = (size_t)graph_size(b->graph);
    if (!(p.finish = arena_array(scratch, p.n + 1, sizeof *p.finish)))
        return error_memory(err);
    learn(&p);
    for (size_t i = 0; i < p.n; i++)
        if (is_wanted(b, (int)i)) {
            TRY(expect(&p, (int)i, err));
            p.last = fmax(p.last, p.finish[i]);
        }
    if (p.known)
        *out = fmax(p.last, p.work / (b->o->jobs > 0 ? b->o->jobs : 1));
    if (p.known && p.cards.slots > 0)
        *out = fmax(*out, p.card_work / p.cards.slots);
    return OK;
}
