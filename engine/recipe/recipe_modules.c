/*
 * recipe_modules: files of Lua. `require` runs each once, and remembers which embedded module
 * required which: from that follows the digest of the Lua that decides in a study. The library and
 * the recipe have globals and loaded modules of their own, so that a recipe changes nothing of the
 * library's (lua/globals.lua). Start at require_ours and require_own.
 */
#include <assert.h>
#include <lauxlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "engine/recipe/numerics.h"
#include "engine/recipe/recipe_state.h"
#include "lua/embedded.h"

enum { RECIPE_LIMIT = 16 << 20 };

static const char globals_name[] = "hpo.globals", loaded_name[] = "hpo.loaded";

/* ---- the recipe's files ---- */

enum status recipe_read(struct recipe *r, const char *path, struct recipe_source **out,
                        struct error *err)
{
    struct recipe_source *source =
        arena_push(r->arena, r->sources, r->n_sources, r->source_capacity);
    enum status s;

    if (!source)
        return error_memory(err);
    s = file_read(path, RECIPE_LIMIT, r->arena, &source->bytes, &source->n, err);
    r->missed |= s != OK;
    if (s != OK)
        r->n_sources--;
    if (s == ERR_NOT_FOUND || s == ERR_SYSTEM)
        return error_set(err, ERR_INPUT, path, "cannot read the recipe: %s", err->text);
    TRY(s);
    if (!(source->chunk = arena_printf(r->arena, "@%s", path)))
        return error_memory(err);
    *out = source;
    return OK;
}

/* How much of a file stands before its Lua: a byte order mark, a first line that begins with
 * "#". */
static size_t preamble(const char *bytes, size_t n)
{
    size_t at = n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    if (at < n && bytes[at] == '#')
        while (at < n && bytes[at] != '\n') /* which stays, so that lines keep their numbers */
            at++;
    return at;
}

void recipe_load(lua_State *L, const struct recipe_source *source)
{
    size_t at = preamble(source->bytes, source->n);

    if (luaL_loadbufferx(L, source->bytes + at, source->n - at, source->chunk, "t") != LUA_OK)
        (void)lua_error(L);
    lua_getfield(L, LUA_REGISTRYINDEX, globals_name);
    (void)lua_setupvalue(L, -2, 1);
}

/* Pushes the module NAME beside the recipe, loaded but not run. */
static void push_file(lua_State *L, struct recipe *r, const char *name)
{
    const char *slash = strrchr(r->path, '/');
    struct recipe_source *source = NULL;
    enum status s;

    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") !=
            strlen(name) ||
        strstr(name, "..") || name[0] == '.')
        (void)luaL_error(L, "require: expected names with dots between them, found \"%s\"", name);
    if (r->is_read)
        (void)luaL_error(L, "require: \"%s\" comes too late, the recipe is read: require it before",
                         name);
    lua_pushlstring(L, r->path, slash ? (size_t)(slash - r->path) + 1 : 0);
    lua_pushstring(L, luaL_gsub(L, name, ".", "/"));
    lua_remove(L, -2);
    lua_pushliteral(L, ".lua");
    lua_concat(L, 3);
    s = recipe_read(r, lua_tostring(L, -1), &source, &r->raised);
    if (s != OK)
        (void)luaL_error(L, "require: %s: %s", r->raised.where, r->raised.text);
    assert(source);
    recipe_load(L, source);
    lua_remove(L, -2);
}

/* ---- the library's modules ---- */

static size_t count_modules(void)
{
    size_t n = 0;

    while (embedded[n].name)
        n++;
    return n;
}

/* The embedded module with this name or chunk, or count_modules(). */
static size_t find_module(const char *name, const char *chunk)
{
    size_t i = 0;

    while (embedded[i].name && !(name && strcmp(embedded[i].name, name) == 0) &&
           !(chunk && strcmp(embedded[i].chunk, chunk) == 0))
        i++;
    return i;
}

/* The embedded module whose function is the innermost of Lua's that runs, or count_modules(). */
static size_t calling_module(lua_State *L)
{
    lua_Debug ar;

    for (int level = 1; lua_getstack(L, level, &ar); level++)
        if (lua_getinfo(L, "S", &ar) && *ar.what != 'C')
            return find_module(NULL, ar.source);
    return count_modules();
}

static void load_module(lua_State *L, const struct embedded *m)
{
    if (luaL_loadbufferx(L, m->bytes, m->n, m->chunk, "t") != LUA_OK)
        (void)lua_error(L);
}

/* Runs the chunk on top and keeps what it returns in the table at index 2, under the name at index
 * 1. A module that requires itself, over others, is told. */
static int run_module(lua_State *L)
{
    lua_pushvalue(L, 1);
    lua_pushboolean(L, 0);
    lua_rawset(L, 2);
    if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        lua_rawset(L, 2);
        return lua_error(L);
    }
    if (lua_isnil(L, -1))
        lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
    return 1;
}

