/*
 * recipe: opens the sandbox, runs the file, carries calls in and errors out. The allocator, the
 * hook and the watchdog keep the limits. Start at recipe_open; what Lua can call stands in
 * recipe_api.c.
 */
#include "engine/recipe.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/embedded.h"
#include "engine/recipe_state.h"

enum { HOOK_EVERY = 1000, STUCK_SECONDS = 10, RECIPE_LIMIT = 16 << 20 };
static const size_t memory_limit = (size_t)1 << 30;
static const long long instruction_limit = 1000000000;

static void hook(lua_State *L, lua_Debug *ar);

static struct recipe *recipe_of(lua_State *L)
{
    void *r;

    (void)lua_getallocf(L, &r);
    return r;
}

/* From now on every instruction of L raises: a pcall only meets the next one. */
static void exceed(lua_State *L, struct recipe *r, const char *what)
{
    if (!r->exceeded)
        r->exceeded = what;
    lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

/* Lua's own memory: the only place beside base/arena that allocates, since Lua frees singly. */
static void *allocate(void *context, void *old, size_t old_size, size_t size)
{
    struct recipe *r = context;
    void *block;

    if (!old)
        old_size = 0;
    if (size == 0) {
        free(old);
        r->memory -= old_size;
        return NULL;
    }
    /* Outside a protected call a refusal would be a panic: the few bytes pushed there are granted.
     */
    if (atomic_load(&r->inside) && size > old_size && r->memory - old_size + size > memory_limit) {
        exceed(r->lua, r, "used more than 1 GB of memory");
        return NULL;
    }
    if ((block = realloc(old, size)) != NULL)
        r->memory += size - old_size;
    return block;
}

static void hook(lua_State *L, lua_Debug *ar)
{
    struct recipe *r = recipe_of(L);

    (void)ar;
    atomic_fetch_add_explicit(&r->beats, 1, memory_order_relaxed);
    r->instructions += HOOK_EVERY;
    if (r->instructions > instruction_limit) {
        if (!r->exceeded)
            recipe_where(r, L, r->exceeded_at, sizeof r->exceeded_at);
        exceed(L, r, "ran more than 1,000,000,000 instructions");
    }
    if (r->exceeded)
        (void)luaL_error(L, "%s", r->exceeded);
}

/* Ends the program when one call inside Lua neither returns nor reaches a hook. */
static void *watch(void *context)
{
    struct recipe *r = context;
    unsigned last = 0;
    int stuck = 0;

    pthread_mutex_lock(&r->lock);
    while (!r->closing) {
        struct timespec until;
        unsigned beats = atomic_load(&r->beats);

        stuck = atomic_load(&r->inside) && beats == last ? stuck + 1 : 0;
        last = beats;
        if (stuck > STUCK_SECONDS) {
            char message[512];
            int n =
                snprintf(message, sizeof message,
                         "hpo: %s: spent more than %d s inside one call of the standard library\n"
                         "  a pattern with many repetitions can do that: make it simpler\n",
                         r->path, STUCK_SECONDS);
            (void)!write(STDERR_FILENO, message, (size_t)n);
            _exit(2);
        }
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        (void)pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Adds "stack" information only as a place: the message's own "file:line:" goes to err->where. */
static enum status error_of_lua(struct recipe *r, const char *message, struct error *err)
{
    const char *colon;

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

/* Reads a file of the recipe, whose path is shown as it was typed, and remembers it. */
static enum status read_source(struct recipe *r, const char *path, struct recipe_source **out,
                               struct error *err)
{
    struct recipe_source *source;
    enum status s;

    if (r->n_sources == r->source_capacity) {
        struct recipe_source *larger =
            arena_grow(r->arena, r->sources, r->n_sources, r->n_sources + 1, sizeof *r->sources,
                       &r->source_capacity);
        if (!larger)
            return error_memory(err);
        r->sources = larger;
    }
    source = &r->sources[r->n_sources];
    s = file_read(path, RECIPE_LIMIT, r->arena, &source->bytes, &source->n, err);
    r->missed |= s != OK;
    if (s == ERR_NOT_FOUND || s == ERR_SYSTEM)
        return error_set(err, ERR_INPUT, path, "cannot read the recipe: %s", err->text);
    TRY(s);
    if (!(source->chunk = arena_printf(r->arena, "@%s", path)))
        return error_memory(err);
    r->n_sources++;
    *out = source;
    return OK;
}

/* Pushes the module NAME beside the recipe, loaded but not run. */
static void push_module(lua_State *L, struct recipe *r, const char *name)
{
    const char *slash = strrchr(r->path, '/');
    struct recipe_source *source = NULL;
    enum status s;

    lua_pushlstring(L, r->path, slash ? (size_t)(slash - r->path) + 1 : 0);
    lua_pushstring(L, luaL_gsub(L, name, ".", "/"));
    lua_remove(L, -2);
    lua_pushliteral(L, ".lua");
    lua_concat(L, 3);
    s = read_source(r, lua_tostring(L, -1), &source, &r->raised);
    if (s != OK)
        (void)luaL_error(L, "require: %s: %s", r->raised.where, r->raised.text);
    assert(source);
    if (luaL_loadbufferx(L, source->bytes, source->n, source->chunk, "t") != LUA_OK)
        (void)lua_error(L);
    lua_remove(L, -2);
}

/* require NAME: "hpo.core", an embedded module, or a file beside the recipe. */
static int require(lua_State *L)
{
    struct recipe *r = recipe_of(L);
    const char *name = luaL_checkstring(L, 1);

    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, 2, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    for (const struct embedded *m = embedded; m->name; m++)
        if (strcmp(m->name, name) == 0) {
            if (luaL_loadbufferx(L, m->bytes, m->n, m->chunk, "t") != LUA_OK)
                return lua_error(L);
            goto run;
        }
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") !=
            strlen(name) ||
        strstr(name, "..") || name[0] == '.')
        return luaL_error(L, "require: expected names with dots between them, found \"%s\"", name);
    push_module(L, r, name);
run:
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

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
    struct recipe *r = recipe_of(L);
    const struct embedded *sandbox = embedded;

    for (const luaL_Reg *library = libraries; library->func; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    while (sandbox->name && strcmp(sandbox->name, "hpo.sandbox") != 0)
        sandbox++;
    if (luaL_loadbufferx(L, sandbox->bytes, sandbox->n, sandbox->chunk, "t") != LUA_OK)
        return lua_error(L);
    recipe_api_push(L, r);
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "hpo.core");
    lua_pop(L, 1);
    lua_call(L, 1, 0);
    lua_pushcfunction(L, require);
    lua_setglobal(L, "require");
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
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
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
    if (!(r->lua = lua_newstate(allocate, r))) {
        recipe_close(r);
        return error_memory(err);
    }
    lua_sethook(r->lua, hook, LUA_MASKCOUNT, HOOK_EVERY);
    lua_pushcfunction(r->lua, prepare);
    if ((s = recipe_call(r, 0, 0, err)) != OK) {
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

    if (luaL_loadbufferx(L, source->bytes, source->n, source->chunk, "t") != LUA_OK)
        return lua_error(L);
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
    return OK;
}

static enum status check_sets(const struct recipe *r, struct error *err)
{
    for (size_t i = 0; i < r->n_sets; i++)
        if (!r->set_read[i])
            return error_set(err, ERR_INPUT, "--set",
                             "%s has no parameter \"%s\": hpo.param(\"%s\", default) reads one",
                             r->path, r->sets[i].name, r->sets[i].name);
    return OK;
}

static enum status run(struct recipe *r, struct error *err)
{
    struct recipe_source *source = NULL;

    TRY(locate(r, err));
    TRY(read_source(r, r->path, &source, err));
    assert(source);
    lua_pushcfunction(r->lua, run_file);
    lua_pushlightuserdata(r->lua, source);
    TRY(recipe_call(r, 1, 1, err));
    TRY(take_targets(r, err));
    lua_settop(r->lua, 0);
    return check_sets(r, err);
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
    r->set_read = arena_array(r->arena, options->n_sets + 1, sizeof(bool));
    if (!r->set_read)
        s = error_memory(err);
    else if (pthread_create(&r->watchdog, NULL, watch, r) != 0)
        s = error_set(err, ERR_SYSTEM, r->path, "cannot start a thread");
    else {
        r->watched = true;
        s = run(r, err);
    }
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
    if (r->watched) {
        pthread_mutex_lock(&r->lock);
        r->closing = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->watchdog, NULL);
    }
    if (r->lua)
        lua_close(r->lua);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    arena_close(r->scratch);
    arena_close(r->arena);
}

bool recipe_origins(const struct recipe *r, struct recipe_origins *out)
{
    *out = (struct recipe_origins){r->sources, r->n_sources, r->folders, r->n_folders};
    return !r->missed;
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

    TRY(open_state("hpo.table", NULL, &r, err));
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
