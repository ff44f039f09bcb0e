/*
 * recipe_api: the table `core`, what Lua can call in C. Every function checks its arguments in
 * order, works into the graph's arena, and pushes its result. The Lua modules in front of it have
 * checked what a user wrote; the checks here keep a wrong module from harming the engine.
 * Start at the table `core`, at the end.
 */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/recipe/recipe_state.h"

enum {
    MOST_CODE = 8,     /* functions that a study's Lua begins with */
    MOST_DEPTH = 1000, /* hpo.after inside hpo.after */
};

static int raise_memory(lua_State *L)
{
    struct recipe *r = recipe_of(L);

    return recipe_raise(L, r, error_memory(&r->raised));
}

static int api_where(lua_State *L)
{
    char where[256];

    recipe_where(recipe_of(L), L, where, sizeof where);
    lua_pushstring(L, where);
    return 1;
}

/* core.within(function): the engine has asked for this one of the recipe's. A tail call in it, as
 * `return hpo.command {...}`, leaves no line of its own. */
static int api_within(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    lua_Debug ar;

    if (!lua_isfunction(L, 1))
        return 0;
    lua_pushvalue(L, 1);
    if (lua_getinfo(L, ">S", &ar) && ar.source[0] == '@' && ar.linedefined > 0) {
        (void)snprintf(r->within, sizeof r->within, "%s:%d", ar.source + 1, ar.linedefined);
        r->place = r->within;
    }
    return 0;
}

/* core.fail(field, text [, hint]) */
static int api_fail(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *field = luaL_optstring(L, 1, ""), *text = luaL_checkstring(L, 2);
    const char *hint = luaL_optstring(L, 3, "");
    char where[130], place[256];

    recipe_where(r, L, where, sizeof where);
    if (!*where)
        (void)snprintf(where, sizeof where, "%s", r->path);
    (void)snprintf(place, sizeof place, "%s%s%.120s", where, *where && *field ? ": " : "", field);
    (void)error_set(&r->raised, ERR_INPUT, place, "%s", text);
    error_hint(&r->raised, "%s", hint);
    return recipe_raise(L, r, ERR_INPUT);
}

/* A copy of the string at index, in the graph's arena. */
static const char *copied(lua_State *L, int index)
{
    struct recipe *r = recipe_of(L);
    size_t n;
    const char *string = luaL_checklstring(L, index, &n);
    const char *copy;

    if (strlen(string) != n)
        (void)luaL_error(L, "expected a string without NUL");
    if (!(copy = arena_copy(graph_arena(r->graph), string, n)))
        (void)raise_memory(L);
    return copy;
}

/* Field of the table at index, absent: NULL. */
static const char *string_field(lua_State *L, int index, const char *name)
{
    const char *string = lua_getfield(L, index, name) == LUA_TNIL ? NULL : copied(L, lua_gettop(L));

    lua_pop(L, 1);
    return string;
}

static double number_field(lua_State *L, int index, const char *name, double absent)
{
    double x = lua_getfield(L, index, name) == LUA_TNIL ? absent : luaL_checknumber(L, -1);

    lua_pop(L, 1);
    return x;
}

static int integer_field(lua_State *L, int index, const char *name, int absent)
{
    lua_Integer x = lua_getfield(L, index, name) == LUA_TNIL ? absent : luaL_checkinteger(L, -1);

    lua_pop(L, 1);
    if (x < -1 || x > 1000000000)
        (void)luaL_error(L, "%s: expected a whole number from -1 to 1000000000", name);
    return (int)x;
}

static bool boolean_field(lua_State *L, int index, const char *name)
{
    bool truth;

    lua_getfield(L, index, name);
    truth = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return truth;
}

/* A node's number that exists. */
static int node_field(lua_State *L, int index, const char *name, int absent)
{
    int node = integer_field(L, index, name, absent);

    if (node != absent && (node < 0 || node >= graph_size(recipe_of(L)->graph)))
        (void)luaL_error(L, "%s: no such node", name);
    return node;
}

