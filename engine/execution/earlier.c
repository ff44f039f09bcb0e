/* earlier: keys from the history, their descriptions compared field by field. Start at
 * earlier_actions. */
#include "engine/execution/earlier.h"

#include <string.h>

#include "base/arena.h"
#include "cache/records/history.h"
#include "engine/graph/key.h"

enum { KEYS = 1000 };

/* ---- what differs ---- */

enum status earlier_differences(const char *was, const char *is, visit_difference *visit,
                                void *context, struct error *err)
{
    struct key_field a, b;

    for (const char *at = was; key_next_field(&at, &a);) {
        const bool there = key_find_field(is, &a, &b);
        if (!there || a.n_value != b.n_value || memcmp(a.value, b.value, a.n_value) != 0)
            TRY(visit(context, &a, there ? &b : NULL, err));
    }
    for (const char *at = is; key_next_field(&at, &b);)
        if (!key_find_field(was, &b, &a))
            TRY(visit(context, NULL, &b, err));
    return OK;
}

static bool begins(const struct key_field *f, const char *name)
{
    return f->n_name >= strlen(name) && memcmp(f->name, name, strlen(name)) == 0;
}

/* Whether the field is an input of the action that is a source. */
static bool is_source(struct build *b, int node, const struct key_field *f)
{
    const struct action *a = &graph_node(b->graph, node)->action;

    for (size_t i = 0; i < a->n_inputs; i++)
        if (key_is_input(f, a->inputs[i].name))
            return graph_node(b->graph, a->inputs[i].node)->kind == NODE_SOURCE;
    return false;
}

/* "file HEX", "program HEX" and "folder HEX" are other things, whatever is in them. */
static bool same_kind(const struct key_field *a, const struct key_field *b)
{
    const char *space = memchr(a->value, ' ', a->n_value);
    const size_t n = space ? (size_t)(space - a->value) : a->n_value;

    return n < b->n_value && memcmp(a->value, b->value, n + 1) == 0;
}

bool earlier_may_differ(struct build *b, int node, const struct key_field *was,
                        const struct key_field *is)
{
    const struct key_field *f = was ? was : is;

    if (begins(f, "env."))
        return true;
    if (!was || !is)
        return false;
    if (f->n_name == strlen("tool") && begins(f, "tool"))
        return true;
    return is_source(b, node, is) && same_kind(was, is);
}

/* ---- earlier keys ---- */

struct comparison {
    struct build *b;
    int node;
    struct earlier *earlier;
};

static enum status note_difference(void *context, const struct key_field *was,
                                   const struct key_field *is, struct error *err)
{
    struct comparison *c = context;

    (void)err;
    c->earlier->differ++;
    c->earlier->may = c->earlier->may && earlier_may_differ(c->b, c->node, was, is);
    return OK;
}

static bool comes_before(const struct earlier *a, const struct earlier *b)
{
    return a->may != b->may ? a->may : a->differ < b->differ;
}

struct list {
    struct earlier *all;
    size_t n, capacity;
};

/* Puts it where it belongs, behind the newer ones that differ as much. */
static enum status insert(struct build *b, struct list *list, int node, struct earlier e,
                          const char *description, struct error *err)
{
    struct comparison c = {b, node, &e};
    size_t i = list->n;

    e.may = true;
    TRY(earlier_differences(e.description, description, note_difference, &c, err));
    if (!arena_reserve(b->arena, &list->all, list->n++, sizeof *list->all, &list->capacity))
        return error_memory(err);
    for (; i > 0 && comes_before(&e, &list->all[i - 1]); i--)
        list->all[i] = list->all[i - 1];
    list->all[i] = e;
    return OK;
}

static bool has(const struct list *list, const struct digest *key)
{
    for (size_t i = 0; i < list->n; i++)
        if (digest_equal(&list->all[i].key, key))
            return true;
    return false;
}

enum status earlier_actions(struct build *b, int node, const char *description,
                            struct earlier **out, size_t *n, struct error *err)
{
    struct list list = {0};
    struct node_key *keys;
    size_t n_keys;

    TRY(history_node_keys(b->store, b->recipe_path, graph_label(b->graph, node), KEYS, b->arena,
                          &keys, &n_keys, err));
    for (size_t i = 0; i < n_keys; i++) {
        struct earlier e = {.key = keys[i].key};
        enum status s;
        if (has(&list, &e.key))
            continue;
        s = index_result_get(b->store, &e.key, b->arena, &e.result, err);
        if (s == ERR_NOT_FOUND || (s == OK && !e.result.has_tree))
            continue;
        TRY(s);
        e.description = e.result.description;
        if (strcmp(e.description, description) != 0)
            TRY(insert(b, &list, node, e, description, err));
    }
    *out = list.all;
    *n = list.n;
    return OK;
}

/* ---- of templates ---- */

/* What was stored beside a key, or NULL: of a unit that was known, or failed; of a template. */
static enum status describe(struct build *b, const struct digest *key, const char **description,
                            struct error *err)
{
    struct result r;
    enum status s = index_result_get(b->store, key, b->arena, &r, err);

    *description = s == OK ? r.description : NULL;
    if (s == ERR_NOT_FOUND)
        s = history_journal_get(b->store, key, b->arena, description, err);
    return s == ERR_NOT_FOUND ? OK : s;
}

enum status earlier_templates(struct build *b, const struct template *t, struct earlier **out,
                              size_t *n, struct error *err)
{
    const char *trial = arena_printf(b->arena, "%s/%d", graph_label(b->graph, t->study), t->trial);
    struct list list = {0};
    struct node_key *keys;
    size_t n_keys;

    if (!trial)
        return error_memory(err);
    TRY(history_keys_below(b->store, b->recipe_path, trial, b->arena, &keys, &n_keys, err));
    for (size_t i = 0; i < n_keys; i++) {
        struct earlier e = {0};
        const char *unit;
        TRY(describe(b, &keys[i].key, &unit, err));
        if (!unit_template(unit, &e.key) || digest_equal(&e.key, &t->key) || has(&list, &e.key))
            continue;
        TRY(describe(b, &e.key, &e.description, err));
        if (e.description)
            TRY(insert(b, &list, t->node, e, t->description, err));
    }
    *out = list.all;
    *n = list.n;
    return OK;
}
