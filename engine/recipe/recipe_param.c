/* recipe_param: what the command line says to a recipe: core.param, core.change, core.reversed. */
#include <lauxlib.h>
#include <string.h>

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

/* core.param(name, default) */
static int api_param(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *name = luaL_checkstring(L, 1), *value = NULL;
    bool list = lua_istable(L, 2);
    bool whole;
    int kind;

    for (size_t i = 0; i < r->n_sets; i++)
        if (strcmp(r->sets[i].name, name) == 0) {
            value = r->sets[i].value;
            r->set_read[i] = true;
        }
    if (!value) {
        lua_settop(L, 2);
        return 1;
    }
    if (list)
        lua_rawgeti(L, 2, 1);
    else
        lua_pushvalue(L, 2);
    kind = lua_isnil(L, -1) ? LUA_TSTRING : lua_type(L, -1);
    whole = lua_isinteger(L, -1);
    if (list ? push_list(L, value, kind, whole) : push_as(L, value, kind, whole))
        return 1;
    (void)error_set(&r->raised, ERR_INPUT, "--set", "%s: expected %s%s, found \"%s\"", name,
                    list ? "a list with commas, each " : "", kind_words(kind, whole), value);
    return recipe_raise(L, r, ERR_INPUT);
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

static const luaL_Reg functions[] = {
    {"param", api_param},
    {"change", api_change},
    {"reversed", api_reversed},
    {NULL, NULL},
};

void recipe_param_add(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
