/*
 * recipe_kde: core.kde, a kernel density as an object of Lua, in one block of Lua's memory.
 *
 *     core.kde({ { category =, h =, miss = }, ... }, rows) → k
 *     k:density(x) → number
 *
 * Rows and x are lists with a coordinate for each axis.
 */
#include <lauxlib.h>
#include <stdint.h>

#include "engine/recipe/kde.h"
#include "engine/recipe/recipe_state.h"

static const char type_name[] = "hpo.kde";

enum { MOST_AXES = 1000 };

/* The list on top of the stack, a number for each axis, into numbers[]; it is popped. */
static void take_list(lua_State *L, size_t n, double *numbers)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        numbers[i] = luaL_checknumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* The axis in the table on top of the stack, which is popped. */
static struct kde_axis take_axis(lua_State *L)
{
    struct kde_axis axis;
    int index = lua_gettop(L);

    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "category");
    axis.category = lua_toboolean(L, -1);
    lua_getfield(L, index, "h");
    axis.h = luaL_checknumber(L, -1);
    lua_getfield(L, index, "miss");
    axis.miss = axis.category ? luaL_checknumber(L, -1) : 0;
    lua_settop(L, index - 1);
    return axis;
}

/* core.kde(axes, rows) */
static int api_kde(lua_State *L)
{
    size_t n_axes, n_rows, size;
    struct kde_axis *axes;
    struct kde *kde;
    double *rows;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    n_axes = lua_rawlen(L, 1);
    n_rows = lua_rawlen(L, 2);
    if (n_axes < 1 || n_axes > MOST_AXES || n_rows < 1 || n_rows > UINT32_MAX)
        return luaL_error(L, "a density without axes or rows, or with too many");
    size = sizeof *kde + n_axes * sizeof *axes + n_axes * n_rows * sizeof *rows;
    kde = lua_newuserdatauv(L, size, 0);
    axes = (struct kde_axis *)(kde + 1);
    rows = (double *)(axes + n_axes);
    *kde = (struct kde){n_axes, n_rows, axes, rows};
    for (size_t j = 0; j < n_axes; j++) {
        lua_rawgeti(L, 1, (lua_Integer)j + 1);
        axes[j] = take_axis(L);
    }
    for (size_t i = 0; i < n_rows; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        take_list(L, n_axes, rows + i * n_axes);
    }
    luaL_setmetatable(L, type_name);
    return 1;
}

static int api_density(lua_State *L)
{
    const struct kde *kde = luaL_checkudata(L, 1, type_name);
    double x[MOST_AXES];

    lua_settop(L, 2);
    take_list(L, kde->n_axes, x);
    lua_pushnumber(L, kde_density(kde, x));
    return 1;
}

static const luaL_Reg methods[] = {{"density", api_density}, {NULL, NULL}};

void recipe_kde_add(lua_State *L)
{
    recipe_type(L, type_name, methods);
    lua_pushcfunction(L, api_kde);
    lua_setfield(L, -2, "kde");
}
