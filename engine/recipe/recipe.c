/*
 * recipe: opens the sandbox, runs the file, takes its targets. Start at recipe_open; the Lua state
 * and its limits stand in recipe_lua.c, what Lua can call in recipe_api.c.
 */
#include "engine/recipe/recipe.h"

#include <assert.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/graph/target_name.h"
#include "engine/recipe/recipe_state.h"

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},
    {LUA_COLIBNAME, luaopen_coroutine},
    {LUA_TABLIBNAME, luaopen_table},
    {LUA_STRLIBNAME, luaopen_string},
    {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},
    {NULL, NULL},
};

/* Everything that can throw while the state is made. */
static int prepare(lua_State *L)
{
    for (const luaL_Reg *library = libraries; library->func; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    recipe_modules_open(L, recipe_of(L));
    return 0;
}

static enum status make(const char *path, struct recipe **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct recipe *r = arena ? arena_alloc(arena, sizeof *r) : NULL;

    if (!r) {
        arena_close(arena);
        return error_memory(err);
    }
    r->arena = arena;
    r->path = path;
    r->printed = text_in(arena);
    *out = r;
    return OK;
}

static enum status open_state(const char *path, struct graph *graph, struct recipe **out,
                              struct error *err)
{
    struct recipe *r = NULL;
    enum status s;

    TRY(make(path, &r, err));
    assert(r);
    r->graph = graph;
    if ((s = recipe_lua_open(r, err)) == OK) {
        lua_pushcfunction(r->lua, prepare);
        s = recipe_call(r, 0, 0, err);
    }
    if (s != OK) {
        recipe_close(r);
        return s;
    }
    *out = r;
    return OK;
}

/* Path, name and folder of the recipe's file. */
static enum status locate(struct recipe *r, struct error *err)
{
    const char *slash = strrchr(r->path, '/'), *base = slash ? slash + 1 : r->path;
    size_t n = strlen(base);
    char *folder, *absolute = NULL;
    enum status s;

    if (n > 4 && strcmp(base + n - 4, ".lua") == 0)
        n -= 4;
    folder = slash ? arena_copy(r->arena, r->path, (size_t)(slash - r->path) + (slash == r->path))
                   : arena_string(r->arena, ".");
    if (!folder || !(r->name = arena_copy(r->arena, base, n)))
        return error_memory(err);
    s = file_absolute(folder, r->arena, &absolute, err);
    r->folder = absolute;
    return s == ERR_NOT_FOUND ? ERR_INPUT : s;
}

/* Loads the file, calls it, and hands what it returns to hpo.targets. */
static int run_file(lua_State *L)
{
    const struct recipe_source *source = lua_touserdata(L, 1);

    recipe_load(L, source);
    lua_call(L, 0, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "hpo");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "targets");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
    return 1;
}

/* The list that hpo.targets returned → targets of the graph. */
static enum status take_targets(struct recipe *r, struct error *err)
{
    lua_State *L = r->lua;
    struct arena *arena = graph_arena(r->graph);

    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, -1); i++) {
        struct target t = {.path = NULL};
        lua_rawgeti(L, -1, i);
        lua_getfield(L, -1, "name");
        t.name = arena_string(arena, lua_tostring(L, -1));
        lua_getfield(L, -2, "node");
        t.node = (int)lua_tointeger(L, -1);
        if (lua_getfield(L, -3, "path") == LUA_TSTRING &&
            !(t.path = arena_string(arena, lua_tostring(L, -1))))
            return error_memory(err);
        lua_pop(L, 4);
        if (!t.name)
            return error_memory(err);
        TRY(graph_add_target(r->graph, &t, err));
    }
    return target_names_check(r->graph, err);
}

/* Studies that the recipe's own Lua decides in: by now all of it is known. */
static enum status digest_own(struct recipe *r, struct error *err)
{
    for (int i = 0; i < graph_size(r->graph); i++) {
        const struct node *node = graph_node(r->graph, i);
        if (node->kind == NODE_STUDY && !node->study->source)
            TRY(recipe_digest_all(r, &node->study->source, err));
    }
    return OK;
}

static enum status run(struct recipe *r, struct error *err)
{
    struct recipe_source *source = NULL;

    TRY(locate(r, err));
    TRY(recipe_read(r, r->path, &source, err));
    assert(source);
    lua_pushcfunction(r->lua, run_file);
    lua_pushlightuserdata(r->lua, source);
    TRY(recipe_call(r, 1, 1, err));
    r->is_read = true;
    TRY(take_targets(r, err));
    lua_settop(r->lua, 0);
    (void)lua_gc(r->lua, LUA_GCCOLLECT); /* what described a large graph is hundreds of MB */
    TRY(digest_own(r, err));
    return recipe_check_sets(r, false, err);
}

enum status recipe_locate(const struct recipe_options *options, struct recipe **out,
                          struct error *err)
{
    struct recipe *r = NULL;
    enum status s;

    TRY(make(options->path, &r, err));
    assert(r);
    if ((s = locate(r, err)) != OK) {
        recipe_close(r);
        return s;
    }
    *out = r;
    return OK;
}

enum status recipe_open(const struct recipe_options *options, struct graph *graph,
                        struct recipe **out, struct error *err)
{
    struct recipe *r = NULL;
    enum status s;

    TRY(open_state(options->path, graph, &r, err));
    assert(r);
    r->sets = options->sets;
    r->n_sets = options->n_sets;
    r->share = options->share;
    r->change = options->change;
    r->interrupted = options->interrupted;
    s = recipe_param_open(r, err);
    if (s == OK)
        s = recipe_lua_watch(r, err);
    if (s == OK)
        s = run(r, err);
    if (s != OK) {
        recipe_close(r);
        return s;
    }
    *out = r;
    return OK;
}

void recipe_close(struct recipe *r)
{
    if (!r)
        return;
    recipe_lua_close(r);
    arena_close(r->scratch);
    arena_close(r->arena);
}

bool recipe_origins(const struct recipe *r, struct recipe_origins *out)
{
    *out = (struct recipe_origins){r->sources, r->n_sources, r->questions, r->n_questions};
    return !r->missed;
}

enum status recipe_finish(struct recipe *r, struct error *err)
{
    return recipe_check_sets(r, true, err);
}

const char *recipe_name(const struct recipe *r)
{
    return r->name;
}

const char *recipe_folder(const struct recipe *r)
{
    return r->folder;
}

const char *recipe_printed(const struct recipe *r)
{
    return r->printed.bytes ? r->printed.bytes : "";
}

enum status recipe_table(const char *kind, const char *json, struct arena *arena, char **text,
                         char **csv, struct error *err)
{
    struct recipe *r = NULL;
    enum status s;

    TRY(open_state("", NULL, &r, err)); /* no recipe is at fault */
    assert(r);
    lua_getglobal(r->lua, "require");
    lua_pushliteral(r->lua, "hpo.table");
    if ((s = recipe_call(r, 1, 1, err)) == OK) {
        lua_getfield(r->lua, -1, kind);
        lua_pushstring(r->lua, json);
        s = recipe_call(r, 1, 2, err);
    }
    if (s == OK)
        s = recipe_take_string(r, arena, (const char **)csv, err);
    if (s == OK)
        s = recipe_take_string(r, arena, (const char **)text, err);
    recipe_close(r);
    return s;
}