/* True, and pushed, where the module at index 1 is in the table at index 2. */
static bool is_loaded(lua_State *L)
{
    lua_pushvalue(L, 1);
    switch (lua_rawget(L, 2)) {
    case LUA_TNIL:
        lua_pop(L, 1);
        return false;
    case LUA_TBOOLEAN:
        if (!lua_toboolean(L, -1))
            (void)luaL_error(L, "require: \"%s\" requires itself", lua_tostring(L, 1));
        return true;
    default:
        return true;
    }
}

/* require of the library: "hpo.core", or an embedded module. */
static int require_ours(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *name = luaL_checkstring(L, 1);
    const size_t n = count_modules(), from = calling_module(L), to = find_module(name, NULL);

    lua_settop(L, 1);
    if (from < n && to < n)
        r->required[from * n + to] = true;
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (is_loaded(L))
        return 1;
    if (to == n)
        return luaL_error(L, "require: there is no module \"%s\"", name);
    load_module(L, &embedded[to]);
    return run_module(L);
}

/* require of a recipe: "hpo", a standard library, or a file beside the recipe. */
static int require_own(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *name = luaL_checkstring(L, 1);

    lua_settop(L, 1);
    if (strcmp(name, "hpo") == 0)
        return require_ours(L);
    if (strncmp(name, "hpo.", 4) == 0)
        return luaL_error(L, "require: \"%s\" is a part of hpo: a recipe requires \"hpo\"", name);
    lua_getfield(L, LUA_REGISTRYINDEX, loaded_name);
    if (is_loaded(L))
        return 1;
    push_file(L, r, name);
    return run_module(L);
}

void recipe_modules_open(lua_State *L, struct recipe *r)
{
    const size_t n = count_modules();

    if (!(r->required = arena_array(r->arena, n * n, sizeof *r->required)))
        (void)recipe_raise(L, r, error_memory(&r->raised));
    load_module(L, &embedded[find_module("hpo.sandbox", NULL)]);
    recipe_api_push(L);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "hpo.core");
    lua_pop(L, 1);
    lua_call(L, 1, 0);
    load_module(L, &embedded[find_module("hpo.globals", NULL)]);
    lua_call(L, 0, 2);
    lua_setfield(L, LUA_REGISTRYINDEX, loaded_name);
    lua_pushcfunction(L, require_own);
    lua_setfield(L, -2, "require");
    lua_setfield(L, LUA_REGISTRYINDEX, globals_name);
    lua_pushcfunction(L, require_ours);
    lua_setglobal(L, "require");
}

/* ---- what decides ---- */

/* Marks the module, those that it required, and theirs. */
static void reach(const struct recipe *r, size_t module, bool *reached)
{
    const size_t n = count_modules();

    if (module == n || reached[module])
        return;
    reached[module] = true;
    for (size_t i = 0; i < n; i++)
        if (r->required[module * n + i])
            reach(r, i, reached);
}

/* What every state begins with. */
static void reach_always(const struct recipe *r, bool *reached)
{
    reach(r, find_module("hpo.sandbox", NULL), reached);
    reach(r, find_module("hpo.globals", NULL), reached);
}

static enum status digest_of(const struct recipe *r, const bool *reached, bool custom,
                             struct arena *arena, const char **out, struct error *err)
{
    struct text all = text_in(arena);
    struct digest digest;
    char *bytes, hex[DIGEST_HEX + 1];
    size_t n;

    text_printf(&all, "numerics %d\n", SEARCH_NUMERICS);
    for (size_t i = 0; embedded[i].name; i++)
        if (reached[i]) {
            text_printf(&all, "%s %zu\n", embedded[i].name, embedded[i].n);
            text_add_bytes(&all, embedded[i].bytes, embedded[i].n);
        }
    for (size_t i = 0; custom && i < r->n_sources; i++) {
        text_printf(&all, "recipe %zu\n", r->sources[i].n);
        text_add_bytes(&all, r->sources[i].bytes, r->sources[i].n);
    }
    TRY(text_finish(&all, &bytes, &n, err));
    TRY(digest_bytes(bytes, n, &digest, err));
    digest_hex(&digest, hex);
    return (*out = arena_string(arena, hex)) ? OK : error_memory(err);
}

enum status recipe_digest(const struct recipe *r, const char *const *chunks, size_t n,
                          const char **out, struct error *err)
{
    struct arena *arena = graph_arena(r->graph);
    bool *reached = arena_array(arena, count_modules(), sizeof *reached);

    if (!reached)
        return error_memory(err);
    reach_always(r, reached);
    for (size_t i = 0; i < n; i++)
        reach(r, find_module(NULL, chunks[i]), reached);
    return digest_of(r, reached, false, arena, out, err);
}

enum status recipe_digest_all(const struct recipe *r, const char **out, struct error *err)
{
    struct arena *arena = graph_arena(r->graph);
    bool *reached = arena_array(arena, count_modules(), sizeof *reached);

    if (!reached)
        return error_memory(err);
    reach_always(r, reached);
    reach(r, find_module("hpo", NULL), reached);
    return digest_of(r, reached, true, arena, out, err);
}
