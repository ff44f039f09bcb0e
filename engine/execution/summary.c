/* summary: counts of a build, and a walk over the units of all studies. Start at summary_print. */
#include "engine/execution/summary.h"

#include "base/json.h"
#include "base/text.h"
#include "engine/execution/isolated.h"

/* What the units of a build's studies came from. */
struct sharing {
    int64_t trained, reused;
    double seconds; /* that the reused ones once took */
};

struct walk {
    const struct build *b;
    struct sharing *out;
};

static void count(void *context, int trial, struct unit *u)
{
    struct walk *walk = context;

    (void)trial;
    if (u->state != UNIT_KNOWN || u->ended)
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

static void count_sharing(struct build *b, struct sharing *out)
{
    struct walk walk = {b, out};

    *out = (struct sharing){0};
    for (size_t i = 0; i < b->studies.n; i++)
        if (work_of(b, b->studies.nodes[i])->study)
            study_units(work_of(b, b->studies.nodes[i])->study, count, &walk);
    for (size_t i = 0; i < b->studies.n; i++)
        if (work_of(b, b->studies.nodes[i])->study)
            study_units(work_of(b, b->studies.nodes[i])->study, forget, NULL);
}

enum status summary_print(struct build *b, double seconds, struct error *err)
{
    struct text t = text_in(b->arena);
    struct sharing sharing;
    char *line;
    size_t n;
    int64_t actions = b->counts.ran + b->counts.cached;

    TRY(isolated_tell(b, err));
    count_sharing(b, &sharing);
    if (!b->o->json) {
        if (sharing.reused > 0)
            progress_line(b->progress, "units: %lld reused (%.1f min), %lld trained",
                          (long long)sharing.reused, sharing.seconds / 60,
                          (long long)sharing.trained);
        progress_line(b->progress, "%lld ran, %lld cached, %lld failed (%.1f s)",
                      (long long)b->counts.ran, (long long)b->counts.cached,
                      (long long)b->counts.failed, seconds);
        return OK;
    }
    text_printf(
        &t, "{\"actions\": %lld, \"ran\": %lld, \"cached\": %lld, \"failed\": %lld, \"seconds\": ",
        (long long)actions, (long long)b->counts.ran, (long long)b->counts.cached,
        (long long)b->counts.failed);
    json_write_number(&t, seconds);
    text_printf(&t, ", \"units_trained\": %lld, \"units_reused\": %lld, \"seconds_reused\": ",
                (long long)sharing.trained, (long long)sharing.reused);
    json_write_number(&t, sharing.seconds);
    text_printf(&t, ", \"run\": \"%lld\"}\n", (long long)b->run);
    TRY(text_finish(&t, &line, &n, err));
    progress_clear(b->progress);
    return progress_result(line, n, err);
}
