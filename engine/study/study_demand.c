/* study_demand: what a study's running trials need trained, and who may go on. Start at
 * study_demands. */
#include "base/arena.h"
#include "engine/recipe/recipe.h"
#include "engine/study/study_state.h"

/* How far the trial may be trained without asking again. */
static enum status find_until(struct study *study, struct trial *trial, struct error *err)
{
    if (trial->until > trial->t)
        return OK;
    TRY(study_wake(study, err));
    TRY(recipe_until(study->c.recipe, study->spec->callbacks, trial->number, trial->t,
                     &trial->until, err));
    trial->asked = trial->last;
    if (trial->until > study->spec->max_t)
        trial->until = study->spec->max_t;
    if (trial->until <= trial->t)
        trial->until = trial->t + 1;
    return OK;
}

/* The first unit of the running trial that nobody knows, if one is certainly needed. */
static enum status demand(struct study *study, struct trial *trial, struct demand *out,
                          bool *needed, struct error *err)
{
    struct unit *from = trial->last, *u;
    bool fails;

    *out = (struct demand){.trial = trial->number,
                           .template = trial->template,
                           .from = from,
                           .until = trial->t + 1,
                           .saves = study->spec->exploits || study->spec->keep == KEEP_ALL,
                           .params = trial->params,
                           .metric = study->spec->metric};
    *needed = false;
    if (study_units_left(study, trial, 1) == 0)
        return OK;
    *needed = !trial->template->keyed;
    if (*needed)
        return OK;
    for (int t = trial->t + 1; t == trial->t + 1 || t <= trial->until; t++) {
        TRY(unit_get(study->c.units, trial->template, from, &u, err));
        TRY(study_fails_at(study, u, &fails, err));
        if (fails || u->ended || u->state == UNIT_ASKED)
            return OK;
        if (u->state == UNIT_UNKNOWN) {
            TRY(find_until(study, trial, err));
            out->ends = trial->until >= study->spec->max_t;
            out->from = from;
            out->until = trial->t + study_units_left(study, trial, trial->until - trial->t);
            *needed = t <= out->until;
            return OK;
        }
        from = u;
    }
    return OK;
}

enum status study_demands(struct study *study, struct arena *arena, struct demand **out, size_t *n,
                          struct error *err)
{
    *n = 0;
    if (!(*out = arena_array(arena, (size_t)study->n_running + 1, sizeof **out)))
        return error_memory(err);
    for (int i = 0; i < study->n_running && !study->decided; i++) {
        bool needed;
        TRY(demand(study, study->trials[study->running[i]], &(*out)[*n], &needed, err));
        *n += needed;
    }
    return OK;
}

/* Whether the trial stands at the unit, or will when the study hears of what is known. */
static bool leads_to(const struct trial *trial, const struct unit *u)
{
    if (trial->status >= TRIAL_COMPLETED || trial->t > u->t || !trial->template->keyed)
        return false;
    if (trial->last != u && !digest_equal(&trial->template->key, &u->template->key))
        return false;
    while (u && u->t > trial->t)
        u = u->parent;
    return u == trial->last;
}

bool study_may_go_on(const struct study *study, const struct unit *u)
{
    for (size_t i = 0; !study->decided && i < study->n_trials; i++)
        if (leads_to(study->trials[i], u))
            return true;
    return false;
}
