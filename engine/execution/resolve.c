/* resolve: one function for each kind of node. Start at resolve_due. */
#include "engine/execution/resolve.h"

#include <string.h>

#include "base/arena.h"
#include "engine/execution/audit.h"
#include "engine/execution/code.h"
#include "engine/execution/exclusions.h"
#include "engine/execution/prior.h"
#include "engine/execution/recall.h"
#include "engine/execution/shebang.h"
#include "engine/execution/suggestion.h"
#include "engine/graph/key.h"

/* ---- said to the plan ---- */

enum status node_done(struct build *b, int node, struct error *err)
{
    recall_compare(b, node);
    work_of(b, node)->force = false;
    return plan_done(b->plan, node, err);
}

void node_failed(struct build *b, int node)
{
    plan_failed(b->plan, node);
    b->failed = true;
}

enum status node_lost(struct build *b, int node, int consumer, struct error *err)
{
    struct work *w = work_of(b, node);
    bool again = plan_state(b->plan, node) == PLAN_DONE;

    if (again && graph_node(b->graph, node)->kind == NODE_AFTER) {
        TRY(node_lost(b, graph_node(b->graph, node)->after.node, -1, err));
    } else if (again) {
        if (b->replays)
            w->collected = true; /* nothing is made, and who asks says what is gone */
        else if (w->collected)
            progress_line(b->progress, "%s: its files were collected: it is made again",
                          graph_label(b->graph, node));
        else
            progress_warning(b->progress, "%s: the store has lost it (%s): it is made again",
                             graph_label(b->graph, node), err->text);
        b->counts.cached -= w->cached;
        w->cached = false;
        w->keyed = w->keyed && !w->recalled; /* a recalled key has no description yet */
        w->recalled = false;
        w->force = true;
        w->lost = true;
        if (w->best)
            w->best->kept = false;
    }
    return plan_lost(b->plan, node, consumer, &again, err);
}

/* ---- keys ---- */

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

/* Key and description of an action whose needs are done. *lost: an input that the store has lost,
 * which is why it cannot be keyed; else -1. */
static enum status key_action(struct build *b, int node, struct digest *key,
                              const char **description, int *lost, struct error *err)
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
    if (s == OK)
        s = a->fetch ? fetch_identity(&b->fetch, a, &w->identity, err)
                     : tool_identity(b->tools, n, &w->identity, err);
    if (s == OK)
        s = key_of_action(a, contents, w->identity, b->arena, (char **)description, key, err);
    if (s != OK && !strstr(err->where, ".lua:"))
        error_place(err, "%s", n->where);
    return s;
}

/* ---- results ---- */

/* The result is the node's content. */
static enum status take_result(struct build *b, int node, const struct result *r, struct error *err)
{
    struct work *w = work_of(b, node);

    w->content = (struct content){.origin = FROM_STORE, .digest = r->tree};
    w->seconds = r->seconds;
    w->marked = r->marked;
    w->cached = true;
    w->collected = !r->kept;
    b->counts.marked += r->marked;
    b->counts.cached++;
    return node_done(b, node, err);
}

enum status resolve_again(struct build *b, int node, bool *found, struct error *err)
{
    struct work *w = work_of(b, node);
    struct result r;
    enum answer answer = ANSWER_ABSENT;

    if (!w->force)
        TRY(results_lookup(b->results, &w->key, NULL, b->arena, &r, &answer, err));
    *found = answer == ANSWER_KNOWN && r.has_tree;
    return *found ? take_result(b, node, &r, err) : OK;
}

enum status resolve_answers(struct build *b, struct error *err)
{
    while (b->n_asked + units_asked(b->units) > 0) {
        struct asker *asker;
        struct result r;
        enum answer answer;
        TRY(results_next(b->results, b->arena, &asker, &r, &answer, err));
        if (!asker)
            return OK;
        b->changes++;
        b->n_asked -= !asker->unit;
        if (asker->unit)
            TRY(unit_answer(b->units, asker->unit, answer == ANSWER_KNOWN ? &r : NULL, err));
        else if (answer == ANSWER_KNOWN && r.has_tree)
            TRY(take_result(b, asker->node, &r, err));
        else
            TRY(plan_ready(b->plan, asker->node, err));
    }
    return OK;
}

/* ---- one kind each ---- */

