/* meaning: two outcomes of one study. Start at meaning_add. */
#include "engine/audit/meaning.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

static const struct searched *find(const struct lineage *r, const char *study)
{
    for (size_t i = 0; i < r->n_studies; i++)
        if (strcmp(r->studies[i].study, study) == 0)
            return &r->studies[i];
    return NULL;
}

/* How many trials are better; of equal ones the lower number is. NaN is behind all. */
static size_t rank_of(const struct searched *s, size_t trial)
{
    size_t rank = 0;

    for (size_t i = 0; i < s->n_trials; i++) {
        const double a = s->values[i], b = s->values[trial];
        const bool better = isnan(b) ? !isnan(a) : s->maximize ? a > b : a < b;
        rank += better || (i < trial && (a == b || (isnan(a) && isnan(b))));
    }
    return rank;
}

static size_t count_moved(const struct searched *was, const struct searched *is)
{
    size_t moved = 0;

    for (size_t i = 0; i < was->n_trials && i < is->n_trials; i++)
        moved += rank_of(was, i) != rank_of(is, i);
    return moved;
}

static void add_value(const char *before, double x, struct text *out)
{
    text_add(out, before);
    text_add_number(out, x);
}

static void add_study(const struct searched *was, const struct searched *is, struct text *out)
{
    text_printf(out, "%s decided again with these numbers: ", was->study);
    if (!is || !is->decided) {
        text_printf(out,
                    "the search goes another way, and needs a unit that was never trained%s%s\n",
                    is && is->wants ? ": " : "", is && is->wants ? is->wants : "");
        return;
    }
    if (is->best != was->best) {
        text_printf(out, "another trial wins: trial %d %s with %s ", is->best,
                    is->params ? is->params : "", was->metric);
        add_value("", is->value, out);
        text_printf(out, ", not trial %d", was->best);
        add_value(" with ", was->value, out);
    } else {
        text_printf(out, "trial %d still wins", was->best);
        add_value(" with ", is->value, out);
        add_value(", which was ", was->value, out);
    }
    text_printf(out, "; %zu of %zu trials change their rank\n", count_moved(was, is),
                was->n_trials);
}

void meaning_add(const struct lineage *was, const struct lineage *is, struct text *out)
{
    for (size_t i = 0; i < was->n_studies; i++)
        if (was->studies[i].decided)
            add_study(&was->studies[i], find(is, was->studies[i].study), out);
}
