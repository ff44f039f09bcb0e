/*
 * recipe_real: core.log, core.exp, core.pow, core.normal_between: functions of numbers with the
 * same bits on every machine.
 */
#include <lauxlib.h>

#include "base/normal.h"
#include "base/real.h"
#include "engine/recipe/recipe_state.h"

static int api_log(lua_State *L)
{
    lua_pushnumber(L, real_log(luaL_checknumber(L, 1)));
    return 1;
}

static int api_exp(lua_State *L)
{
    lua_pushnumber(L, real_exp(luaL_checknumber(L, 1)));
    return 1;
}

static int api_pow(lua_State *L)
{
    lua_pushnumber(L, real_pow(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

/* core.normal_between(mean, deviation, low, high, u) */
static int api_normal_between(lua_State *L)
{
    lua_pushnumber(L, normal_between(luaL_checknumber(L, 1), luaL_checknumber(L, 2),
                                     luaL_checknumber(L, 3), luaL_checknumber(L, 4),
                                     luaL_checknumber(L, 5)));
    return 1;
}

static const luaL_Reg functions[] = {
    {"log", api_log}, {"exp", api_exp}, {"pow", api_pow}, {"normal_between", api_normal_between},
    {NULL, NULL},
};

void recipe_real_add(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