static enum status resolve_action(struct build *b, int node, struct error *err)
{
    struct work *w = work_of(b, node);
    struct result r;
    enum answer answer = ANSWER_ABSENT;
    enum status s;
    int lost;

    shebang_warn(b, node);
    if (recall_action(b, node))
        return node_done(b, node, err);
    w->recalled = false;
    s = key_action(b, node, &w->key, &w->description, &lost, err);
    if (s != OK)
        return lost >= 0 ? node_lost(b, lost, node, err) : s;
    w->keyed = true;
    if (!w->force)
        TRY(results_lookup(b->results, &w->key, &w->asker, b->arena, &r, &answer, err));
    if (answer == ANSWER_LATER) {
        b->n_asked++;
        plan_busy(b->plan, node);
        return OK;
    }
    if (answer == ANSWER_KNOWN && r.has_tree)
        return take_result(b, node, &r, err);
    TRY(suggestion_of_action(b, node, err));
    return plan_ready(b->plan, node, err);
}

static enum status resolve_source(struct build *b, int node, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct work *w = work_of(b, node);
    const struct filter *filter;
    enum status s;

    if (recall_source(b, node))
        return node_done(b, node, err);
    w->content = (struct content){.origin = FROM_SOURCE, .path = n->source.path};
    s = exclusions_find(b, node, &filter, err);
    if (s == OK && (s = source_digest(b->store, n->source.path, filter, b->arena,
                                      &w->content.source, err)) == ERR_INPUT)
        error_hint(err,
                   "by .hpoignore, by exclude, or as usual; a later pattern !NAME takes a name "
                   "back");
    if (s != OK) {
        error_place(err, "%s", n->where);
        return s == ERR_NOT_FOUND || s == ERR_SYSTEM ? ERR_INPUT : s;
    }
    TRY(code_note(b, node, err));
    return node_done(b, node, err);
}

static enum status resolve_text(struct build *b, int node, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct work *w = work_of(b, node);

    w->content = (struct content){.origin = FROM_TEXT, .bytes = n->text.bytes, .n = n->text.n};
    TRY(digest_bytes(n->text.bytes, n->text.n, &w->content.digest, err));
    return node_done(b, node, err);
}

static enum status resolve_study(struct build *b, int node, struct error *err)
{
    const int warm = graph_node(b->graph, node)->study->warm;
    struct study_context context = {.graph = b->graph,
                                    .recipe = b->recipe,
                                    .store = b->store,
                                    .units = b->units,
                                    .arena = b->arena,
                                    .warm = warm >= 0 ? work_of(b, warm)->study : NULL,
                                    .today = b->today,
                                    .retry_failed = b->o->retry_failed && !b->replays,
                                    .replay = b->replays};

    TRY(prior_find(b, node, &context.history, err));
    TRY(study_open(&context, node, &work_of(b, node)->study, err));
    plan_busy(b->plan, node);
    return nodes_add(b, &b->studies, node, err);
}

/* Of a script the checkpoint is what is left at its end. */
static enum status find_script_end(struct build *b, int node, struct error *err)
{
    struct work *w = work_of(b, node);
    const struct node *n = graph_node(b->graph, w->best->template->node);
    struct unit *end;

    if (n->action.n_outputs == 0) {
        (void)error_set(err, ERR_FAILED, n->where,
                        "study.best.checkpoint is what the best trial's script leaves in its "
                        "outputs, and it declares none");
        error_hint(err, "hpo.output \"NAME\" in its run, or outputs = { \"NAME\" }");
        return ERR_FAILED;
    }
    TRY(unit_end(b->units, w->best, &end, err));
    if (end && b->counts.ran > 0 && end->t - 1 != w->best->t)
        progress_line(b->progress, "%s is what the whole script leaves, at t = %d",
                      graph_label(b->graph, node), end->t - 1);
    if (end)
        w->best = end;
    return OK;
}

/* The study is decided: its best unit's checkpoint, by its recorded digest where there is one. */
static enum status resolve_best(struct build *b, int node, struct error *err)
{
    struct work *w = work_of(b, node);
    int study = graph_node(b->graph, node)->best_of, trial;
    const char *params;
    double value;

