/* environment: a list of NAME=VALUE. */
#include "engine/executor/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "engine/executor/executor.h"
#include "engine/executor/variation.h"
#include "engine/graph/graph.h"

static const char python_path[] = "PYTHONPATH";

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

static bool is_given(const struct action *a, const char *name)
{
    for (size_t i = 0; i < a->n_env; i++)
        if (strcmp(a->env[i].name, name) == 0)
            return true;
    return false;
}

/* What the action's `env` may say otherwise: of two entries each program believes another. */
static void add_default(struct list *list, const struct action *a, const char *name,
                        const char *value)
{
    if (!is_given(a, name))
        add(list, name, value);
}

/* Libraries for numbers begin as many threads as the machine has processors, unless told. */
static void add_threads(struct list *list, const struct action *a, int cpus)
{
    static const char *const names[] = {"OMP_NUM_THREADS",     "OPENBLAS_NUM_THREADS",
                                        "MKL_NUM_THREADS",     "BLIS_NUM_THREADS",
                                        "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!is_given(a, names[i]))
            add_number(list, names[i], cpus);
}

/* How it uses its share, where that changes no bit; where its libraries are; and what its key says
 * of the card, so that it refuses another. */
static void add_settings(struct list *list, const struct request *r, const char *libraries)
{
    const struct action *a = r->action;

    for (size_t i = 0; i < a->resources.n_settings; i++)
        add(list, a->resources.settings[i].name, a->resources.settings[i].value);
    if (a->resources.n_settings > 0 && libraries)
        add(list, "HPO_CUDA_LIBRARIES", libraries);
    if (a->resources.n_settings > 0 && r->identity) {
        const char *line = arena_copy(list->arena, r->identity, strcspn(r->identity, "\n"));
        list->failed |= !line;
        add(list, "HPO_GPU_IDENTITY", line ? line : "");
    }
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

/* Behind what `env` says: a module that the action declares is found first. */
static void add_modules(struct list *list, const struct action *a, const char *modules)
{
    const char *given = "", *all;

    for (size_t i = 0; i < a->n_env; i++)
        if (strcmp(a->env[i].name, python_path) == 0)
            given = a->env[i].value;
    all = arena_printf(list->arena, "%s%s%s", given, *given && modules ? ":" : "",
                       modules ? modules : "");
    list->failed |= !all;
    if (all && *all)
        add(list, python_path, all);
}

char **environment_of(const struct request *r, const struct surroundings *s, struct arena *arena)
{
    struct list list = {.arena = arena};
    const struct action *a = r->action;
    const char *path = getenv("PATH");
    char **end;

    add_default(&list, a, "PATH", path ? path : "/usr/local/bin:/usr/bin:/bin");
    add(&list, "HOME", s->task->dir); /* strays are known by it */
    add_default(&list, a, "TMPDIR", s->task->dir);
    add_default(&list, a, "LANG", s->varies & VARY_LOCALE ? "C" : "C.UTF-8");
    add_default(&list, a, "TZ", s->varies & VARY_ZONE ? "HPO-11:30" : "UTC");
    add_default(&list, a, "PYTHONHASHSEED", /* sets of texts have one order */
                s->varies & VARY_HASHES ? "1" : "0");
    add_number(&list, "HPO_CPUS", s->cpus);
    if (s->varies & VARY_CPU && variation_cpu())
        add_default(&list, a, "HPO_CPU", variation_cpu());
    add_threads(&list, a, s->cpus);
    add_default(&list, a, "CUDA_VISIBLE_DEVICES", s->gpus);
    if (*s->gpus)
        add_default(&list, a, "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    add_settings(&list, r, s->libraries);
    if (r->trains && a->report) {
        add_default(&list, a, "PYTHONUNBUFFERED", "1"); /* its reports come while it runs */
    } else if (r->trains) {
        add_number(&list, "HPO_FROM", r->from);
        add_number(&list, "HPO_UNTIL", r->until);
        add(&list, "HPO_CHECKPOINT_OUT", s->task->out);
    }
    if (r->speaks)
        add(&list, "HPO_MORE", "1");
    if (s->checkpoint)
        add(&list, "HPO_CHECKPOINT_IN", s->checkpoint);
    if (s->params)
        add(&list, "HPO_PARAMS", s->params);
    add_passed(&list, a);
    add_modules(&list, a, s->modules);
    for (size_t i = 0; i < a->n_env; i++)
        if (strcmp(a->env[i].name, python_path) != 0)
            add(&list, a->env[i].name, a->env[i].value);
    if (!(end = arena_push(arena, list.entries, list.n, list.capacity)))
        return NULL;
    *end = NULL;
    return list.failed ? NULL : list.entries;
}