static void *array(lua_State *L, size_t n, size_t size)
{
    void *block = arena_array(graph_arena(recipe_of(L)->graph), n, size);

    if (!block)
        (void)raise_memory(L);
    return block;
}

/* A list of strings, NULL-terminated; absent: n = 0 and NULL. */
static const char **strings_field(lua_State *L, int index, const char *name, size_t *n)
{
    const char **list;

    *n = 0;
    if (lua_getfield(L, index, name) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    *n = lua_rawlen(L, -1);
    list = array(L, *n + 1, sizeof *list);
    for (size_t i = 0; i < *n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        list[i] = copied(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return list;
}

static void read_inputs(lua_State *L, struct action *a)
{
    lua_getfield(L, 1, "inputs");
    a->n_inputs = lua_isnil(L, -1) ? 0 : lua_rawlen(L, -1);
    a->inputs = array(L, a->n_inputs + 1, sizeof *a->inputs);
    for (size_t i = 0; i < a->n_inputs; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        a->inputs[i].name = string_field(L, lua_gettop(L), "name");
        a->inputs[i].node = node_field(L, lua_gettop(L), "node", -1);
        a->inputs[i].path = string_field(L, lua_gettop(L), "path");
        if (!a->inputs[i].name || a->inputs[i].node < 0)
            (void)luaL_error(L, "an input without a name or a node");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* A list of { name, value }; absent: n = 0. */
static struct pair *pairs_field(lua_State *L, int index, const char *name, size_t *n)
{
    struct pair *pairs;

    lua_getfield(L, index, name);
    *n = lua_isnil(L, -1) ? 0 : lua_rawlen(L, -1);
    pairs = array(L, *n + 1, sizeof *pairs);
    for (size_t i = 0; i < *n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        lua_rawgeti(L, -1, 1);
        pairs[i].name = copied(L, lua_gettop(L));
        lua_rawgeti(L, -2, 2);
        pairs[i].value = copied(L, lua_gettop(L));
        lua_pop(L, 3);
    }
    lua_pop(L, 1);
    return pairs;
}

/* As bytes; a number that is larger than any machine's stays so. */
static int64_t gigabytes_field(lua_State *L, int index, const char *name)
{
    double bytes;

    lua_getfield(L, index, name);
    bytes = ceil(lua_tonumber(L, -1) * 1e9);
    lua_pop(L, 1);
    return bytes < 1e18 ? (int64_t)bytes : (int64_t)1e18;
}

static void read_resources(lua_State *L, struct action *a)
{
    a->resources = (struct resources){.cpus = 1};
    if (lua_getfield(L, 1, "resources") != LUA_TNIL) {
        int index = lua_gettop(L);
        a->resources.cpus = integer_field(L, index, "cpus", 1);
        a->resources.gpus = integer_field(L, index, "gpus", 0);
        a->resources.memory = gigabytes_field(L, index, "memory");
        a->resources.gpu = string_field(L, index, "gpu");
        a->resources.share = boolean_field(L, index, "share");
        a->resources.settings = pairs_field(L, index, "settings", &a->resources.n_settings);
    }
    lua_pop(L, 1);
}

/* Adds the node and pushes its number. */
static int add(lua_State *L, const struct node *node)
{
    struct recipe *r = recipe_of(L);
    int id;
    enum status s = graph_add(r->graph, node, &id, &r->raised);

    if (s != OK)
        return recipe_raise(L, r, s);
    lua_pushinteger(L, id);
    return 1;
}

/* The place of a node: what Lua remembered of it in spec.where, else the line that runs now, or the
 * recipe where a function's last call has left no line. */
static const char *where_of(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    char where[256];
    const char *copy = lua_istable(L, 1) ? string_field(L, 1, "where") : NULL;

    if (copy)
        return copy;
    recipe_where(r, L, where, sizeof where);
    if (!(copy = arena_string(graph_arena(r->graph), *where ? where : r->path)))
        (void)raise_memory(L);
    return copy;
}

static int api_action(lua_State *L)
{
    struct node node = {.kind = NODE_ACTION, .where = where_of(L)};
    struct action *a = &node.action;
    size_t n_identity;

    luaL_checktype(L, 1, LUA_TTABLE);
    node.name = string_field(L, 1, "name");
    if (!(a->kind = string_field(L, 1, "kind")))
        return luaL_error(L, "an action without a kind");
    a->run = strings_field(L, 1, "run", &a->n_run);
    if (a->n_run == 0)
        return luaL_error(L, "an action that runs nothing");
    read_inputs(L, a);
    a->outputs = strings_field(L, 1, "outputs", &a->n_outputs);
    a->env = pairs_field(L, 1, "env", &a->n_env);
    a->pass = strings_field(L, 1, "pass", &a->n_pass);
    read_resources(L, a);
    a->timeout = number_field(L, 1, "timeout", 0);
    a->retries = integer_field(L, 1, "retries", 0);
    a->stateless = boolean_field(L, 1, "stateless");
    a->network = boolean_field(L, 1, "network");
    a->not_reproducible = boolean_field(L, 1, "not_reproducible");
    a->alone = boolean_field(L, 1, "alone");
    a->fresh = boolean_field(L, 1, "fresh");
    a->preload = strings_field(L, 1, "preload", &a->n_preload);
    a->may_end = boolean_field(L, 1, "may_end");
    a->report = string_field(L, 1, "report");
    a->tty = boolean_field(L, 1, "tty");
    a->identity = strings_field(L, 1, "identity", &n_identity);
    a->params = string_field(L, 1, "params");
    return add(L, &node);
}

static int api_fetch(lua_State *L)
{
    struct node node = {.kind = NODE_ACTION, .where = where_of(L)};
    struct fetch *fetch = array(L, 1, sizeof *fetch);

    luaL_checktype(L, 1, LUA_TTABLE);
    node.name = string_field(L, 1, "name");
    node.action.kind = string_field(L, 1, "kind");
    node.action.fetch = fetch;
    node.action.resources.cpus = 1;
    fetch->url = string_field(L, 1, "url");
    fetch->rev = string_field(L, 1, "rev");
    fetch->paths = strings_field(L, 1, "paths", &fetch->n_paths);
    if (!node.action.kind || !fetch->url || !fetch->rev)
        return luaL_error(L, "a fetch without kind, url or rev");
    return add(L, &node);
}

static int api_source(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    struct node node = {.kind = NODE_SOURCE, .where = where_of(L)};
    const char *path;
    struct stat st;

    luaL_checktype(L, 1, LUA_TTABLE);
    if (!(path = string_field(L, 1, "path")))
        return luaL_error(L, "a source without a path");
    node.source.path = path;
    node.source.exclude = strings_field(L, 1, "exclude", &node.source.n_exclude);
    if (path[0] != '/' && !(node.source.path = file_join(graph_arena(r->graph), r->folder, path)))
        return raise_memory(L);
    if (stat(node.source.path, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        r->missed = true;
        (void)error_set(&r->raised, ERR_INPUT, node.where,
                        access(node.source.path, F_OK) == 0
                            ? "hpo.source: expected a file or folder, found a socket, a pipe or a "
                              "device at \"%s\""
                            : "hpo.source: expected a file or folder, found nothing at \"%s\"",
                        path);
        error_hint(&r->raised, "a path is relative to the recipe's folder, %s", r->folder);
        return recipe_raise(L, r, ERR_INPUT);
    }
    return add(L, &node);
}

static int api_text(lua_State *L)
{
    struct node node = {.kind = NODE_TEXT, .where = where_of(L)};
    size_t n;
    const char *bytes = luaL_checklstring(L, 1, &n);

    node.text.name = copied(L, 2);
    node.text.n = n;
    if (!(node.text.bytes = arena_copy(graph_arena(recipe_of(L)->graph), bytes, n)))
        return raise_memory(L);
    return add(L, &node);
}

/* The digest of the Lua that decides: spec.code has the functions that it begins with. NULL where
 * the recipe has a part and is not read yet: files may follow. */
static const char *source_of(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *chunks[MOST_CODE], *digest = NULL;
    const bool custom = boolean_field(L, 1, "custom");
    size_t n = 0;
    enum status s;

    if (custom && !r->is_read)
        return NULL;
    lua_getfield(L, 1, "code");
    luaL_checktype(L, -1, LUA_TTABLE);
    while (!custom && n < MOST_CODE && lua_rawgeti(L, -1, (lua_Integer)n + 1) == LUA_TFUNCTION) {
        lua_Debug ar;
        (void)lua_getinfo(L, ">S", &ar);
        chunks[n++] = ar.source; /* the function's: it lives on in spec.code */
    }
    s = custom ? recipe_digest_all(r, &digest, &r->raised)
               : recipe_digest(r, chunks, n, &digest, &r->raised);
    if (s != OK)
        (void)recipe_raise(L, r, s);
    lua_settop(L, 1);
    return digest;
}

/* The place of the string field among `choices`. */
static int choice_field(lua_State *L, const char *name, const char *const choices[])
{
    int choice;

    lua_getfield(L, 1, name);
    choice = luaL_checkoption(L, -1, choices[0], choices);
    lua_pop(L, 1);
    return choice;
}

/* Tables are told apart by the names of their studies. */
static void refuse_second(lua_State *L, const char *name, const char *where)
{
    struct recipe *r = recipe_of(L);

    for (int i = 0; name && i < graph_size(r->graph); i++) {
        const struct node *node = graph_node(r->graph, i);
        if (node->kind != NODE_STUDY || !node->name || strcmp(node->name, name) != 0)
            continue;
        (void)error_set(&r->raised, ERR_INPUT, where,
                        "study.name: there is a study \"%s\" already: %s", name, node->where);
        (void)recipe_raise(L, r, ERR_INPUT);
    }
}

/* { metric =, limit =, at_least = } */
static struct goal goal_field(lua_State *L, const char *name)
{
    struct goal goal = {.metric = NULL};
    const int index = lua_gettop(L) + 1;

    if (lua_getfield(L, 1, name) != LUA_TNIL) {
        luaL_checktype(L, index, LUA_TTABLE);
        goal.metric = string_field(L, index, "metric");
        goal.limit = number_field(L, index, "limit", 0);
        goal.at_least = boolean_field(L, index, "at_least");
    }
    lua_pop(L, 1);
    return goal;
}

static int api_study(lua_State *L)
{
    static const char *const modes[] = {"min", "max", NULL}, *const bests[] = {"last", "any", NULL},
                             *const failures[] = {"stop", "prune", NULL},
                             *const keeps[] = {"last", "best", "all", NULL};
    struct node node = {.kind = NODE_STUDY, .where = where_of(L)};
    struct study_spec *study = array(L, 1, sizeof *study);

    luaL_checktype(L, 1, LUA_TTABLE);
    node.name = string_field(L, 1, "name");
    refuse_second(L, node.name, node.where);
    node.study = study;
    study->samples = integer_field(L, 1, "samples", 1);
    study->concurrency = integer_field(L, 1, "concurrency", 1);
    study->max_t = integer_field(L, 1, "max_t", 1);
    study->metric = string_field(L, 1, "metric");
    study->maximize = choice_field(L, "mode", modes) == 1;
    study->prune = choice_field(L, "on_failure", failures) == 1;
    study->best_of_all = choice_field(L, "best", bests) == 1;
    study->keep = (enum keep)choice_field(L, "keep", keeps);
    study->stop = goal_field(L, "stop");
    study->stop_study = goal_field(L, "stop_study");
    study->budget = integer_field(L, 1, "budget", 0);
    study->identity = string_field(L, 1, "identity");
    study->source = source_of(L);
    study->warm = node_field(L, 1, "warm", -1);
    study->history = string_field(L, 1, "history");
    study->blind = boolean_field(L, 1, "blind");
    study->exploits = boolean_field(L, 1, "exploits");
    study->units_with_exploits = number_field(L, 1, "units_with_exploits", 0);
    study->passes = number_field(L, 1, "passes", 0);
    if (!study->metric || !study->identity || study->concurrency < 1 || study->max_t < 1)
        return luaL_error(L, "a study without metric, identity, concurrency or max_t");
    lua_pushvalue(L, 1);
    study->callbacks = luaL_ref(L, LUA_REGISTRYINDEX);
    return add(L, &node);
}

/* The node of a study that is the first argument. */
static int study_of(lua_State *L)
{
    lua_Integer study = luaL_checkinteger(L, 1);

    if (study < 0 || study >= graph_size(recipe_of(L)->graph) ||
        graph_node(recipe_of(L)->graph, (int)study)->kind != NODE_STUDY)
        (void)luaL_error(L, "expected the node of a study");
    return (int)study;
}

static int api_best(lua_State *L)
{
    struct node node = {.kind = NODE_BEST, .where = where_of(L), .best_of = study_of(L)};

    return add(L, &node);
}

static int api_table(lua_State *L)
{
    struct node node = {.kind = NODE_TABLE, .where = where_of(L), .table_of = study_of(L)};

    return add(L, &node);
}

/* core.after(study, function (best's JSON) → node, path or nil, where) */
static int api_after(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    struct node node = {.kind = NODE_AFTER, .where = copied(L, 3)};

    if (graph_depth(r->graph) > MOST_DEPTH) {
        (void)error_set(&r->raised, ERR_INPUT, node.where,
                        "hpo.after: it returns another hpo.after, and that another, more than %d",
                        MOST_DEPTH);
        error_hint(&r->raised, "a function that returns itself never ends");
        return recipe_raise(L, r, ERR_INPUT);
    }
    node.after.study = study_of(L);
    node.after.node = -1;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    node.after.callbacks = luaL_ref(L, LUA_REGISTRYINDEX);
    return add(L, &node);
}

static int api_compare(lua_State *L)
{
    struct node node = {.kind = NODE_COMPARE, .where = where_of(L)};

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "items");
    luaL_checktype(L, -1, LUA_TTABLE);
    node.compare.n = lua_rawlen(L, -1);
    node.compare.items = array(L, node.compare.n + 1, sizeof *node.compare.items);
    for (size_t i = 0; i < node.compare.n; i++) {
        struct compare_item *item = &node.compare.items[i];
        int index = (lua_rawgeti(L, -1, (lua_Integer)i + 1), lua_gettop(L));
        item->study = node_field(L, index, "study", -1);
        if (item->study < 0)
            item->study = node_field(L, index, "checkpoint_study", -1);
        item->scores = node_field(L, index, "scores", -1);
        item->after = node_field(L, index, "after", -1);
        item->row = string_field(L, index, "row");
        item->path = string_field(L, index, "path");
        item->name = string_field(L, index, "name");
        lua_pop(L, 1);
    }
    return add(L, &node);
}

static int api_print(lua_State *L)
{
    struct recipe *r = recipe_of(L);

    text_printf(&r->printed, "%s\n", luaL_checkstring(L, 1));
    return 0;
}

static const luaL_Reg core[] = {
    {"fail", api_fail},   {"where", api_where},   {"within", api_within}, {"source", api_source},
    {"text", api_text},   {"action", api_action}, {"fetch", api_fetch},   {"study", api_study},
    {"best", api_best},   {"table", api_table},   {"after", api_after},   {"compare", api_compare},
    {"print", api_print}, {NULL, NULL},
};

void recipe_api_push(lua_State *L)
{
    luaL_newlib(L, core);
    recipe_beside_add(L);
    recipe_json_add(L);
    recipe_param_add(L);
    recipe_names_add(L);
    recipe_real_add(L);
    recipe_methods_add(L);
    recipe_parzen_add(L);
    recipe_kde_add(L);
    recipe_limits_add(L);
}
