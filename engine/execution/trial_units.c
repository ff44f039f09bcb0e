/* trial_units: a table's segments. */
#include "engine/execution/trial_units.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/execution/kept.h"
#include "engine/graph/node.h"

/* The keys so far. */
struct units {
    struct store *store;
    const struct node_name *of;
    struct arena *arena;
    struct node_key *keys;
    size_t n, capacity;
};

static enum status add(struct units *u, int64_t t, const struct digest *key, int64_t run,
                       struct error *err)
{
    const char *name = arena_printf(u->arena, "%s/%lld", u->of->name, (long long)t);
    struct node_key *last = arena_push(u->arena, u->keys, u->n, u->capacity);

    if (!name || !last)
        return error_memory(err);
    *last = (struct node_key){.name = name, .key = *key, .run = run};
    return OK;
}

/* What its next unit came to, if that has failed. */
static enum status add_failed(struct units *u, int64_t t, struct error *err)
{
    const char *name = arena_printf(u->arena, "%s/%lld", u->of->name, (long long)t);
    struct node_key *found;
    struct failure failure;
    enum status s;
    size_t n;

    if (!name)
        return error_memory(err);
    TRY(history_node_keys(u->store, u->of->recipe, name, SIZE_MAX, u->arena, &found, &n, err));
    for (size_t i = 0; i < n; i++) {
        if (u->of->run > 0 && found[i].run > u->of->run)
            continue;
        s = history_failure_get(u->store, &found[i].key, u->arena, &failure, err);
        if (s == ERR_NOT_FOUND)
            return OK;
        TRY(s);
        return add(u, t, &found[i].key, found[i].run, err);
    }
    return OK;
}

static enum status add_trial(struct units *u, const struct json *trial, int64_t run,
                             struct error *err)
{
    const struct json *segments, *status = json_get(trial, "status");
    int64_t t = 0;

    TRY(json_want_array(trial, "table", "segments", &segments, err));
    for (size_t i = 0; i < segments->n; i++) {
        struct digest key;
        const char *hex;
        TRY(json_want_integer(&segments->items[i], "table", "t", 1, INT32_MAX, &t, err));
        TRY(json_want_string(&segments->items[i], "table", "key", &hex, err));
        if (digest_parse(hex, &key))
            TRY(add(u, t, &key, run, err));
    }
    if (!status || status->kind != JSON_STRING || strcmp(status->string, "failed") != 0)
        return OK;
    return add_failed(u, t + 1, err);
}

static enum status find_tables(const struct units *u, const char *arguments, const char *study,
                               struct study_table **tables, size_t *n, struct error *err)
{
    struct kept_build kept;
    struct error gone;
    enum status s;

    *n = 0;
    if (u->of->run == 0)
        return history_tables(u->store, u->of->recipe, arguments, study, u->arena, tables, n, err);
    s = kept_find(u->store, u->of->run, u->arena, &kept, &gone);
    if (s == ERR_INPUT) /* nothing is left of it */
        return OK;
    if (s != OK) {
        *err = gone;
        return s;
    }
    *tables = kept.tables;
    *n = kept.n_tables;
    return OK;
}

static enum status read_table(struct units *u, const struct study_table *table, int64_t number,
                              struct error *err)
{
    const struct json *trials;
    struct json *object;

    TRY(json_parse(table->body, strlen(table->body), "table", JSON_STRICT, u->arena, &object, err));
    TRY(json_want_array(object, "table", "trials", &trials, err));
    for (size_t i = 0; i < trials->n; i++) {
        const struct json *trial = json_get(&trials->items[i], "trial");
        if (trial && trial->kind == JSON_NUMBER && trial->whole && trial->integer == number)
            return add_trial(u, &trials->items[i], table->run, err);
    }
    return OK;
}

enum status trial_units(struct store *store, const struct node_name *of, const char *arguments,
                        struct arena *arena, struct node_key **keys, size_t *n, struct error *err)
{
    struct units u = {.store = store, .of = of, .arena = arena};
    const char *slash = strrchr(of->name, '/'), *study;
    struct study_table *tables = NULL;
    struct error ignored;
    int64_t number;
    size_t n_tables;

    *keys = NULL;
    *n = 0;
    if (!slash || text_parse_integer(slash + 1, "", 0, INT32_MAX, &number, &ignored) != OK)
        return OK;
    if (!(study = arena_copy(arena, of->name, (size_t)(slash - of->name))))
        return error_memory(err);
    TRY(find_tables(&u, arguments, study, &tables, &n_tables, err));
    for (size_t i = 0; i < n_tables; i++)
        if (strcmp(tables[i].study, study) == 0)
            TRY(read_table(&u, &tables[i], number, err));
    *keys = u.keys;
    *n = u.n;
    return OK;
}
