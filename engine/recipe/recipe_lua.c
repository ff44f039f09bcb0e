/*
 * recipe_lua: the one Lua state. The allocator, the hook and the watchdog keep its limits; every
 * call goes in through recipe_call, and every error comes out there.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "engine/recipe/recipe_state.h"

enum { HOOK_EVERY = 1000, STUCK_SECONDS = 10 };
static const size_t memory_limit = (size_t)1 << 30;
static const long long instruction_limit = 1000000000;

static void hook(lua_State *L, lua_Debug *ar);

struct recipe *recipe_of(lua_State *L)
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
    /* Outside a protected call a refusal is a panic: the few bytes pushed there are granted. */
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

enum status recipe_lua_open(struct recipe *r, struct error *err)
{
    if (!(r->lua = lua_newstate(allocate, r)))
        return error_memory(err);
    lua_sethook(r->lua, hook, LUA_MASKCOUNT, HOOK_EVERY);
    return OK;
}

enum status recipe_lua_watch(struct recipe *r, struct error *err)
{
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->watched = pthread_create(&r->watchdog, NULL, watch, r) == 0;
    if (r->watched)
        return OK;
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    return error_set(err, ERR_SYSTEM, r->path, "cannot start a thread");
}

void recipe_lua_close(struct recipe *r)
{
    if (r->watched) {
        pthread_mutex_lock(&r->lock);
        r->closing = true;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->watchdog, NULL);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->lock);
    }
    if (r->lua)
        lua_close(r->lua);
}
