/* retain: a list of replaced checkpoints, dropped once no study of the build can ask for them. */
#include "engine/execution/retain.h"

#include "base/arena.h"
#include "engine/execution/build.h"
#include "engine/study/study.h"
#include "engine/study/unit.h"

enum status retain_replaced(struct build *b, struct unit *u, struct error *err)
{
    struct unit **last = arena_push(b->arena, b->replaced, b->n_replaced, b->replaced_capacity);

    if (!last)
        return error_memory(err);
    *last = u;
    return OK;
}

static void mark_wanted(void *context, struct unit *u)
{
    (void)context;
    u->wanted = true;
}

/*
 * Two studies that are undecided may train the same units, and one may end a trial where the other
 * lets it go on: then only the end of the build can tell.
 */
static bool may_drop(struct build *b)
{
    int undecided = 0;

    for (size_t i = 0; i < b->studies.n; i++)
        undecided += plan_state(b->plan, b->studies.nodes[i]) == PLAN_BUSY;
    return undecided == 1;
}

/* Marks those on the list that a study of this build may ask for. */
static void mark_asked(struct build *b)
{
    for (size_t i = 0; i < b->n_replaced; i++)
        b->replaced[i]->wanted = false;
    for (size_t i = 0; i < b->studies.n; i++) {
        struct study *study = work_of(b, b->studies.nodes[i])->study;
        if (study)
            study_asks(study, mark_wanted, NULL);
    }
}

/* Those that nobody asks for leave the list. */
static void take_unasked(struct build *b, struct unit **taken, struct digest *keys, size_t *n)
{
    size_t left = 0;

    *n = 0;
    for (size_t i = 0; i < b->n_replaced; i++) {
        struct unit *u = b->replaced[i];
        if (u->wanted) {
            b->replaced[left++] = u;
            continue;
        }
        keys[*n] = u->result;
        taken[(*n)++] = u;
    }
    b->n_replaced = left;
}

/* What could not be dropped now comes back to the list. */
static enum status drop_taken(struct build *b, struct unit **taken, const struct digest *keys,
                              size_t n, struct arena *arena, struct error *err)
{
    enum retired *retired = arena_array(arena, n, sizeof *retired);

    if (!retired)
        return error_memory(err);
    TRY(results_retire(b->results, keys, n, retired, err));
    for (size_t i = 0; i < n; i++)
        if (retired[i] == RETIRED_GONE)
            TRY(unit_refresh(b->units, taken[i], err));
        else if (retired[i] == RETIRED_LATER)
            b->replaced[b->n_replaced++] = taken[i];
    return OK;
}

enum status retain_drop(struct build *b, struct error *err)
{
    struct arena *arena;
    struct unit **taken;
    struct digest *keys;
    size_t n = 0;
    enum status s = OK;

    if (b->n_replaced == 0 || !may_drop(b))
        return OK;
    if (!(arena = arena_open()))
        return error_memory(err);
    taken = arena_array(arena, b->n_replaced, sizeof(struct unit *));
    keys = arena_array(arena, b->n_replaced, sizeof *keys);
    if (taken && keys) {
        mark_asked(b);
        take_unasked(b, taken, keys, &n);
        s = n > 0 ? drop_taken(b, taken, keys, n, arena, err) : OK;
    } else {
        s = error_memory(err);
    }
    arena_close(arena);
    return s;
}
