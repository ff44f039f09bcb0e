/* local_visit: a task without its process. Start at local_visit_open. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "engine/executor/environment.h"
#include "engine/executor/local_state.h"
#include "engine/graph/graph.h"
#include "engine/process/strays.h"

/* Not the action's own: what is kept under its key stays. */
static enum status name_folder(const struct digest *key, struct digest *name, struct error *err)
{
    char hex[DIGEST_HEX + 1], text[DIGEST_HEX + 16];

    digest_hex(key, hex);
    (void)snprintf(text, sizeof text, "visit\n%s\n", hex);
    return digest_bytes(text, strlen(text), name, err);
}

enum status local_visit_open(struct executor *x, const struct request *r,
                             const struct command **command, struct task **task,
                             enum start_outcome *outcome, size_t *lost, struct error *err)
{
    struct local *l = (struct local *)x;
    struct surroundings surroundings = {.cpus = 0};
    struct request visited = *r;
    struct digest name;
    struct arena *arena = arena_open();
    struct child *c = arena ? arena_alloc(arena, sizeof *c) : NULL;
    enum status s;

    if (!c) {
        arena_close(arena);
        return error_memory(err);
    }
    *c = (struct child){
        .arena = arena, .workspace = {.lock = -1}, .process = {.pidfd = -1}, .log = -1};
    *outcome = START_STARTED;
    visited.key = &name;
    surroundings.task = &c->task;
    s = local_find_cards(l, &r->action->resources, err);
    if (s == OK)
        s = slots_refuse(&l->slots, &r->action->resources, r->where, arena, err);
    if (s == OK)
        s = slots_share(&r->action->resources, arena, &c->share, err);
    if (s == OK)
        s = name_folder(r->key, &name, err);
    if (s == OK) {
        (void)slots_find(&l->slots, &r->action->resources, r->others, &c->share);
        s = local_fill_folder(l, c, &visited, &surroundings, outcome, lost, err);
    }
    if (s == OK && *outcome == START_STARTED)
        s = local_prepare(l, c, &visited, &surroundings, err);
    if (s != OK || *outcome != START_STARTED) {
        local_free_child(l, c, false);
        return s;
    }
    *command = &c->command;
    *task = &c->task;
    return OK;
}

void local_visit_close(struct executor *x, struct task *task)
{
    struct child *c = (struct child *)task;

    strays_end(task->dir);
    local_free_child((struct local *)x, c, false);
}
