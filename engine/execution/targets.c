/* targets: names of the command line, looked up in the graph. */
#include "engine/execution/targets.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"

static enum status refuse_target(const struct build *b, const char *name, struct error *err)
{
    const struct target *all;
    const size_t n = graph_targets(b->graph, &all);
    struct text names = text_in(b->arena);
    char *list;

    for (size_t i = 0; i < n; i++)
        text_printf(&names, "%s%s", i > 0 ? ", " : "", all[i].name);
    TRY(text_finish(&names, &list, NULL, err));
    (void)error_set(err, ERR_INPUT, b->o->recipe, "there is no target \"%s\"", name);
    error_hint(err, "there are: %s", list);
    return ERR_INPUT;
}

/* The targets that were asked for: by name, else `default`, else all. */
enum status targets_choose(struct build *b, struct error *err)
{
    const struct target *all;
    size_t n = graph_targets(b->graph, &all);
    struct target *chosen = arena_array(b->arena, n + b->o->n_words + 1, sizeof *chosen);

    if (!chosen)
        return error_memory(err);
    b->targets = chosen;
    for (size_t w = 0; w < b->o->n_words; w++) {
        size_t i = 0;
        while (i < n && strcmp(all[i].name, b->o->words[w]) != 0)
            i++;
        if (i == n)
            return refuse_target(b, b->o->words[w], err);
        chosen[b->n_targets++] = all[i];
    }
    for (size_t i = 0; i < n && b->o->n_words == 0; i++)
        if (strcmp(all[i].name, "default") == 0) {
            chosen[0] = all[i];
            b->n_targets = 1;
            return OK;
        }
    for (size_t i = 0; i < n && b->o->n_words == 0; i++)
        chosen[b->n_targets++] = all[i];
    if (b->n_targets == 0)
        return error_set(err, ERR_INPUT, b->o->recipe, "the recipe returns no targets");
    return OK;
}

enum status targets_choose_all(struct build *b, struct error *err)
{
    b->n_targets = graph_targets(b->graph, &b->targets);
    return b->n_targets > 0
               ? OK
               : error_set(err, ERR_INPUT, b->o->recipe, "the recipe returns no targets");
}

/* The node of this target or label, or -1. */
static int find_node(struct build *b, const char *name, size_t n_name)
{
    const struct target *all;
    size_t n = graph_targets(b->graph, &all);

    for (size_t i = 0; i < n; i++)
        if (strlen(all[i].name) == n_name && strncmp(all[i].name, name, n_name) == 0)
            return all[i].node;
    for (int i = 0; i < graph_size(b->graph); i++) {
        const char *label = graph_label(b->graph, i);
        if (strlen(label) == n_name && strncmp(label, name, n_name) == 0)
            return i;
    }
    return -1;
}

/* The study of this name, or the only one where name is NULL; -1: there is none, or *n of them. */
static int find_study(struct build *b, const char *name, int *n)
{
    int node = name ? find_node(b, name, strlen(name)) : -1;

    *n = 0;
    for (int i = 0; i < graph_size(b->graph) && !name; i++)
        if (graph_node(b->graph, i)->kind == NODE_STUDY && (*n)++ == 0)
            node = i;
    return node >= 0 && *n <= 1 && graph_node(b->graph, node)->kind == NODE_STUDY ? node : -1;
}

static enum status without_study(const struct build *b, const char *name, struct error *err)
{
    return error_set(err, ERR_INPUT, b->o->recipe, "it has no study%s%s%s", name ? " \"" : "",
                     name ? name : "", name ? "\"" : "");
}

enum status targets_find_study(struct build *b, const char *name, int *node, struct error *err)
{
    int n;

    *node = find_study(b, name, &n);
    if (*node < 0 || (size_t)*node >= b->n_work || !b->work[*node] || !b->work[*node]->study)
        return without_study(b, name, err);
    return OK;
}

/* The node, or, where it is -1, all that may make it: each hpo.after, and with `studies` each
 * study, whose trials have nodes of their own. */
static enum status choose_alone(struct build *b, int node, bool studies, struct error *err)
{
    struct target *chosen = arena_array(b->arena, (size_t)graph_size(b->graph) + 1, sizeof *chosen);

