/*
 * recipe_names: core.names(t) → the names of a table, sorted by bytes, and whether it has no other
 * keys. Lua goes through a table in no order, and each loop of a recipe asks for one.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "engine/recipe/recipe_state.h"

enum { FEW = 32 };

/* Points into the table, which keeps it. */
struct name {
    const char *bytes;
    size_t n;
};

static int compare(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->bytes, y->bytes, n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Reads at most `capacity` names of the table at index 1; returns how many there are. */
static size_t read_names(lua_State *L, struct name *names, size_t capacity, bool *alone)
{
    size_t n = 0;

    *alone = true;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            *alone = false;
            continue;
        }
        if (n < capacity)
            names[n].bytes = lua_tolstring(L, -2, &names[n].n);
        n++;
    }
    return n;
}

static int api_names(lua_State *L)
{
    struct name few[FEW], *names = few;
    bool alone;
    size_t n;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    n = read_names(L, names, FEW, &alone);
    if (n > FEW) {
        names = lua_newuserdatauv(L, n * sizeof *names, 0);
        (void)read_names(L, names, n, &alone);
    }
    qsort(names, n, sizeof *names, compare);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushlstring(L, names[i].bytes, names[i].n);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushboolean(L, alone);
    return 2;
}

void recipe_names_add(lua_State *L)
{
    lua_pushcfunction(L, api_names);
    lua_setfield(L, -2, "names");
}
