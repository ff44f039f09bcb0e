/*
 * recipe_calls: what the engine asks of a study's Lua while it runs. Each call pushes a function of
 * the study's table, its arguments, and takes what comes back. Start at recipe_wake.
 */
#include <lauxlib.h>

#include "base/arena.h"
#include "engine/recipe/recipe_state.h"

/* Pushes the function NAME of a study; recipe_call forgets whose it was. */
static void push_call(struct recipe *r, int callbacks, const char *name)
{
    lua_rawgeti(r->lua, LUA_REGISTRYINDEX, callbacks);
    lua_getfield(r->lua, -1, "where");
    r->place = lua_tostring(r->lua, -1); /* the table keeps it */
    r->call = name;
    lua_pop(r->lua, 1);
    lua_getfield(r->lua, -1, name);
    lua_remove(r->lua, -2);
}

enum status recipe_wake(struct recipe *r, int callbacks, struct error *err)
{
    push_call(r, callbacks, "open");
    return recipe_call(r, 0, 0, err);
}

enum status recipe_gather(struct recipe *r, int callbacks, const char *table, struct arena *arena,
                          const char **text, int *n, struct error *err)
{
    push_call(r, callbacks, "gather");
    lua_pushstring(r->lua, table); /* NULL: nil */
    TRY(recipe_call(r, 1, 2, err));
    *n = (int)lua_tointeger(r->lua, -1);
    lua_pop(r->lua, 1);
    return recipe_take_string(r, arena, text, err);
}

enum status recipe_warm(struct recipe *r, int callbacks, const char *history, struct error *err)
{
    push_call(r, callbacks, "warm_up");
    lua_pushstring(r->lua, history);
    return recipe_call(r, 1, 0, err);
}

enum status recipe_suggest(struct recipe *r, int callbacks, int trial, struct arena *arena,
                           const char **params, struct error *err)
{
    push_call(r, callbacks, "suggest");
    lua_pushinteger(r->lua, trial);
    TRY(recipe_call(r, 1, 1, err));
    return recipe_take_string(r, arena, params, err);
}

enum status recipe_suggest_again(struct recipe *r, int callbacks, int trial, struct arena *arena,
                                 const char **params, struct error *err)
{
    push_call(r, callbacks, "suggest_again");
    lua_pushinteger(r->lua, trial);
    TRY(recipe_call(r, 1, 1, err));
    return recipe_take_string(r, arena, params, err);
}

enum status recipe_start(struct recipe *r, int callbacks, int trial, const char *params,
                         struct error *err)
{
    push_call(r, callbacks, "start");
    lua_pushinteger(r->lua, trial);
    lua_pushstring(r->lua, params);
    return recipe_call(r, 2, 0, err);
}

static void push_report(struct recipe *r, int callbacks, const char *name,
                        const struct trial_report *report)
{
    push_call(r, callbacks, name);
    lua_pushinteger(r->lua, report->trial);
    lua_pushinteger(r->lua, report->t);
    lua_pushnumber(r->lua, report->value);
    lua_pushstring(r->lua, trial_end_word(report->end)); /* NULL: nil */
}

enum status recipe_observe(struct recipe *r, int callbacks, const struct trial_report *report,
                           struct error *err)
{
    push_report(r, callbacks, "observe", report);
    return recipe_call(r, 4, 0, err);
}

/* The decision in the table on top of the stack. */
static enum status take_decision(struct recipe *r, struct arena *arena, struct decision *out,
                                 struct error *err)
{
    lua_State *L = r->lua;
    const char *word;

    lua_getfield(L, -1, "trial");
    out->trial = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    out->parent = lua_getfield(L, -1, "parent") == LUA_TNUMBER ? (int)lua_tointeger(L, -1) : -1;
    lua_pop(L, 1);
    out->t = lua_getfield(L, -1, "t") == LUA_TNUMBER ? (int)lua_tointeger(L, -1) : 0;
    lua_pop(L, 1);
    lua_getfield(L, -1, "decision");
    TRY(recipe_take_string(r, arena, &word, err));
    if (!decision_parse(word, &out->kind))
        return error_set(err, ERR_INPUT, r->path, "study.scheduler: no such decision: %s",
                         word ? word : "nil");
    lua_getfield(L, -1, "params");
    TRY(recipe_take_string(r, arena, &out->params, err));
    out->why = NULL;
    return OK;
}

