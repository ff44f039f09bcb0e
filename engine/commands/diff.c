/*
 * hpo diff: two builds side by side: their --set, Lua files, keys, and tables. What C knows is one
 * JSON object, of which lua/diff.lua makes both answers. Start at print_diff.
 */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/difference.h"
#include "engine/execution/kept.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"

struct side {
    struct kept_build kept;
    struct node_key *nodes; /* sorted by name; without those of units */
    size_t n_nodes;
};

/* The keys that a node had, one of them zeros where it was only there once. */
struct change {
    struct digest a, b;
};

struct diff {
    struct store *store;
    struct arena *arena;
    struct side sides[2];
    struct text out;
    struct change *changes; /* of nodes that are written */
    size_t n_changes, change_capacity;
    int written; /* entries of the list that is being written */
};

/* ---- what there is ---- */

/* STUDY/TRIAL/T: its study's table has it. */
static bool is_unit(const char *name)
{
    const char *t = strrchr(name, '/'), *trial = t;

    if (!t || !t[1] || t[1 + strspn(t + 1, "0123456789")])
        return false;
    while (trial > name && trial[-1] >= '0' && trial[-1] <= '9')
        trial--;
    return trial < t && trial > name && trial[-1] == '/';
}

static enum status open_side(struct diff *d, const char *word, struct side *side, struct error *err)
{
    struct node_key *keys;
    int64_t run;
    size_t n;

    TRY(text_parse_integer(word, "RUN", 1, INT32_MAX, &run, err));
    TRY(kept_find(d->store, run, d->arena, &side->kept, err));
    TRY(history_nodes_at(d->store, side->kept.run.recipe, run, d->arena, &keys, &n, err));
    side->nodes = keys;
    for (size_t i = 0; i < n; i++)
        if (!is_unit(keys[i].name))
            keys[side->n_nodes++] = keys[i];
    return OK;
}

/* ---- what differs ---- */

/* {"name": NAME, "fields": [LINE, ...]} */
static enum status add_fields(struct diff *d, const char *name, const struct digest *a,
                              const struct digest *b, struct error *err)
{
    struct text fields = text_in(d->arena);
    const char *was, *is;
    struct result ignored;
    char *lines;

    TRY(difference_describe(d->store, a, d->arena, &was, &ignored, err));
    TRY(difference_describe(d->store, b, d->arena, &is, &ignored, err));
    if (was && is)
        TRY(difference_add(d->store, was, is, d->arena, &fields, err));
    TRY(text_finish(&fields, &lines, NULL, err));
    text_add(&d->out, d->written++ ? ", " : "");
    text_add(&d->out, "{\"name\": ");
    json_write_string(&d->out, name);
    text_add(&d->out, ", \"fields\": [");
    for (int n = 0; *lines; n++) {
        const size_t length = strcspn(lines, "\n"), indent = strspn(lines, " ");
        text_add(&d->out, n ? ", " : "");
        json_write_bytes(&d->out, lines + indent, length > indent ? length - indent : 0);
        lines += length + (lines[length] == '\n');
    }
    text_add(&d->out, "]}");
    return OK;
}

static void add_lone(struct diff *d, const char *name, const char *side)
{
    text_add(&d->out, d->written++ ? ", " : "");
    text_add(&d->out, "{\"name\": ");
    json_write_string(&d->out, name);
    text_printf(&d->out, ", \"only\": \"%s\"}", side);
}

/* A node has more names where a target is called otherwise: it is told by the first. Either key may
 * be NULL. *is_new: it was not told yet. */
static enum status note_change(struct diff *d, const struct digest *a, const struct digest *b,
                               bool *is_new, struct error *err)
{
    const struct digest none = {{0}};
    const struct change change = {a ? *a : none, b ? *b : none};
    struct change *last;

    *is_new = false;
    for (size_t i = 0; i < d->n_changes; i++)
        if (digest_equal(&d->changes[i].a, &change.a) && digest_equal(&d->changes[i].b, &change.b))
            return OK;
    if (!(last = arena_push(d->arena, d->changes, d->n_changes, d->change_capacity)))
        return error_memory(err);
    *last = change;
    *is_new = true;
    return OK;
}

/* What differs of a node; a or b is NULL where it was not there. */
static enum status add_node(struct diff *d, const struct node_key *a, const struct node_key *b,
                            struct error *err)
{
    bool is_new;

    if (a && b && digest_equal(&a->key, &b->key))
        return OK;
    TRY(note_change(d, a ? &a->key : NULL, b ? &b->key : NULL, &is_new, err));
    if (!is_new)
        return OK;
    if (a && b)
        return add_fields(d, a->name, &a->key, &b->key, err);
    if (a)
        add_lone(d, a->name, "a");
    else if (b)
        add_lone(d, b->name, "b");
    return OK;
}

/* Both lists are sorted: the lesser name of the two is next. */
static enum status add_nodes(struct diff *d, struct error *err)
{
    const struct side *a = &d->sides[0], *b = &d->sides[1];
    size_t i = 0, k = 0;

