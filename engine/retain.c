/* retain: a list of replaced checkpoints, dropped once no study of the build can ask for them. */
#include "engine/retain.h"

#include "base/arena.h"
#include "cache/gc.h"
#include "cache/wants.h"
#include "engine/build.h"
#include "engine/study.h"
#include "engine/unit.h"

enum status retain_replaced(struct build *b, struct unit *u, struct error *err)
{
    if (b->n_replaced == b->replaced_capacity) {
        struct unit **larger = arena_grow(b->arena, b->replaced, b->n_replaced, b->n_replaced + 1,
                                          sizeof(struct unit *), &b->replaced_capacity);
        if (!larger)
            return error_memory(err);
        b->replaced = larger;
    }
    b->replaced[b->n_replaced++] = u;
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

    for (size_t i = 0; i < b->n_studies; i++)
        undecided += work_of(b, b->studies[i])->state == WORK_STARTED;
    return undecided == 1;
}

/* Marks those on the list that a study of this build or an earlier build wants. */
static enum status mark_all(struct build *b, struct error *err)
{
    for (size_t i = 0; i < b->n_replaced; i++)
        TRY(wants_has(b->store, &b->replaced[i]->key, &b->replaced[i]->wanted, err));
    for (size_t i = 0; i < b->n_studies; i++) {
        struct study *study = work_of(b, b->studies[i])->study;
        if (study)
            study_asks(study, mark_wanted, NULL);
    }
    return OK;
}

enum status retain_drop(struct build *b, struct error *err)
{
    struct drop_report dropped;
    struct digest *keys;
    size_t n = 0, left = 0;

    if (b->n_replaced == 0 || !may_drop(b))
        return OK;
    if (!(keys = arena_array(b->arena, b->n_replaced, sizeof *keys)))
        return error_memory(err);
    TRY(mark_all(b, err));
    for (size_t i = 0; i < b->n_replaced; i++)
        if (!b->replaced[i]->wanted)
            keys[n++] = b->replaced[i]->key;
    if (n == 0)
        return OK;
    TRY(cache_drop(b->store, keys, n, &dropped, err));
    for (size_t i = 0; i < b->n_replaced; i++)
        if (b->replaced[i]->wanted || !dropped.alone)
            b->replaced[left++] = b->replaced[i];
        else
            TRY(unit_refresh(b->units, b->replaced[i], err));
    b->n_replaced = left;
    return OK;
}
