/* accept_text: proposals, grouped by what differs. Start at accept_write_text. */
#include "engine/commands/accept_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "engine/execution/code.h"
#include "engine/execution/earlier.h"
#include "engine/graph/key.h"

/* ---- for people ---- */

/* Proposals of one action or study that differ in the same way. */
struct group {
    const struct proposal *first;
    const char *difference;
    size_t units;
    int *trials; /* of each unit, and of each trial that is refused */
    size_t n_trials, trial_capacity;
};

struct groups {
    struct group *all;
    size_t n, capacity;
};

static enum status add(struct build *b, struct groups *groups, const struct proposal *p,
                       struct error *err)
{
    struct group *g = NULL;
    char *difference;

    /* Most units differ as the one before: texts are the same then, and compared before made. */
    for (size_t i = groups->n; i-- > 0 && !g;)
        if (groups->all[i].first->was == p->was && groups->all[i].first->is == p->is)
            g = &groups->all[i];
    if (!g) {
        TRY(key_difference(p->was, p->is, b->arena, &difference, err));
        for (size_t i = 0; i < groups->n && !g; i++)
            if (strcmp(groups->all[i].difference, difference) == 0 &&
                groups->all[i].first->refused == p->refused &&
                strcmp(groups->all[i].first->subject, p->subject) == 0)
                g = &groups->all[i];
    }
    if (!g) {
        if (!(g = arena_push(b->arena, groups->all, groups->n, groups->capacity)))
            return error_memory(err);
        *g = (struct group){.first = p, .difference = difference};
    }
    g->units += p->unit != NULL;
    if (p->trial < 0)
        return OK;
    if (!arena_reserve(b->arena, &g->trials, g->n_trials, sizeof *g->trials, &g->trial_capacity))
        return error_memory(err);
    g->trials[g->n_trials++] = p->trial;
    return OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static size_t count_trials(const struct group *g)
{
    size_t n = 0;

    if (g->n_trials > 0)
        qsort(g->trials, g->n_trials, sizeof *g->trials, compare_numbers);
    for (size_t i = 0; i < g->n_trials; i++)
        n += i == 0 || g->trials[i] != g->trials[i - 1];
    return n;
}

static void add_count(struct text *t, size_t n, const char *noun)
{
    text_printf(t, "%zu %s%s", n, noun, n == 1 ? "" : "s");
}

/* The fields that may not differ, each by its name. */
struct wrong {
    struct build *b;
    int node;
    struct text *out;
    size_t n;
};

static enum status add_wrong(void *context, const struct key_field *was, const struct key_field *is,
                             struct error *err)
{
    struct wrong *w = context;
    const struct key_field *f = was ? was : is;

    (void)err;
    if (!earlier_may_differ(w->b, w->node, was, is))
        text_printf(w->out, "%s%.*s", w->n++ ? ", " : "", (int)f->n_name, f->name);
    return OK;
}

/* Says of each source whose tokens are the same that it is so. */
static enum status add_same_code(void *context, const struct key_field *was,
                                 const struct key_field *is, struct error *err)
{
    struct wrong *w = context;
    bool same = false;

    if (was && is)
        TRY(code_is_same(w->b, was, is, &same, err));
    if (same)
        text_printf(w->out, "  %.*s: only comments and white space differ\n", (int)is->n_name,
                    is->name);
    return OK;
}

static enum status write_group(struct build *b, const struct group *g, struct text *out,
                               struct error *err)
{
    const struct proposal *p = g->first;
    struct wrong wrong = {b, p->node, out, 0};
    const size_t trials = count_trials(g);

    text_printf(out, "%s%s", p->refused ? "cannot be accepted: " : "", p->subject);
    if (trials > 0)
        text_add(out, ": ");
    if (g->units > 0) {
        add_count(out, g->units, "unit");
        text_add(out, " of ");
    }
    if (trials > 0)
        add_count(out, trials, "trial");
    text_printf(out, "\n%s", g->difference);
    TRY(earlier_differences(p->was, p->is, add_same_code, &wrong, err));
    if (!p->refused)
        return OK;
    text_add(out, "  not the content of a source, the tool or env: ");
    TRY(earlier_differences(p->was, p->is, add_wrong, &wrong, err));
    text_add(out, "\n");
    return OK;
}

enum status accept_write_text(struct build *b, const struct chosen *c, struct text *out,
                              struct error *err)
{
    struct groups groups = {0};

    for (size_t i = 0; i < c->n; i++)
        TRY(add(b, &groups, c->all[i], err));
    for (size_t i = 0; i < groups.n; i++)
        TRY(write_group(b, &groups.all[i], out, err));
    return OK;
}

/* ---- for programs ---- */

struct fields {
    struct build *b;
    struct text *out;
    size_t n;
};

/* A field's value is JSON already. */
static void add_value(struct text *t, const char *name, const struct key_field *f)
{
    text_printf(t, ", \"%s\": ", name);
    if (f)
        text_add_bytes(t, f->value, f->n_value);
    else
        text_add(t, "null");
}

static enum status add_field(void *context, const struct key_field *was, const struct key_field *is,
                             struct error *err)
{
    struct fields *fields = context;
    const struct key_field *f = was ? was : is;
    const char *name = arena_copy(fields->b->arena, f->name, f->n_name);
    bool same = false;

    if (!name)
        return error_memory(err);
    if (was && is)
        TRY(code_is_same(fields->b, was, is, &same, err));
    text_add(fields->out, fields->n++ ? ", {\"field\": " : "{\"field\": ");
    json_write_string(fields->out, name);
    add_value(fields->out, "was", was);
    add_value(fields->out, "is", is);
    text_add(fields->out, same ? ", \"only_comments\": true}" : "}");
    return OK;
}

static enum status write_one(struct build *b, const struct proposal *p, struct text *out,
                             struct error *err)
{
    struct fields fields = {b, out, 0};
    char key[DIGEST_HEX + 1], stands_for[DIGEST_HEX + 1];

    digest_hex(&p->key, key);
    digest_hex(&p->stands_for, stands_for);
    text_add(out, "{\"name\": ");
    json_write_string(out, p->name);
    if (!p->refused)
        text_printf(out, ", \"key\": \"%s\", \"stands_for\": \"%s\"", key, stands_for);
    text_add(out, ", \"differs\": [");
    TRY(earlier_differences(p->was, p->is, add_field, &fields, err));
    text_add(out, "]}");
    return OK;
}

static enum status write_list(struct build *b, const struct chosen *c, bool refused,
                              struct text *out, struct error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (c->all[i]->refused != refused)
            continue;
        text_add(out, n++ ? ", " : "");
        TRY(write_one(b, c->all[i], out, err));
    }
    return OK;
}

enum status accept_write_json(struct build *b, const struct chosen *c, struct text *out,
                              struct error *err)
{
    text_printf(out, "{\"dry_run\": %s, \"accepted\": [", b->o->dry_run ? "true" : "false");
    TRY(write_list(b, c, false, out, err));
    text_add(out, "], \"refused\": [");
    TRY(write_list(b, c, true, out, err));
    text_add(out, "]}\n");
    return OK;
}