    if (!chosen)
        return error_memory(err);
    b->targets = chosen;
    if (node >= 0)
        chosen[b->n_targets++] = (struct target){.node = node};
    for (int i = 0; i < graph_size(b->graph) && node < 0; i++) {
        const enum node_kind kind = graph_node(b->graph, i)->kind;
        if (kind == NODE_AFTER || (studies && kind == NODE_STUDY))
            chosen[b->n_targets++] = (struct target){.node = i};
    }
    for (size_t i = 0; i < b->n_targets; i++)
        chosen[i].name = graph_label(b->graph, chosen[i].node);
    return OK;
}

enum status targets_choose_study(struct build *b, const char *name, struct error *err)
{
    int studies, node = find_study(b, name, &studies);

    if (studies > 1)
        return error_set(err, ERR_INPUT, b->o->recipe, "it has %d studies: name one", studies);
    TRY(choose_alone(b, node, false, err));
    return b->n_targets > 0 ? OK : without_study(b, name, err);
}

/* STUDY/TRIAL or STUDY/TRIAL/T: true where it has that form and the study is there. */
static bool find_trial(struct build *b, const char *name, struct rerun *out)
{
    const char *slash = strchr(name, '/');
    int node = slash ? find_node(b, name, (size_t)(slash - name)) : -1;
    char *trial = slash ? arena_string(b->arena, slash + 1) : NULL, *t;
    struct error ignored;
    int64_t n_trial, n_t = 0;

    if (!trial || node < 0 || graph_node(b->graph, node)->kind != NODE_STUDY)
        return false;
    if ((t = strchr(trial, '/')) != NULL)
        *t++ = '\0';
    if (text_parse_integer(trial, "", 0, INT32_MAX, &n_trial, &ignored) != OK ||
        (t && text_parse_integer(t, "", 1, INT32_MAX, &n_t, &ignored) != OK))
        return false;
    *out = (struct rerun){node, (int)n_trial, (int)n_t};
    return true;
}

enum status targets_choose_rerun(struct build *b, struct error *err)
{
    const char *name = b->o->rerun;
    int node;

    if (!name || find_trial(b, name, &b->rerun))
        return OK;
    node = find_node(b, name, strlen(name));
    if (node < 0)
        return error_set(err, ERR_INPUT, "--rerun", "the recipe has no node \"%s\"", name);
    if (graph_node(b->graph, node)->kind != NODE_ACTION)
        return error_set(err, ERR_INPUT, "--rerun",
                         "\"%s\" is not an action: a trial is STUDY/TRIAL or STUDY/TRIAL/T", name);
    if (!work_of(b, node))
        return error_memory(err);
    work_of(b, node)->force = true;
    return OK;
}

/* Where there is one of this name; node -1: there is none. */
static void look_up(struct build *b, struct named_node *of)
{
    struct rerun trial;

    of->trial = -1;
    of->t = 0;
    of->node = find_node(b, of->name, strlen(of->name));
    if (of->node >= 0 || !find_trial(b, of->name, &trial))
        return;
    of->node = trial.study;
    of->trial = trial.trial;
    of->t = trial.t;
}

enum status targets_choose_node(struct build *b, struct named_node *of, struct error *err)
{
    look_up(b, of);
    return choose_alone(b, of->node, true, err);
}

enum status targets_find_node(struct build *b, struct named_node *of, struct error *err)
{
    look_up(b, of);
    if (of->node < 0) {
        (void)error_set(err, ERR_INPUT, of->name, "the recipe has no node of this name");
        error_hint(err, "hpo graph %s lists them; a trial is STUDY/TRIAL or STUDY/TRIAL/T",
                   b->o->recipe);
        return ERR_INPUT;
    }
    if (of->trial >= 0 && !work_of(b, of->node)->study)
        return without_study(b, graph_label(b->graph, of->node), err);
    if (of->trial < 0 && (graph_node(b->graph, of->node)->kind != NODE_ACTION ||
                          graph_node(b->graph, of->node)->action.fetch))
        return error_set(err, ERR_INPUT, of->name,
                         "it runs no command: a trial is STUDY/TRIAL or STUDY/TRIAL/T");
    return OK;
}
