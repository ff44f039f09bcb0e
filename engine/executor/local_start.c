/*
 * local_start: how a task's process begins: as a fresh one, or as a child of an interpreter that is
 * loaded. Start at local_begin.
 *
 * A task whose child is not there yet is unborn: it has no process, and its server. Whatever keeps
 * it from being born, it is begun as a fresh process; and one that is ended before was never there.
 */
#include <signal.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/store.h"
#include "engine/executor/environment.h"
#include "engine/executor/local_state.h"
#include "engine/executor/variation.h"
#include "engine/fetch/fetch.h"
#include "engine/graph/graph.h"
#include "engine/process/devices.h"
#include "engine/process/tool.h"

enum { LOAD_SECONDS = 120, BIRTH_SECONDS = 10 };

static const int64_t second_ns = 1000000000;

static mode_t mask_of(const struct local *l)
{
    if (store_is_shared(l->machine.store))
        return 002;
    return l->machine.varies & VARY_MASK ? 027 : 022;
}

enum status local_prepare(struct local *l, struct child *c, const struct request *r,
                          struct surroundings *s, struct error *err)
{
    const struct action *a = r->action;
    struct command *command = &c->command;

    *command = (struct command){.folder = c->task.dir,
                                .home = c->task.dir,
                                .log = c->task.log,
                                .mask = mask_of(l),
                                .pipe_output = r->trains,
                                .pipe_error = r->trains && a->report,
                                .terminal = r->trains && a->tty,
                                .pipe_input = r->speaks};
    if (a->fetch)
        return fetch_command(l->machine.fetch, a, r->identity, c->task.dir, c->task.folder,
                             c->arena, command, err);
    TRY(tool_path(l->machine.tools, a->run[0], &command->program, err));
    if (!command->program) /* an input, which lies in the folder */
        command->program = file_join(c->arena, c->task.dir, a->run[0] + 2);
    command->argv = (char *const *)a->run;
    s->modules = l->machine.modules;
    s->varies = l->machine.varies;
    s->cpus = c->share.cpus;
    if (s->varies & VARY_THREADS)
        s->cpus += s->cpus > 1 ? -1 : 1;
    s->gpus = local_name_cards(l, &c->share, c->arena);
    s->libraries = devices_libraries(l->machine.devices);
    command->env = s->gpus ? environment_of(r, s, c->arena) : NULL;
    c->action = a;
    return command->program && command->env ? OK : error_memory(err);
}

/* What its server wrote while it was loaded stands before what it will write. */
static enum status log_loading(struct child *c, struct error *err)
{
    c->logged = (int64_t)c->server->n_said;
    return file_write_all(c->log, c->task.log, c->server->said, c->server->n_said, err);
}

static enum status begin_fresh(struct local *l, struct child *c, struct error *err)
{
    interpreter_refuse(&c->birth);
    runner_drop_streams(&c->process);
    local_leave(l, c);
    c->unborn = false;
    c->logged = 0;
    if (c->log >= 0)
        (void)!ftruncate(c->log, 0);
    return local_start_process(l, c, err);
}

/* The server is ready: it is asked for a child. */
static enum status ask(struct local *l, struct child *c, struct error *err)
{
    int ways[ROOM_WAYS];
    struct entry entry;
    bool asked = local_enter(l, c, &entry, ways);

    c->asked_ns = l->now_ns;
    asked = asked &&
            interpreter_ask(&c->server->interpreter, &c->command, &entry, &c->birth, &c->process);
    for (int i = 0; i < ROOM_WAYS; i++)
        if (ways[i] >= 0)
            close(ways[i]);
    return asked ? OK : begin_fresh(l, c, err);
}

enum status local_begin(struct local *l, struct child *c, const struct request *r,
                        struct surroundings *s, struct error *err)
{
    TRY(local_prepare(l, c, r, s, err));
    c->watched = l->rooms && (r->watched || l->machine.sandbox == SANDBOX_STRICT);
    if (!c->watched) /* who comes in by itself is not */
        TRY(preload_find(l->preload, r, &c->command, &c->server, err));
    if (!c->server)
        return local_start_process(l, c, err);
    c->unborn = true;
    c->asked_ns = l->now_ns;
    return c->server->interpreter.state == INTERPRETER_READY ? ask(l, c, err) : OK;
}

enum status local_bear(struct local *l, struct child *c, struct error *err)
{
    TRY(log_loading(c, err));
    if (!interpreter_take(l->machine.reaper, c->command.home, &c->birth, &c->process)) {
        TRY(preload_give_up(l->preload, c->server,
                            "the interpreter that was loaded for it gives no child", err));
        return begin_fresh(l, c, err);
    }
    c->unborn = false;
    return OK;
}

/* Why the server of an unborn task is waited for no longer; NULL: it is. */
static const char *what_is_late(const struct local *l, const struct child *c)
{
    const bool asked = c->birth.reply >= 0;
    const int64_t birth_ns = BIRTH_SECONDS * second_ns, passed_ns = l->now_ns - c->asked_ns;

    if (asked && passed_ns > birth_ns)
        return "the interpreter that was loaded for it does not answer";
    if (!asked && c->server->interpreter.state == INTERPRETER_FORKS &&
        l->now_ns - c->server->unforked_ns > birth_ns)
        return "the interpreter that was loaded for it gives no child";
    if (!asked && passed_ns > LOAD_SECONDS * second_ns)
        return "what it imports takes longer than two minutes";
    return NULL;
}

/* Whoever waits for too long begins fresh, and the server is not asked again. */
static enum status look_at_unborn(struct local *l, struct child *c, struct error *err)
{
    const char *late = what_is_late(l, c);

    if (late)
        TRY(preload_give_up(l->preload, c->server, late, err));
    if (c->server->closed)
        return begin_fresh(l, c, err);
    if (c->birth.reply < 0 && c->server->interpreter.state == INTERPRETER_READY)
        return ask(l, c, err);
    return OK;
}

enum status local_begin_more(struct local *l, struct error *err)
{
    for (struct server *s = preload_servers(l->preload); s; s = s->next) {
        TRY(preload_look(l->preload, s, err));
        if (s->interpreter.state != INTERPRETER_FORKS)
            s->unforked_ns = l->now_ns;
    }
    for (struct child *c = l->children; c; c = c->next)
        if (c->unborn)
            TRY(look_at_unborn(l, c, err));
    return OK;
}

void local_abandon(struct child *c)
{
    interpreter_refuse(&c->birth);
    runner_drop_streams(&c->process);
    c->unborn = false;
    c->process.ended = true;
    c->process.exit_code = 128 + SIGTERM;
}
