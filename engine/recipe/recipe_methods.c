/*
 * recipe_methods: core.methods(room), the names of the searchers or schedulers that come with the
 * program: each file of lua/search or lua/scheduler is one, and what they share lies in parts/
 * there.
 */
#include <lauxlib.h>
#include <string.h>

#include "engine/recipe/recipe_state.h"
#include "lua/embedded.h"

/* The NAME of a module called hpo.ROOM.NAME, or NULL. */
static const char *name_in(const char *module, const char *room)
{
    const size_t n = strlen(room);

    if (strncmp(module, "hpo.", 4) != 0 || strncmp(module + 4, room, n) != 0 ||
        module[4 + n] != '.')
        return NULL;
    module += 4 + n + 1;
    return strchr(module, '.') ? NULL : module;
}

static int api_methods(lua_State *L)
{
    const char *room = luaL_checkstring(L, 1), *name;
    lua_Integer n = 0;

    lua_newtable(L);
    for (const struct embedded *m = embedded; m->name; m++)
        if ((name = name_in(m->name, room)) != NULL) {
            lua_pushstring(L, name);
            lua_rawseti(L, -2, ++n);
        }
    return 1;
}

static const luaL_Reg functions[] = {{"methods", api_methods}, {NULL, NULL}};

void recipe_methods_add(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
