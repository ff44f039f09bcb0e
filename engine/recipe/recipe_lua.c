/*
 * recipe_lua: the way into Lua and out of it. Every call goes in through recipe_call, and every
 * error comes out there.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "engine/recipe/recipe_state.h"

void recipe_where(const struct recipe *r, lua_State *L, char *out, size_t size)
{
    lua_Debug ar;

    (void)snprintf(out, size, "%s", r->place ? r->place : "");
    for (int level = 0; lua_getstack(L, level, &ar); level++)
        if (lua_getinfo(L, "Sl", &ar) && ar.source[0] == '@' && ar.currentline > 0) {
            (void)snprintf(out, size, "%s:%d", ar.source + 1, ar.currentline);
            return;
        }
}

/* The message's own "file:line:" becomes err->where. */
static enum status error_of_lua(struct recipe *r, const char *message, struct error *err)
{
    const char *colon;

    if (r->exceeded && recipe_is_interrupted(r))
        return error_set(err, ERR_INTERRUPTED, "", "interrupted");
    if (r->exceeded)
        return error_set(err, ERR_INPUT, *r->exceeded_at ? r->exceeded_at : r->path, "%s%s %s",
                         r->call ? "the study's " : "the recipe", r->call ? r->call : "",
                         r->exceeded);
    if (r->status != OK) {
        enum status s = r->status;
        *err = r->raised;
        r->status = OK;
        return s;
    }
    for (colon = strchr(message, ':'); colon; colon = strchr(colon + 1, ':')) {
        size_t digits = strspn(colon + 1, "0123456789");
        if (digits > 0 && colon[1 + digits] == ':' && colon[2 + digits] == ' ') {
            char where[200];
            (void)snprintf(where, sizeof where, "%.*s", (int)(colon - message + 1 + (long)digits),
                           message);
            return error_set(err, ERR_INPUT, where, "%s", colon + 3 + digits);
        }
    }
    return error_set(err, ERR_INPUT, r->path, "%s", message);
}

/* Keeps the message as text: an error value that is no string would be lost. */
static int message_handler(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING)
        lua_pushfstring(L, "an error that is a %s, not a text", luaL_typename(L, 1));
    return 1;
}

/* The call has ended with this status of Lua's. */
static enum status end_call(struct recipe *r, int s, struct error *err)
{
    if (s == LUA_OK && !r->exceeded)
        return OK;
    if (s == LUA_ERRMEM && !r->exceeded)
        return error_memory(err);
    return error_of_lua(r, s == LUA_OK ? "" : lua_tostring(r->lua, -1), err);
}

enum status recipe_call(struct recipe *r, int n_arguments, int n_results, struct error *err)
{
    lua_State *L = r->lua;
    int base = lua_gettop(L) - n_arguments, s;
    enum status status;

    if (recipe_is_interrupted(r)) {
        lua_settop(L, base - 1);
        return error_set(err, ERR_INTERRUPTED, "", "interrupted");
    }
    lua_pushcfunction(L, message_handler);
    lua_insert(L, base);
    r->instructions = 0;
    atomic_store(&r->inside, true);
    s = lua_pcall(L, n_arguments, n_results, base);
    atomic_store(&r->inside, false);
    lua_remove(L, base);
    status = end_call(r, s, err);
    r->place = r->call = NULL;
    return status;
}

enum status recipe_take_string(struct recipe *r, struct arena *arena, const char **out,
                               struct error *err)
{
    size_t n;
    const char *string = lua_tolstring(r->lua, -1, &n);

    *out = string ? arena_copy(arena, string, n) : NULL;
    lua_pop(r->lua, 1);
    return string && !*out ? error_memory(err) : OK;
}

int recipe_raise(lua_State *L, struct recipe *r, enum status s)
{
    r->status = s;
    return luaL_error(L, "%s: %s", r->raised.where, r->raised.text);
}

void recipe_type(lua_State *L, const char *name, const luaL_Reg *methods)
{
    luaL_newmetatable(L, name);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
