/*
 * recipe_json: numbers and JSON for Lua: core.number, core.encode, core.decode, core.array,
 * core.null. The texts made here reach keys, so they are canonical: names sorted, shortest
 * numbers. Start at encode.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "engine/recipe/recipe_state.h"

static int api_number(lua_State *L)
{
    char text[NUMBER_TEXT_MAX];

    if (lua_isinteger(L, 1))
        lua_pushfstring(L, "%I", lua_tointeger(L, 1));
    else
        lua_pushlstring(L, text, text_number(luaL_checknumber(L, 1), text));
    return 1;
}

static void encode(lua_State *L, int index, struct text *t, int depth);

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void encode_object(lua_State *L, int index, struct text *t, int depth)
{
    const char **names = NULL, **name;
    size_t n = 0, capacity = 0;

    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            (void)luaL_error(L, "a table with both names and positions has no JSON form");
        if (!(name = arena_push(t->arena, names, n, capacity))) {
            t->failed = true;
            lua_pop(L, 2);
            break;
        }
        *name = lua_tostring(L, -2);
    }
    if (n > 1)
        qsort(names, n, sizeof *names, compare_strings);
    text_add(t, "{");
    for (size_t i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        json_write_string(t, names[i]);
        text_add(t, ": ");
        lua_getfield(L, index, names[i]);
        encode(L, lua_gettop(L), t, depth + 1);
        lua_pop(L, 1);
    }
    text_add(t, "}");
}

static void encode_table(lua_State *L, int index, struct text *t, int depth)
{
    size_t n = lua_rawlen(L, index);
    bool list =
        n > 0 || (lua_getmetatable(L, index) && lua_getfield(L, -1, "__hpo_array") == LUA_TBOOLEAN);

    lua_settop(L, index);
    if (!list) {
        encode_object(L, index, t, depth);
        return;
    }
    text_add(t, "[");
    for (size_t i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        encode(L, lua_gettop(L), t, depth + 1);
        lua_pop(L, 1);
    }
    text_add(t, "]");
}

static void encode(lua_State *L, int index, struct text *t, int depth)
{
    size_t n;
    const char *string;

    if (depth > JSON_DEPTH || !lua_checkstack(L, 8))
        (void)luaL_error(L, "a value nested deeper than %d levels has no JSON form", JSON_DEPTH);
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TLIGHTUSERDATA: /* core.null: there is no other */
        text_add(t, "null");
        break;
    case LUA_TBOOLEAN:
        text_add(t, lua_toboolean(L, index) ? "true" : "false");
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            text_add_integer(t, lua_tointeger(L, index));
        else
            json_write_number(t, lua_tonumber(L, index));
        break;
    case LUA_TSTRING:
        string = lua_tolstring(L, index, &n);
        if (!text_is_utf8(string, n))
            (void)luaL_error(L, "a string that is not UTF-8 has no JSON form");
        json_write_bytes(t, string, n);
        break;
    case LUA_TTABLE:
        encode_table(L, index, t, depth);
        break;
    default:
        (void)luaL_error(L, "a %s has no JSON form", luaL_typename(L, index));
    }
}

/* An empty arena for one call; Lua has what the last one made. */
static struct arena *open_scratch(lua_State *L, struct recipe *r)
{
    arena_close(r->scratch);
    if (!(r->scratch = arena_open()))
        (void)recipe_raise(L, r, error_memory(&r->raised));
    return r->scratch;
}

/* core.encode(value): canonical JSON */
static int api_encode(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    struct text t = text_in(open_scratch(L, r));
    char *string;
    size_t n;
    enum status s;

    lua_settop(L, 1);
    encode(L, 1, &t, 0);
    if ((s = text_finish(&t, &string, &n, &r->raised)) != OK)
        return recipe_raise(L, r, s);
    lua_pushlstring(L, string, n);
    return 1;
}

static void push_json(lua_State *L, const struct json *value)
{
    luaL_checkstack(L, 8, "JSON");
    switch (value->kind) {
    case JSON_NULL:
        lua_pushnil(L);
        break;
    case JSON_BOOLEAN:
        lua_pushboolean(L, value->truth);
        break;
    case JSON_NUMBER:
        if (value->whole)
            lua_pushinteger(L, value->integer);
        else
            lua_pushnumber(L, value->number);
        break;
    case JSON_STRING:
        lua_pushlstring(L, value->string, value->n);
        break;
    case JSON_ARRAY:
        lua_newtable(L);
        for (size_t i = 0; i < value->n; i++) {
            push_json(L, &value->items[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
        break;
    case JSON_OBJECT:
        lua_newtable(L);
        for (size_t i = 0; i < value->n; i++) {
            push_json(L, &value->members[i].value);
            lua_setfield(L, -2, value->members[i].name);
        }
        break;
    }
}

/* core.decode(text) */
static int api_decode(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    size_t n;
    const char *string = luaL_checklstring(L, 1, &n);
    struct json *value;
    struct arena *arena = open_scratch(L, r);
    enum status s = json_parse(string, n, "JSON", JSON_STRICT, arena, &value, &r->raised);

    if (s != OK)
        return recipe_raise(L, r, s);
    push_json(L, value);
    return 1;
}

/* core.array(t): t is a list in JSON, even when it is empty */
static int api_array(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "__hpo_array");
    lua_setmetatable(L, 1);
    return 1;
}

static const luaL_Reg functions[] = {
    {"number", api_number}, {"encode", api_encode}, {"decode", api_decode},
    {"array", api_array},   {NULL, NULL},
};

void recipe_json_add(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
}
