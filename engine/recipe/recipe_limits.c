/*
 * recipe_limits: what a Lua state may use. The allocator counts memory; a hook counts instructions
 * and sees an interrupt; a thread, the watchdog, ends the program where one call of C neither
 * returns nor reaches a hook. A limit that is exceeded stays so: every later call fails.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/recipe/recipe_state.h"

enum {
    HOOK_EVERY = 1000,
    TICK_MS = 200,
    STUCK_TICKS = 50,    /* 10 s */
    INTERRUPT_TICKS = 3, /* an interrupt does not wait that long */
};
static const size_t memory_limit = (size_t)1 << 30;
static const long long instruction_limit = 1000000000;

struct recipe *recipe_of(lua_State *L)
{
    void *r;

    (void)lua_getallocf(L, &r);
    return r;
}

bool recipe_is_interrupted(const struct recipe *r)
{
    return r->interrupted && *r->interrupted != 0;
}

static void exceed(lua_State *L, struct recipe *r, const char *what)
{
    if (r->exceeded)
        return;
    r->exceeded = what;
    recipe_where(r, L, r->exceeded_at, sizeof r->exceeded_at);
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
    /* Outside a protected call a refusal would be a panic: the few bytes pushed there are
     * granted. */
    if (atomic_load(&r->inside) && size > old_size && r->memory - old_size + size > memory_limit) {
        r->exceeded = r->exceeded ? r->exceeded : "used more than 1 GB of memory";
        return NULL;
    }
    if ((block = realloc(old, size)) != NULL)
        r->memory += size - old_size;
    return block;
}

/* Counts instructions, and raises where there have been too many, or nobody wants more. */
static void count(lua_State *L, struct recipe *r)
{
    atomic_fetch_add_explicit(&r->beats, 1, memory_order_relaxed);
    r->instructions += HOOK_EVERY;
    if (recipe_is_interrupted(r))
        exceed(L, r, "was interrupted");
    if (r->instructions > instruction_limit)
        exceed(L, r, "ran more than 1,000,000,000 instructions");
    if (r->exceeded)
        (void)luaL_error(L, "%s", r->exceeded);
}

static void hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    count(L, recipe_of(L));
}

/* core.begin(): a coroutine has a hook of its own, which one that ends soon never reaches: it pays
 * when it is made. */
static int api_begin(lua_State *L)
{
    count(L, recipe_of(L));
    return 0;
}

/* core.caught(...): its arguments, which are what pcall or resume returned: none of these catches
 * the end of a limit. What core.fail said is caught. */
static int api_caught(lua_State *L)
{
    struct recipe *r = recipe_of(L);

    if (r->exceeded)
        return luaL_error(L, "%s", r->exceeded);
    r->status = OK;
    return lua_gettop(L);
}

static const luaL_Reg functions[] = {{"begin", api_begin}, {"caught", api_caught}, {NULL, NULL}};

void recipe_limits_add(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}

/* ---- the watchdog ---- */

static _Noreturn void end_program(int status, const char *message)
{
    (void)!write(STDERR_FILENO, message, strlen(message));
    _exit(status);
}

static void end_stuck(const struct recipe *r)
{
    char message[512];

    (void)snprintf(message, sizeof message,
                   "hpo: %s: spent more than %d s inside one call of the standard library\n"
                   "  a pattern with many repetitions can do that: make it simpler\n",
                   r->path, STUCK_TICKS * TICK_MS / 1000);
    end_program(2, message);
}

/* When the next tick is due, by a clock that nobody sets. */
static struct timespec next_tick(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += TICK_MS * 1000000L;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void *watch(void *context)
{
    struct recipe *r = context;
    unsigned last = 0;
    int stuck = 0;

    pthread_mutex_lock(&r->lock);
    while (!r->closing) {
        const struct timespec until = next_tick();
        const unsigned beats = atomic_load(&r->beats);

        stuck = atomic_load(&r->inside) && beats == last ? stuck + 1 : 0;
        last = beats;
        if (stuck > INTERRUPT_TICKS && recipe_is_interrupted(r))
            end_program(130, "hpo: interrupted\n");
        if (stuck > STUCK_TICKS)
            end_stuck(r);
        (void)pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

enum status recipe_lua_watch(struct recipe *r, struct error *err)
{
    pthread_condattr_t monotonic;
    sigset_t all, ours;

    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    (void)sigfillset(&all); /* signals are for the thread that waits for them */
    (void)pthread_sigmask(SIG_SETMASK, &all, &ours);
    r->watched = pthread_create(&r->watchdog, NULL, watch, r) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &ours, NULL);
    if (r->watched)
        return OK;
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    return error_set(err, ERR_SYSTEM, r->path, "cannot start a thread");
}

/* ---- the state ---- */

enum status recipe_lua_open(struct recipe *r, struct error *err)
{
    if (!(r->lua = lua_newstate(allocate, r)))
        return error_memory(err);
    lua_sethook(r->lua, hook, LUA_MASKCOUNT, HOOK_EVERY);
    return OK;
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