    d->written = 0;
    text_add(&d->out, ", \"nodes\": [");
    while (i < a->n_nodes || k < b->n_nodes) {
        const int order = i == a->n_nodes   ? 1
                          : k == b->n_nodes ? -1
                                            : strcmp(a->nodes[i].name, b->nodes[k].name);
        TRY(add_node(d, order <= 0 ? &a->nodes[i] : NULL, order >= 0 ? &b->nodes[k] : NULL, err));
        i += order <= 0;
        k += order >= 0;
    }
    text_add(&d->out, "]");
    return OK;
}

/* The key of a trial's first unit, as its table has it. */
static bool first_key(const struct json *trial, struct digest *key)
{
    const struct json *segments = json_get(trial, "segments");
    const struct json *hex = segments && segments->kind == JSON_ARRAY && segments->n > 0
                                 ? json_get(&segments->items[0], "key")
                                 : NULL;

    return hex && hex->kind == JSON_STRING && digest_parse(hex->string, key);
}

static enum status same_params(struct diff *d, const struct json *a, const struct json *b,
                               bool *same, struct error *err)
{
    const struct json *both[] = {json_get(a, "params"), json_get(b, "params")};
    char *texts[2];

    *same = both[0] && both[1];
    for (size_t i = 0; i < 2 && *same; i++) {
        struct text t = text_in(d->arena);
        json_write(&t, both[i]);
        TRY(text_finish(&t, &texts[i], NULL, err));
    }
    *same = *same && strcmp(texts[0], texts[1]) == 0;
    return OK;
}

/* The fields of the first trial that has the same number and parameters in both, and another key:
 * what changed for it has changed for all. */
static enum status add_trial(struct diff *d, const struct study_table *a,
                             const struct study_table *b, struct error *err)
{
    const struct json *trials[2];
    struct json *tables[2];
    struct digest keys[2];
    const char *name;
    bool same = false;

    TRY(json_parse(a->body, strlen(a->body), "table", JSON_STRICT, d->arena, &tables[0], err));
    TRY(json_parse(b->body, strlen(b->body), "table", JSON_STRICT, d->arena, &tables[1], err));
    TRY(json_want_array(tables[0], "table", "trials", &trials[0], err));
    TRY(json_want_array(tables[1], "table", "trials", &trials[1], err));
    for (size_t i = 0; i < trials[0]->n && i < trials[1]->n; i++) {
        if (!first_key(&trials[0]->items[i], &keys[0]) ||
            !first_key(&trials[1]->items[i], &keys[1]) || digest_equal(&keys[0], &keys[1]))
            continue;
        TRY(same_params(d, &trials[0]->items[i], &trials[1]->items[i], &same, err));
        if (!same)
            continue;
        if (!(name = arena_printf(d->arena, "%s/%zu/1", a->study, i)))
            return error_memory(err);
        return add_fields(d, name, &keys[0], &keys[1], err);
    }
    return OK;
}

static enum status add_trials(struct diff *d, struct error *err)
{
    const struct kept_build *a = &d->sides[0].kept, *b = &d->sides[1].kept;

    d->written = 0;
    text_add(&d->out, ", \"units\": [");
    for (size_t i = 0; i < a->n_tables; i++)
        for (size_t k = 0; k < b->n_tables; k++)
            if (strcmp(a->tables[i].study, b->tables[k].study) == 0)
                TRY(add_trial(d, &a->tables[i], &b->tables[k], err));
    text_add(&d->out, "]");
    return OK;
}

/* {"run": N, "recipe": PATH, "set": {...}, "started": S, "status": S, "files": {...}, "studies":
 * [...]} */
static void add_side(struct diff *d, const struct kept_build *k)
{
    text_printf(&d->out, "{\"run\": %lld, \"recipe\": ", (long long)k->run.id);
    json_write_string(&d->out, k->run.recipe);
    text_printf(&d->out, ", \"set\": %s, \"started\": %lld, \"status\": ", k->run.arguments,
                (long long)k->run.started);
    json_write_string(&d->out, k->run.status ? k->run.status : "unknown");
    text_add(&d->out, ", \"files\": {");
    for (size_t i = 0; i < k->n_files; i++) {
        text_add(&d->out, i ? ", " : "");
        json_write_string(&d->out, k->files[i].path);
        text_add(&d->out, ": ");
        json_write_string(&d->out, k->files[i].digest);
    }
    text_add(&d->out, "}, \"studies\": [");
    for (size_t i = 0; i < k->n_tables; i++)
        text_printf(&d->out, "%s%s", i ? ", " : "", k->tables[i].body);
    text_add(&d->out, "]}");
}

static enum status print_diff(const struct options *o, struct store *store, struct arena *arena,
                              struct error *err)
{
    struct diff d = {.store = store, .arena = arena, .out = text_in(arena)};
    char *all, *text, *json;

    for (size_t i = 0; i < 2; i++)
        TRY(open_side(&d, o->words[i], &d.sides[i], err));
    text_add(&d.out, "{\"a\": ");
    add_side(&d, &d.sides[0].kept);
    text_add(&d.out, ", \"b\": ");
    add_side(&d, &d.sides[1].kept);
    TRY(add_nodes(&d, err));
    TRY(add_trials(&d, err));
    text_add(&d.out, "}");
    TRY(text_finish(&d.out, &all, NULL, err));
    TRY(recipe_table("diff", all, arena, &text, &json, err));
    return o->json ? progress_result(json, strlen(json), err)
                   : progress_result(text, strlen(text), err);
}

enum status diff_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, print_diff, err);
}
