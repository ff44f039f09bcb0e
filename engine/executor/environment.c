/* environment: a list of NAME=VALUE. */
#include "engine/executor/environment.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "engine/executor/executor.h"
#include "engine/graph/graph.h"

struct list {
    struct arena *arena;
    char **entries;
    size_t n, capacity;
    bool failed;
};

static void add(struct list *list, const char *name, const char *value)
{
    char *entry = arena_printf(list->arena, "%s=%s", name, value);
    char **last = arena_push(list->arena, list->entries, list->n, list->capacity);

    list->failed |= !entry || !last;
    if (last)
        *last = entry;
}

static void add_number(struct list *list, const char *name, int value)
{
    const char *text = arena_printf(list->arena, "%d", value);

    list->failed |= !text;
    add(list, name, text ? text : "");
}

/* Those that the caller has. Their values are in nothing but the process. */
static void add_passed(struct list *list, const struct action *a)
{
    for (size_t i = 0; i < a->n_pass; i++) {
        const char *value = getenv(a->pass[i]);
        if (value)
            add(list, a->pass[i], value);
    }
}

char **environment_of(const struct request *r, const struct surroundings *s, struct arena *arena)
{
    struct list list = {.arena = arena};
    const char *path = getenv("PATH");
    char **end;

    add(&list, "PATH", path ? path : "/usr/local/bin:/usr/bin:/bin");
    add(&list, "HOME", s->task->dir);
    add(&list, "TMPDIR", s->task->dir);
    add(&list, "LANG", "C.UTF-8");
    add(&list, "TZ", "UTC");
    add_number(&list, "HPO_CPUS", s->cpus);
    add(&list, "CUDA_VISIBLE_DEVICES", s->gpus);
    if (r->trains) {
        add_number(&list, "HPO_FROM", r->from);
        add_number(&list, "HPO_UNTIL", r->until);
        add(&list, "HPO_CHECKPOINT_OUT", s->task->out);
    }
    if (s->checkpoint)
        add(&list, "HPO_CHECKPOINT_IN", s->checkpoint);
    if (s->params)
        add(&list, "HPO_PARAMS", s->params);
    add_passed(&list, r->action);
    for (size_t i = 0; i < r->action->n_env; i++)
        add(&list, r->action->env[i].name, r->action->env[i].value);
    if (!(end = arena_push(arena, list.entries, list.n, list.capacity)))
        return NULL;
    *end = NULL;
    return list.failed ? NULL : list.entries;
}