    w->best = study_best(work_of(b, study)->study, &trial, &params, &value);
    if (!w->best)
        return study_without_best(work_of(b, study)->study, err);
    if (w->best->template->script)
        TRY(find_script_end(b, node, err));
    if (w->best->has_checkpoint && !w->force) {
        w->content = (struct content){.origin = FROM_STORE};
        TRY(audit_checkpoint(b, w->best, &w->content.digest, err));
        return node_done(b, node, err);
    }
    plan_busy(b->plan, node);
    b->changes++;
    return nodes_add(b, &b->remakes, node, err);
}

/* The study is decided: its table, of which equal reports make an equal file. */
static enum status resolve_table(struct build *b, int node, struct error *err)
{
    const int study = graph_node(b->graph, node)->table_of;
    struct work *w = work_of(b, node);
    struct text t = text_in(b->arena);
    char *bytes;

    TRY(study_table(work_of(b, study)->study, graph_label(b->graph, study), TABLE_RESULTS, &t,
                    err));
    text_add(&t, "\n");
    w->content.origin = FROM_TEXT;
    TRY(text_finish(&t, &bytes, &w->content.n, err));
    w->content.bytes = bytes;
    TRY(digest_bytes(bytes, w->content.n, &w->content.digest, err));
    return node_done(b, node, err);
}

/* The study is decided: the recipe says what comes of it, which is wanted from here on. */
static enum status resolve_after(struct build *b, int node, struct error *err)
{
    struct node *n = graph_node(b->graph, node);
    struct work *w = work_of(b, node);
    char *best;
    int made;
    enum status s;

    if (n->after.node < 0) {
        TRY(study_outcome(work_of(b, n->after.study)->study, b->arena, &best, err));
        graph_number_under(b->graph, graph_number(b->graph, node));
        s = recipe_after(b->recipe, n->after.callbacks, n->where, best, graph_arena(b->graph),
                         &made, &n->after.path, err);
        graph_number_under(b->graph, NULL);
        TRY(s);
        TRY(graph_refuse_cycle(b->graph, made, node, err));
        n->after.node = made;
        return plan_want_again(b->plan, node, err);
    }
    w->content = work_of(b, n->after.node)->content;
    if (n->after.path && !(w->content.inside = content_path(&w->content, n->after.path, b->arena)))
        return error_memory(err);
    return node_done(b, node, err);
}

static enum status resolve(struct build *b, int node, struct error *err)
{
    if (!work_of(b, node))
        return error_memory(err);
    switch (graph_node(b->graph, node)->kind) {
    case NODE_SOURCE:
        return resolve_source(b, node, err);
    case NODE_TEXT:
        return resolve_text(b, node, err);
    case NODE_ACTION:
        return resolve_action(b, node, err);
    case NODE_STUDY:
        return resolve_study(b, node, err);
    case NODE_BEST:
        return resolve_best(b, node, err);
    case NODE_TABLE:
        return resolve_table(b, node, err);
    case NODE_AFTER:
        return resolve_after(b, node, err);
    case NODE_COMPARE:
        return node_done(b, node, err);
    }
    return OK;
}

enum status resolve_expect(struct build *b, struct error *err)
{
    for (int i = 0; i < graph_size(b->graph); i++) {
        const struct node *n = graph_node(b->graph, i);
        if (n->kind == NODE_ACTION && plan_state(b->plan, i) != PLAN_IDLE)
            TRY(tool_expect(b->tools, n, err));
    }
    return OK;
}

enum status resolve_due(struct build *b, struct error *err)
{
    int node;

    while (plan_take_due(b->plan, &node))
        TRY(resolve(b, node, err));
    return OK;
}

enum status resolve_template(struct build *b, struct template *template, bool *failed,
                             struct error *err)
{
    enum status s;
    int missing, lost;

    TRY(plan_want_needs(b->plan, template->node, &missing, failed, err));
    TRY(resolve_due(b, err));
    TRY(plan_want_needs(b->plan, template->node, &missing, failed, err));
    if (missing > 0 || template->keyed)
        return OK;
    s = key_action(b, template->node, &template->key, &template->description, &lost, err);
    template->keyed = s == OK;
    if (s == OK)
        shebang_warn(b, template->node);
    b->changes += s == OK; /* how far it may run is asked only now */
    return lost >= 0 ? node_lost(b, lost, -1, err) : s;
}