/* The list on top of the stack, which is popped. */
static enum status take_decisions(struct recipe *r, struct arena *arena,
                                  struct decision **decisions, size_t *n, struct error *err)
{
    *n = lua_rawlen(r->lua, -1);
    if (!(*decisions = arena_array(arena, *n + 1, sizeof **decisions)))
        return error_memory(err);
    for (size_t i = 0; i < *n; i++) {
        lua_rawgeti(r->lua, -1, (lua_Integer)i + 1);
        TRY(take_decision(r, arena, &(*decisions)[i], err));
        lua_pop(r->lua, 1);
    }
    lua_pop(r->lua, 1);
    return OK;
}

enum status recipe_report(struct recipe *r, int callbacks, const struct trial_report *report,
                          struct arena *arena, struct decision **decisions, size_t *n,
                          struct error *err)
{
    push_report(r, callbacks, "report", report);
    TRY(recipe_call(r, 4, 1, err));
    return take_decisions(r, arena, decisions, n, err);
}

enum status recipe_idle(struct recipe *r, int callbacks, struct arena *arena,
                        struct decision **decisions, size_t *n, struct error *err)
{
    push_call(r, callbacks, "idle");
    TRY(recipe_call(r, 0, 1, err));
    return take_decisions(r, arena, decisions, n, err);
}

enum status recipe_why(struct recipe *r, int callbacks, int trial, struct arena *arena,
                       const char **why, struct error *err)
{
    push_call(r, callbacks, "why");
    lua_pushinteger(r->lua, trial);
    TRY(recipe_call(r, 1, 1, err));
    return recipe_take_string(r, arena, why, err);
}

enum status recipe_until(struct recipe *r, int callbacks, int trial, int t, int *until,
                         struct error *err)
{
    push_call(r, callbacks, "until_t");
    lua_pushinteger(r->lua, trial);
    lua_pushinteger(r->lua, t);
    TRY(recipe_call(r, 2, 1, err));
    *until = (int)lua_tointeger(r->lua, -1);
    lua_pop(r->lua, 1);
    if (*until <= t)
        return error_set(err, ERR_INPUT, r->path,
                         "the scheduler's until(%d, %d): expected a t above %d, found %d", trial, t,
                         t, *until);
    return OK;
}

enum status recipe_trial(struct recipe *r, int callbacks, const char *params, int *node,
                         struct error *err)
{
    push_call(r, callbacks, "trial");
    lua_pushstring(r->lua, params);
    TRY(recipe_call(r, 1, 1, err));
    *node = (int)lua_tointeger(r->lua, -1);
    lua_pop(r->lua, 1);
    return recipe_asked(r, callbacks, err);
}

enum status recipe_after(struct recipe *r, int callbacks, const char *where, const char *best,
                         struct arena *arena, int *node, const char **path, struct error *err)
{
    r->place = where;
    lua_rawgeti(r->lua, LUA_REGISTRYINDEX, callbacks);
    lua_pushstring(r->lua, best);
    TRY(recipe_call(r, 1, 2, err));
    TRY(recipe_take_string(r, arena, path, err));
    *node = (int)lua_tointeger(r->lua, -1);
    lua_pop(r->lua, 1);
    return recipe_asked(r, callbacks, err);
}

enum status recipe_cost(struct recipe *r, int callbacks, const char *params, double *cost,
                        struct error *err)
{
    push_call(r, callbacks, "cost");
    lua_pushstring(r->lua, params);
    TRY(recipe_call(r, 1, 1, err));
    *cost = lua_tonumber(r->lua, -1);
    lua_pop(r->lua, 1);
    if (!(*cost > 0 && *cost < 1e300))
        return error_set(err, ERR_INPUT, r->path, "study.cost: expected a number > 0 for %s",
                         params);
    return OK;
}

enum status recipe_match(struct recipe *r, const char *where, const char *pattern, const char *text,
                         size_t n, struct arena *arena, const char **capture, struct error *err)
{
    lua_State *L = r->lua;

    r->place = where;
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "match");
    lua_remove(L, -2);
    lua_pushlstring(L, text, n);
    lua_pushstring(L, pattern);
    TRY(recipe_call(r, 2, 1, err));
    return recipe_take_string(r, arena, capture, err);
}
