/* build: the work beside each node, and the store. */
#include "engine/execution/build.h"

#include "base/arena.h"
#include "base/file.h"
#include "engine/executor/local.h"
#include "engine/executor/memory.h"
#include "engine/interrupt.h"

struct work *work_of(struct build *b, int node)
{
    size_t n = (size_t)graph_size(b->graph);

    /* Who asks for what is there already gets it, memory or none. */
    if ((size_t)node >= b->n_work && n > b->work_capacity) {
        struct work **larger =
            arena_grow(b->arena, b->work, b->n_work, n, sizeof(struct work *), &b->work_capacity);
        if (!larger)
            return NULL;
        b->work = larger;
    }
    if ((size_t)node >= b->n_work)
        b->n_work = n;
    if (!b->work[node] && (b->work[node] = arena_alloc(b->arena, sizeof(struct work))) != NULL)
        b->work[node]->asker.node = node;
    return b->work[node];
}

enum { PATIENCE_MS = 2000 }; /* before people are told what is waited for */

static void say_what_is_waited_for(void *context, const char *what, int64_t ms)
{
    struct build *b = context;

    if (ms != PATIENCE_MS)
        return;
    progress_line(b->progress, "waiting for %s", what);
    progress_flush(b->progress);
}

enum status build_open_store(struct build *b, struct error *err)
{
    b->watch = (struct watch){
        .interrupted = interrupt_count(), .waits = say_what_is_waited_for, .context = b};
    return store_open(b->o->cache, STORE_WRITE | (b->o->rehash ? STORE_REHASH : 0), &b->watch,
                      &b->store, err);
}

enum status build_machine(struct build *b, struct reaper *reaper, struct local_machine *out,
                          struct error *err)
{
    *out = (struct local_machine){.store = b->store,
                                  .reaper = reaper,
                                  .tools = b->tools,
                                  .preload = arena_printf(b->arena, "%s/preload.py", b->o->share),
                                  .fetch = &b->fetch,
                                  .modules = file_join(b->arena, b->o->share, "python"),
                                  .cpus = b->o->jobs,
                                  .devices = b->devices,
                                  .memory = memory_size(),
                                  .progress = b->progress,
                                  .wake = -1};
    return out->preload && out->modules ? OK : error_memory(err);
}

enum status nodes_add(struct build *b, struct nodes *list, int node, struct error *err)
{
    int *last = arena_push(b->arena, list->nodes, list->n, list->capacity);

    if (!last)
        return error_memory(err);
    *last = node;
    return OK;
}
