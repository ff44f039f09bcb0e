/*
 * recipe_param: what the command line says to a recipe: core.param, core.change, core.reversed. A
 * --set that nothing reads is refused as soon as that is certain: a function of a study or of
 * hpo.after may read one long after the recipe was read.
 */
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/spelling.h"
#include "base/text.h"
#include "engine/recipe/recipe_state.h"

/* Pushes the value of one --set in the form of the default at index 2; false if it does not fit. */
static bool push_as(lua_State *L, const char *text, int kind, bool whole)
{
    struct error ignored;
    double x;
    int64_t i;

    switch (kind) {
    case LUA_TSTRING:
        lua_pushstring(L, text);
        return true;
    case LUA_TBOOLEAN:
        lua_pushboolean(L, strcmp(text, "true") == 0);
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    case LUA_TNUMBER:
        if (text_parse_integer(text, "", INT64_MIN, INT64_MAX, &i, &ignored) == OK) {
            lua_pushinteger(L, i);
            return true;
        }
        if (whole || text_parse_number(text, "", &x, &ignored) != OK)
            return false;
        lua_pushnumber(L, x);
        return true;
    default:
        return false;
    }
}

static const char *kind_words(int kind, bool whole)
{
    if (kind == LUA_TNUMBER)
        return whole ? "a whole number" : "a number";
    return kind == LUA_TBOOLEAN ? "true or false" : "a text";
}

/* A list "1,2,3" whose elements have the type of the default's first. */
static bool push_list(lua_State *L, const char *text, int kind, bool whole)
{
    lua_newtable(L);
    for (lua_Integer i = 1; *text; i++) {
        size_t n = strcspn(text, ",");
        lua_pushlstring(L, text, n);
        if (!push_as(L, lua_tostring(L, -1), kind, whole))
            return false;
        lua_rawseti(L, -3, i);
        lua_pop(L, 1);
        text += n;
        text += *text == ',';
    }
    return true;
}

