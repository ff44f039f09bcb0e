/*
 * recipe_parzen: core.parzen, a mixture of kernels as an object of Lua. The mixture lies in a block
 * of Lua's memory, which counts against the recipe's limit; a full one is copied into a larger.
 *
 *     core.parzen({ { kind =, low =, high =, log = }, ... }, prior_weight) → p
 *     p:add(id, x)
 *     p:remove(id)
 *     p:log_density(x) → number
 *     p:draw(uniforms) → x
 *
 * x is a list with a coordinate for each axis. Start at the table `methods`.
 */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "engine/recipe/parzen.h"
#include "engine/recipe/recipe_state.h"

static const char type_name[] = "hpo.parzen";

enum { MOST_AXES = 1000, FIRST_CAPACITY = 30 };

/* The object; its one user value is the block that the mixture lies in. */
struct box {
    struct parzen *parzen;
};

static struct parzen *parzen_at(lua_State *L, int index)
{
    return ((struct box *)luaL_checkudata(L, index, type_name))->parzen;
}

/* A block for so many points on top of the stack. */
static void *push_block(lua_State *L, size_t n_axes, size_t capacity)
{
    size_t size = parzen_size(n_axes, capacity);

    if (size == 0)
        (void)luaL_error(L, "a mixture of too many points");
    return lua_newuserdatauv(L, size, 0);
}

/* The list at index, a number for each axis and `more`, into numbers[]. */
static void read_list(lua_State *L, int index, size_t n, double *numbers)
{
    luaL_checktype(L, index, LUA_TTABLE);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        numbers[i] = luaL_checknumber(L, -1);
        lua_pop(L, 1);
        if (isnan(numbers[i]))
            (void)luaL_error(L, "a coordinate that is no number");
    }
}

static struct parzen_axis read_axis(lua_State *L, int index)
{
    static const char *const kinds[] = {"continuous", "whole", "category", NULL};
    struct parzen_axis axis;

    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "kind");
    axis.kind = (enum parzen_kind)luaL_checkoption(L, -1, NULL, kinds);
    lua_getfield(L, index, "log");
    axis.log = axis.kind == PARZEN_WHOLE && lua_toboolean(L, -1);
    lua_getfield(L, index, "low");
    axis.low = luaL_checknumber(L, -1);
    lua_getfield(L, index, "high");
    axis.high = luaL_checknumber(L, -1);
    lua_pop(L, 4);
    if (!(axis.low < axis.high) || !isfinite(axis.high - axis.low) || (axis.log && axis.low < 1))
        (void)luaL_error(L, "an axis of a mixture without a range");
    return axis;
}

/* core.parzen(axes, prior_weight) */
static int api_parzen(lua_State *L)
{
    struct parzen_axis axes[MOST_AXES];
    struct box *box;
    double prior_weight = luaL_checknumber(L, 2);
    size_t n;
    void *block;

    luaL_checktype(L, 1, LUA_TTABLE);
    n = lua_rawlen(L, 1);
    if (n < 1 || n > MOST_AXES || !(prior_weight > 0))
        return luaL_error(L, "a mixture without axes or without a prior");
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        axes[i] = read_axis(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    box = lua_newuserdatauv(L, sizeof *box, 1);
    block = push_block(L, n, FIRST_CAPACITY);
    box->parzen = parzen_init(block, axes, n, FIRST_CAPACITY, prior_weight);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, type_name);
    return 1;
}

static int api_add(lua_State *L)
{
    struct parzen *p = parzen_at(L, 1);
    lua_Integer id = luaL_checkinteger(L, 2);
    double x[MOST_AXES];

    read_list(L, 3, parzen_axes(p), x);
    if (!parzen_add(p, id, x)) {
        size_t capacity = 2 * parzen_capacity(p);
        void *block = push_block(L, parzen_axes(p), capacity);
        p = ((struct box *)lua_touserdata(L, 1))->parzen = parzen_copy(block, capacity, p);
        lua_setiuservalue(L, 1, 1);
        (void)parzen_add(p, id, x);
    }
    return 0;
}

static int api_remove(lua_State *L)
{
    parzen_remove(parzen_at(L, 1), luaL_checkinteger(L, 2));
    return 0;
}

static int api_log_density(lua_State *L)
{
    struct parzen *p = parzen_at(L, 1);
    double x[MOST_AXES];

    read_list(L, 2, parzen_axes(p), x);
    lua_pushnumber(L, parzen_log_density(p, x));
    return 1;
}

static int api_draw(lua_State *L)
{
    struct parzen *p = parzen_at(L, 1);
    double uniform[MOST_AXES + 1], x[MOST_AXES];
    size_t n = parzen_axes(p);

    read_list(L, 2, n + 1, uniform);
    parzen_draw(p, uniform, x);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushnumber(L, x[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static const luaL_Reg methods[] = {
    {"add", api_add},   {"remove", api_remove}, {"log_density", api_log_density},
    {"draw", api_draw}, {NULL, NULL},
};

void recipe_parzen_add(lua_State *L)
{
    recipe_type(L, type_name, methods);
    lua_pushcfunction(L, api_parzen);
    lua_setfield(L, -2, "parzen");
}
