/* sharing: a walk over the units of all studies. Start at sharing_count. */
#include "engine/execution/sharing.h"

struct walk {
    const struct build *b;
    struct sharing *out;
};

static void count(void *context, int trial, struct unit *u)
{
    struct walk *walk = context;

    (void)trial;
    if (u->state != UNIT_KNOWN)
        return;
    if (u->run == walk->b->run && !u->counted) {
        u->counted = true;
        walk->out->trained++;
    } else {
        walk->out->reused++;
        walk->out->seconds += u->seconds;
    }
}

static void forget(void *context, int trial, struct unit *u)
{
    (void)context;
    (void)trial;
    u->counted = false;
}

void sharing_count(struct build *b, struct sharing *out)
{
    struct walk walk = {b, out};

    *out = (struct sharing){0};
    for (size_t i = 0; i < b->n_studies; i++)
        if (work_of(b, b->studies[i])->study)
            study_units(work_of(b, b->studies[i])->study, count, &walk);
    for (size_t i = 0; i < b->n_studies; i++)
        if (work_of(b, b->studies[i])->study)
            study_units(work_of(b, b->studies[i])->study, forget, NULL);
}