/* Whether the value on top of the stack is the default at index 2, whole or element by element. */
static bool is_default(lua_State *L, bool list)
{
    const int value = lua_gettop(L);
    const lua_Unsigned n = list ? lua_rawlen(L, 2) : 0;
    bool same = true;

    if (!list)
        return lua_rawequal(L, 2, value);
    for (lua_Unsigned i = 1; same && i <= n + 1; i++) { /* nil behind the last of both */
        lua_rawgeti(L, 2, (lua_Integer)i);
        lua_rawgeti(L, value, (lua_Integer)i);
        same = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return same;
}

enum status recipe_param_open(struct recipe *r, struct error *err)
{
    r->set_use = arena_array(r->arena, r->n_sets + 1, sizeof *r->set_use);
    r->near = arena_array(r->arena, r->n_sets + 1, sizeof *r->near);
    if (!r->set_use || !r->near)
        return error_memory(err);
    for (size_t i = 0; i < r->n_sets; i++)
        r->near[i] = spelling_of(r->sets[i].name, strlen(r->sets[i].name));
    return OK;
}

/* Remembers what the --set of this name is to the recipe. */
static void note_read(struct recipe *r, const char *name, enum set_use use)
{
    for (size_t i = 0; i < r->n_sets; i++)
        if (strcmp(r->sets[i].name, name) == 0 && r->set_use[i] < use)
            r->set_use[i] = use;
}

/* A --set that nothing reads may be meant for this parameter. */
static void offer(struct recipe *r, const char *name)
{
    for (size_t i = 0; i < r->n_sets; i++) {
        spelling_offer(&r->near[i], name);
        if (r->near[i].nearest == name) /* Lua's: it may go */
            r->near[i].nearest = arena_string(r->arena, name);
    }
}

/* core.param(name, default) */
static int api_param(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *name = luaL_checkstring(L, 1), *value = NULL;
    const bool list = lua_istable(L, 2);
    bool whole, same;
    int kind;

    lua_settop(L, 2);
    offer(r, name);
    for (size_t i = 0; i < r->n_sets; i++)
        if (strcmp(r->sets[i].name, name) == 0)
            value = r->sets[i].value;
    if (!value)
        return 1;
    if (list)
        lua_rawgeti(L, 2, 1);
    else
        lua_pushvalue(L, 2);
    kind = lua_isnil(L, -1) ? LUA_TSTRING : lua_type(L, -1);
    whole = lua_isinteger(L, -1);
    if (!(list ? push_list(L, value, kind, whole) : push_as(L, value, kind, whole))) {
        (void)error_set(&r->raised, ERR_INPUT, "--set", "%s: expected %s%s, found \"%s\"", name,
                        list ? "a list with commas, each " : "", kind_words(kind, whole), value);
        return recipe_raise(L, r, ERR_INPUT);
    }
    same = is_default(L, list);
    note_read(r, name, same ? SET_DEFAULT : SET_USED);
    lua_pushvalue(L, same ? 2 : -1); /* 2 for the default 2.0 is 2.0 */
    return 1;
}

/* ---- a --set that nothing reads ---- */

static bool was_asked(const struct recipe *r, int callbacks)
{
    for (size_t i = 0; i < r->n_asked; i++)
        if (r->asked[i] == callbacks)
            return true;
    return false;
}

/* Whether some function of the recipe has not been called once. */
static bool is_unasked(const struct recipe *r)
{
    for (int i = 0; i < graph_size(r->graph); i++) {
        const struct node *node = graph_node(r->graph, i);
        if (node->kind == NODE_STUDY && !was_asked(r, node->study->callbacks))
            return true;
        if (node->kind == NODE_AFTER && !was_asked(r, node->after.callbacks))
            return true;
    }
    return false;
}

static bool in_a_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Whether the text has the name as a word; texts of files end with NUL. */
static bool has_word(const char *text, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
        if (!(at > text && in_a_word(at[-1])) && !in_a_word(at[n]))
            return true;
    return false;
}

/* Whether the name stands in one of the recipe's files: then a later call may read it yet. */
static bool is_written(const struct recipe *r, const char *name)
{
    for (size_t i = 0; i < r->n_sources; i++)
        if (has_word(r->sources[i].bytes, name))
            return true;
    return false;
}

enum status recipe_check_sets(struct recipe *r, bool last, struct error *err)
{
    const bool unasked = is_unasked(r);

    for (size_t i = 0; i < r->n_sets && !unasked; i++) {
        if (r->set_use[i] != SET_UNREAD || (!last && is_written(r, r->sets[i].name)))
            continue;
        (void)error_set(err, ERR_INPUT, "--set",
                        "%s has no parameter \"%s\": hpo.param(\"%s\", default) reads one", r->path,
                        r->sets[i].name, r->sets[i].name);
        if (r->near[i].nearest)
            error_hint(err, "did you mean %s=%s?", r->near[i].nearest, r->sets[i].value);
        return ERR_INPUT;
    }
    return OK;
}

enum status recipe_asked(struct recipe *r, int callbacks, struct error *err)
{
    int *asked;

    if (r->n_sets == 0 || was_asked(r, callbacks))
        return OK;
    if (!(asked = arena_push(r->arena, r->asked, r->n_asked, r->asked_capacity)))
        return error_memory(err);
    *asked = callbacks;
    return recipe_check_sets(r, false, err);
}

enum status recipe_sets(const struct recipe *r, struct arena *arena, struct pair **sets, size_t *n,
                        struct error *err)
{
    *n = 0;
    if (!(*sets = arena_array(arena, r->n_sets + 1, sizeof **sets)))
        return error_memory(err);
    for (size_t i = 0; i < r->n_sets; i++)
        if (r->set_use[i] != SET_DEFAULT)
            (*sets)[(*n)++] = r->sets[i];
    return OK;
}

bool recipe_has_unread(const struct recipe *r)
{
    for (size_t i = 0; i < r->n_sets; i++)
        if (r->set_use[i] == SET_UNREAD)
            return true;
    return false;
}

/* core.change(n): of study n of the recipe, the searcher and scheduler that take the place of its
 * own, and how many trials that has. */
static int api_change(lua_State *L)
{
    const struct recipe_change *change = recipe_of(L)->change;
    bool changed = change && change->study == luaL_checkinteger(L, 1);

    lua_pushstring(L, changed ? change->search : NULL); /* NULL: nil */
    lua_pushstring(L, changed ? change->scheduler : NULL);
    lua_pushinteger(L, changed ? change->samples : 0);
    return 3;
}

/* core.reversed() */
static int api_reversed(lua_State *L)
{
    const struct recipe_change *change = recipe_of(L)->change;

    lua_pushboolean(L, change && change->reversed);
    return 1;
}

/* core.unread(): the --set that no core.param asked for so far, as text by name; nil: none. */
static int api_unread(lua_State *L)
{
    const struct recipe *r = recipe_of(L);
    bool any = false;

    lua_newtable(L);
    for (size_t i = 0; i < r->n_sets; i++) {
        if (r->set_use[i] != SET_UNREAD)
            continue;
        lua_pushstring(L, r->sets[i].value);
        lua_setfield(L, -2, r->sets[i].name);
        any = true;
    }
    return any ? 1 : 0;
}

static const luaL_Reg functions[] = {
    {"param", api_param},       {"unread", api_unread}, {"change", api_change},
    {"reversed", api_reversed}, {NULL, NULL},
};

void recipe_param_add(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
