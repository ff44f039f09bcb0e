/* board_line: a board in one line. What it says is tried from the richest form to the barest,
 * until one fits; the value of the best is in all of them. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "base/visible.h"
#include "engine/board.h"

/* From rich to bare. */
enum form {
    WHOLE,
    NO_SLOTS,   /* without how many run */
    NO_ACTIONS, /* nor how many actions are done */
    NO_TIME,    /* nor the time until now: what is left stays */
    SHORT,      /* of a study its counts and the value */
    ONE_STUDY,  /* of one study */
    NO_LEFT,    /* without what is left */
    ONE_VALUE,  /* its value alone */
    FORMS
};

enum { SHORT_NAME = 10 };

/* The study that is spoken of where there is room for one: the first open one with a best. */
static const struct board_study *chosen(const struct board *b)
{
    const struct board_study *open = NULL;

    for (size_t i = 0; i < b->n_studies; i++) {
        const struct board_study *s = &b->studies[i];
        if (s->open && s->best >= 0)
            return s;
        open = open ? open : s->open ? s : NULL;
    }
    return open ? open : b->n_studies > 0 ? &b->studies[b->n_studies - 1] : NULL;
}

static void separate(struct text *t)
{
    if (t->n > 0)
        text_add(t, " | ");
}

/* The name, or what of it there is room for. */
static void add_name(struct text *t, const char *name, size_t most)
{
    struct text visible = text_in(t->arena);
    size_t columns, n;

    visible_add(&visible, name, strlen(name), VISIBLE_LINE);
    n = visible_fit(visible.bytes, visible.n, most, &columns);
    text_add_bytes(t, visible.bytes, n);
    if (n < visible.n)
        text_add(t, "…");
}

static void add_study(struct text *t, const struct board_study *s, enum form form)
{
    separate(t);
    if (form < ONE_VALUE) {
        add_name(t, s->name, form < ONE_STUDY ? SIZE_MAX : SHORT_NAME);
        text_printf(t, " %d/%d", s->n_trials, s->samples);
    }
    if (form <= NO_SLOTS && s->failed > 0)
        text_printf(t, ", %d failed", s->failed);
    if (s->best < 0)
        return;
    text_add(t, form < ONE_VALUE ? ", best " : "best ");
    if (form < SHORT) {
        visible_add(t, s->metric, strlen(s->metric), VISIBLE_LINE);
        text_add(t, " ");
    }
    text_printf(t, "%.4g", s->best_value);
    if (form < SHORT)
        text_printf(t, " (trial %d)", s->best);
}

static void add_studies(struct text *t, const struct board *b, enum form form)
{
    size_t said = 0;

    for (size_t i = 0; i < b->n_studies && form < ONE_STUDY; i++)
        if (b->studies[i].open) {
            add_study(t, &b->studies[i], form);
            said++;
        }
    if (said > 0 || b->n_studies == 0)
        return;
    add_study(t, chosen(b), form);
    if (b->n_studies > 1 && form < ONE_VALUE)
        text_printf(t, " | +%zu", b->n_studies - 1);
}

static void add_form(struct text *t, const struct board *b, enum form form)
{
    if (b->total > 0 && form < NO_ACTIONS)
        text_printf(t, "[%zu/%zu]", b->done, b->total);
    add_studies(t, b, form);
    if (form < NO_SLOTS && b->n_jobs > 0) {
        separate(t);
        text_printf(t, "%zu running", b->n_jobs);
        if (b->gpus > 0)
            text_printf(t, ", %d of %d GPUs", b->gpus_used, b->gpus);
    }
    if (form < NO_TIME) {
        separate(t);
        board_duration(t, b->seconds);
    }
    if (isnan(b->left) || form >= NO_LEFT)
        return;
    text_add(t, form < NO_TIME ? ", about " : " | about ");
    board_duration(t, fmax(rint(b->left), 1));
    text_add(t, " left");
}

enum status board_line(const struct board *b, int columns, struct arena *arena, char **line,
                       struct error *err)
{
    for (enum form form = WHOLE; form < FORMS; form++) {
        struct text t = text_in(arena);
        size_t taken;
        add_form(&t, b, form);
        TRY(text_finish(&t, line, NULL, err));
        (void)visible_fit(*line, strlen(*line), SIZE_MAX, &taken);
        if (taken <= (size_t)columns)
            break;
    }
    return OK;
}
