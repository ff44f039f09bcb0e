/* visit: a request that is not started. Start at visit_node. */
#include "engine/execution/visit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/execution/job.h"
#include "engine/execution/resolve.h"
#include "engine/executor/local.h"
#include "engine/executor/run_sh.h"
#include "engine/process/runner.h"
#include "engine/process/shell.h"

/* ---- what it is ---- */

/* It has no key: something that it reads has no content. */
static enum status not_yet(struct build *b, const char *name, int node, struct error *err)
{
    const struct action *a = &graph_node(b->graph, node)->action;
    const char *lacks = "something";

    for (size_t i = 0; i < a->n_inputs; i++)
        if (plan_state(b->plan, a->inputs[i].node) != PLAN_DONE) {
            lacks = graph_label(b->graph, a->inputs[i].node);
            break;
        }
    (void)error_set(err, ERR_INPUT, name, "it reads %s, which is not built yet", lacks);
    error_hint(err, "hpo build %s makes it", b->o->recipe);
    return ERR_INPUT;
}

/* A trial's run up to t; 0: as far as it has come, or is asked to come now. */
static enum status find_run(struct build *b, const struct named_node *of, struct visited *v,
                            struct error *err)
{
    struct study *study = work_of(b, of->node)->study;
    const struct unit *u = study_unit(study, of->trial, of->t);
    const struct template *template = u ? u->template : NULL;
    struct demand *runs;
    size_t n;
    bool failed;

    v->until = u ? u->t : of->t;
    TRY(study_demands(study, b->arena, &runs, &n, err));
    for (size_t i = 0; i < n && !template; i++)
        if (runs[i].trial == of->trial) {
            TRY(resolve_template(b, runs[i].template, &failed, err));
            template = runs[i].template;
            v->until = of->t ? of->t : runs[i].until;
        }
    if (!template) {
        (void)error_set(err, ERR_INPUT, of->name, "%s has no such trial, or it has not come to it",
                        graph_label(b->graph, of->node));
        error_hint(err, "hpo table %s shows the trials", b->o->recipe);
        return ERR_INPUT;
    }
    v->node = template->node;
    v->key = &template->key;
    v->description = template->description;
    return template->keyed ? OK : not_yet(b, of->name, v->node, err);
}

enum status visit_find(struct build *b, const struct named_node *of, struct visited *v,
                       struct error *err)
{
    *v = (struct visited){.node = of->node};
    if (of->trial >= 0)
        return find_run(b, of, v, err);
    v->key = &work_of(b, of->node)->key;
    v->description = work_of(b, of->node)->description;
    return work_of(b, of->node)->keyed ? OK : not_yet(b, of->name, v->node, err);
}

/* ---- in it ---- */

/* A terminal's kind is the only variable that the action does not have. */
static char **with_terminal(char *const *env, struct arena *arena)
{
    const char *kind = getenv("TERM");
    size_t n = 0, capacity = 0;
    char **all = NULL, **last;

    for (; *env; env++) {
        if (!(last = arena_push(arena, all, n, capacity)))
            return NULL;
        *last = *env;
    }
    if (kind) {
        if (!(last = arena_push(arena, all, n, capacity)) ||
            !(*last = arena_printf(arena, "TERM=%s", kind)))
            return NULL;
    }
    if (!(last = arena_push(arena, all, n, capacity)))
        return NULL;
    *last = NULL;
    return all;
}

static enum status let_in(struct build *b, const struct command *command, struct error *err)
{
    char **env = with_terminal(command->env, b->arena), *line;
    struct text t = text_in(b->arena);
    int exit_code;

    if (!env)
        return error_memory(err);
    run_sh_add_command(&t, command);
    TRY(text_finish(&t, &line, NULL, err));
    progress_line(b->progress, "in %s, this would run:", command->folder);
    progress_line(b->progress, "  %s", line);
    progress_line(b->progress, "the folder goes when the shell ends");
    progress_flush(b->progress);
    TRY(shell_run(command->folder, env, &exit_code, err));
    if (exit_code != 0 && !isatty(0)) /* of a person it is the status of what he tried last */
        return error_set(err, ERR_FAILED, "", "the shell ended with status %d", exit_code);
    return OK;
}

static enum status open_place(struct build *b, const struct request *r, struct error *err)
{
    struct reaper none = {.pid = 0};
    struct local_machine machine;
    const struct command *command;
    enum start_outcome outcome;
    struct executor *x;
    struct task *task;
    size_t lost;
    enum status s;

    TRY(build_machine(b, &none, &machine, err));
    TRY(local_executor_open(&machine, b->arena, &x, err));
    s = local_visit_open(x, r, &command, &task, &outcome, &lost, err);
    if (s == OK && outcome == START_STARTED) {
        s = let_in(b, command, err);
        local_visit_close(x, task);
    } else if (s == OK) {
        error_hint(err, "hpo build %s makes it again", b->o->recipe);
        s = ERR_INPUT;
    }
    local_executor_close(x);
    return s;
}

enum status visit_node(struct build *b, const struct named_node *of, void *context,
                       struct error *err)
{
    struct visited v;
    struct request r;
    struct job *job;
    enum status s;

    (void)context;
    TRY(visit_find(b, of, &v, err));
    if (!(job = job_open(v.node, of->name)))
        return error_memory(err);
    s = job_request(b, job, 1, &r, err);
    r.key = v.key;
    r.trains = v.until > 0;
    r.until = v.until;
    if (s == OK)
        s = open_place(b, &r, err);
    job_close(b, job, false);
    return s;
}
