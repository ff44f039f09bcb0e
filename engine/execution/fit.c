/* fit: the executor is asked for a slot for each node that is left. */
#include "engine/execution/fit.h"

#include "base/arena.h"
#include "engine/process/devices.h"

/* Of a step of hpo-trainer on GPUs: what it would say itself, once its turn came. */
static enum status check_trainer(struct build *b, const struct node *n, struct error *err)
{
    const char *trainer, *ignored;

    TRY(tool_path(b->tools, n->action.run[0], &trainer, err));
    TRY(devices_check(b->devices, trainer, n->action.resources.gpus, n->where, err));
    return tool_identity(b->tools, n, &ignored, err);
}

static enum status check_node(struct build *b, int node, struct error *err)
{
    const struct node *n = graph_node(b->graph, node);
    const struct request r = {.label = "", .where = n->where, .action = &n->action};
    struct error refused; /* in this build, which says so of each node */
    enum slot slot;
    const enum status s = executor_slot(b->executor, &r, &slot, &refused);

    if (s != OK)
        *err = refused;
    return s == OK && n->action.resources.n_settings > 0 ? check_trainer(b, n, err) : s;
}

/* What its trials run now stands for what they will. */
static enum status check_study(struct build *b, int node, struct arena *arena, struct error *err)
{
    struct demand *runs;
    size_t n;

    TRY(study_demands(b->work[node]->study, arena, &runs, &n, err));
    for (size_t i = 0; i < n; i++)
        TRY(check_node(b, runs[i].template->node, err));
    return OK;
}

static bool is_left(const struct build *b, int node)
{
    const enum plan_state state = plan_state(b->plan, node);

    return state != PLAN_IDLE && state != PLAN_DONE && state != PLAN_FAILED;
}

static enum status check_all(struct build *b, struct arena *arena, struct error *err)
{
    for (int i = 0; i < graph_size(b->graph); i++)
        if (graph_node(b->graph, i)->kind == NODE_ACTION && is_left(b, i))
            TRY(check_node(b, i, err));
    for (size_t i = 0; i < b->studies.n; i++)
        if (is_left(b, b->studies.nodes[i]) && b->work[b->studies.nodes[i]]->study)
            TRY(check_study(b, b->studies.nodes[i], arena, err));
    return OK;
}

enum status fit_check(struct build *b, struct error *err)
{
    struct arena *arena = arena_open();
    const enum status s = arena ? check_all(b, arena, err) : error_memory(err);

    arena_close(arena);
    return s;
}
