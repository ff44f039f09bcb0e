/* isolated: how each result of the lineage was made. Start at isolated_tell. */
#include "engine/execution/isolated.h"

#include <string.h>

#include "base/arena.h"
#include "engine/execution/lineage.h"

enum { MOST_NAMED = 3 };

/* With less than strict has. */
struct weak {
    size_t n;
    bool files, none; /* files alone were hidden from some, nothing from others */
    struct text names;
};

static enum status look_at(const struct lineage_node *node, struct arena *arena, struct weak *w,
                           struct error *err)
{
    struct measured took;

    if (!node->result.kind || node->fetched)
        return OK;
    TRY(measured_get(&node->result, arena, &took, err));
    if (took.isolation && strcmp(took.isolation, "room") == 0)
        return OK;
    w->files |= took.isolation != NULL;
    w->none |= !took.isolation;
    if (w->n++ < MOST_NAMED)
        text_printf(&w->names, "%s%s", w->n > 1 ? ", " : "", node->name);
    return OK;
}

static enum status tell(struct build *b, struct weak *w, struct error *err)
{
    const bool one = w->n == 1;
    char *names;

    TRY(text_finish(&w->names, &names, NULL, err));
    progress_line(b->progress,
                  "%zu result%s that it uses %s made with less isolation (%s%s%s): %s%s; hpo why "
                  "%s NODE says how, and --rerun NODE makes it again",
                  w->n, one ? "" : "s", one ? "was" : "were", w->none ? "none" : "",
                  w->none && w->files ? ", " : "", w->files ? "landlock" : "", names,
                  w->n > MOST_NAMED ? ", ..." : "", b->o->recipe);
    return OK;
}

static enum status look(struct build *b, struct arena *arena, struct error *err)
{
    struct weak w = {.names = text_in(arena)};
    struct lineage lineage;

    TRY(lineage_take(b, b->targets, b->n_targets, arena, &lineage, err));
    for (size_t i = 0; i < lineage.n; i++)
        TRY(look_at(&lineage.nodes[i], arena, &w, err));
    return w.n > 0 ? tell(b, &w, err) : OK;
}

enum status isolated_tell(struct build *b, struct error *err)
{
    struct arena *arena;
    enum status s;

    if (b->o->sandbox != SANDBOX_STRICT || b->audit)
        return OK;
    if (!(arena = arena_open()))
        return error_memory(err);
    s = look(b, arena, err);
    arena_close(arena);
    return s;
}
