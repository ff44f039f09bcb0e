/* suggestion: the newest older key, and whether nothing that matters differs. Start at look. */
#include "engine/execution/suggestion.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "cache/results/index.h"
#include "engine/execution/code.h"
#include "engine/execution/earlier.h"
#include "engine/execution/session.h"
#include "engine/execution/spoken.h"
#include "engine/graph/key.h"

enum { MOST_LOOKED_AT = 64 }; /* in one build: it has other things to do */

/* What differs between two descriptions. */
struct difference {
    struct build *b;
    struct text sources; /* whose comments differ: "a.py, b.py" */
    size_t n_sources;
    bool python; /* the tool was known by its file's content, and is by its packages */
    bool more;   /* something else, too */
};

static bool begins(const char *value, size_t n, const char *with)
{
    return n >= strlen(with) && memcmp(value, with, strlen(with)) == 0;
}

static enum status note_field(void *context, const struct key_field *was,
                              const struct key_field *is, struct error *err)
{
    static const char input[] = "input.";
    struct difference *d = context;
    bool same = false;

    if (was && is && begins(is->name, is->n_name, input)) {
        TRY(code_is_same(d->b, was, is, &same, err));
        d->more |= !same;
        text_printf(&d->sources, "%s%.*s", d->n_sources++ ? ", " : "",
                    (int)(is->n_name - strlen(input)), is->name + strlen(input));
    } else if (was && is && is->n_name == strlen("tool") && begins(is->name, is->n_name, "tool") &&
               begins(was->value, was->n_value, "\"digest ") &&
               begins(is->value, is->n_value, "\"python ")) {
        d->python = true;
    } else {
        d->more = true;
    }
    return OK;
}

/* ---- how much would be kept ---- */

static int compare_digests(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

/* The newest key of each name, which comes first. */
static size_t take_newest(const struct node_key *keys, size_t n, struct digest *out)
{
    const char *last = "";
    size_t taken = 0;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i].name, last) != 0)
            out[taken++] = keys[i].key;
        last = keys[i].name;
    }
    return taken;
}

/* How many different units the study's trials have results of, by the keys they had last. */
static enum status count_units(struct build *b, const char *study, size_t *count, struct error *err)
{
    struct digest *digests;
    struct node_key *keys;
    size_t n;

    *count = 0;
    TRY(history_keys_below(b->store, b->recipe_path, study, b->arena, &keys, &n, err));
    if (!(digests = arena_array(b->arena, n + 1, sizeof *digests)))
        return error_memory(err);
    n = take_newest(keys, n, digests);
    qsort(digests, n, sizeof *digests, compare_digests);
    for (size_t i = 0; i < n; i++) {
        struct result r;
        enum status s;
        if (i > 0 && digest_equal(&digests[i], &digests[i - 1]))
            continue;
        s = index_result_get(b->store, &digests[i], b->arena, &r, err);
        if (s != OK && s != ERR_NOT_FOUND)
            return s;
        *count += s == OK;
    }
    return OK;
}

/* ---- said ---- */

static enum status say(struct build *b, const struct difference *d, size_t count, struct error *err)
{
    struct text t = text_in(b->arena);
    char *sources = "", *sentence;

    if (d->n_sources > 0) {
        TRY(text_finish((struct text *)&d->sources, &sources, NULL, err));
        text_printf(&t, "%s differ%s only in comments and white space", sources,
                    d->n_sources == 1 ? "s" : "");
    }
    if (d->python)
        text_printf(&t, "%sa Python in a key is its packages now",
                    d->n_sources > 0 ? ", and " : "");
    text_printf(&t, ": `hpo accept %s", b->o->recipe);
    for (size_t i = 0; i < b->o->n_sets; i++)
        spoken_add_set(&t, &b->o->sets[i]);
    text_printf(&t, "` keeps %zu result%s", count, count == 1 ? "" : "s");
    TRY(text_finish(&t, &sentence, NULL, err));
    b->suggested = true;
    progress_line(b->progress, "%s", sentence);
    return OK;
}

/* study: of a template; NULL: of an action. */
static enum status compare(struct build *b, const struct earlier *e, const char *is,
                           const char *study, struct error *err)
{
    struct difference d = {.b = b, .sources = text_in(b->arena)};
    size_t count = 1;

    TRY(earlier_differences(e->description, is, note_field, &d, err));
    if (d.more || (d.n_sources == 0 && !d.python))
        return OK;
    if (study)
        TRY(count_units(b, study, &count, err));
    return count > 0 ? say(b, &d, count, err) : OK;
}

/* Not in a dry run, which says what differs of each. */
static bool may_look(struct build *b)
{
    return b->writes && !b->suggested && b->looked_at++ < MOST_LOOKED_AT;
}

enum status suggestion_of_action(struct build *b, int node, struct error *err)
{
    const struct work *w = work_of(b, node);
    struct earlier *all;
    size_t n;

    if (w->force || !may_look(b))
        return OK;
    TRY(earlier_actions(b, node, w->description, &all, &n, err));
    return n > 0 && all[0].may ? compare(b, &all[0], w->description, NULL, err) : OK;
}

enum status suggestion_of_template(struct build *b, const struct template *t, struct error *err)
{
    struct earlier *all;
    size_t n;

    if (!may_look(b))
        return OK;
    TRY(earlier_templates(b, t, &all, &n, err));
    if (n == 0 || !all[0].may)
        return OK;
    return compare(b, &all[0], t->description, graph_label(b->graph, t->study), err);
}
