/* recipe_state: the one struct that the files of the Lua border share. Nobody else includes it. */
#ifndef ENGINE_RECIPE_RECIPE_STATE_H
#define ENGINE_RECIPE_RECIPE_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/text.h"
#include "engine/recipe/recipe.h"

/* What a --set is to the recipe: the largest of what its readers found. */
enum set_use { SET_UNREAD, SET_DEFAULT, SET_USED };

struct recipe {
    lua_State *lua;
    struct arena *arena;   /* lives as long as the recipe */
    struct arena *scratch; /* of the last JSON that was read or written */
    struct graph *graph;   /* NULL where only tables are drawn */
    const char *path, *name, *folder, *share;
    struct recipe_source *sources; /* the recipe's own file, then what it required, in order */
    size_t n_sources, source_capacity;
    bool is_read;           /* the recipe's file has returned: no more files are loaded */
    bool *required;         /* [modules][modules]: the first one requires the second */
    struct pair *questions; /* about what lies beside it, and answers or NULL */
    size_t n_questions, question_capacity;
    bool missed; /* it looked for a file that is absent */
    const struct pair *sets;
    size_t n_sets;
    const struct recipe_change *change;
    enum set_use *set_use; /* of each --set */
    struct spelling *near; /* of each --set: the name that was read and is most like it */
    int *asked;            /* callbacks of the studies and hpo.after that were called */
    size_t n_asked, asked_capacity;
    struct text printed;
    struct error raised; /* what core.fail or a C function said, where the status is not OK */
    enum status status;

    /* limits */
    const volatile sig_atomic_t *interrupted; /* not 0: nobody waits for an answer; or NULL */
    size_t memory;
    long long instructions; /* used since the last recipe_call */
    const char *exceeded;   /* which limit, once one is: for good */
    char exceeded_at[256];  /* the line of the recipe that ran then, or "" */
    const char *place;      /* of the study or hpo.after whose function the engine calls, or NULL */
    char within[256];       /* or of that function, once it is known */
    const char *call;       /* that function of a study, or NULL */
    pthread_t watchdog;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool watched, closing;
    atomic_bool inside;
    atomic_uint beats; /* grows with every hook */
};

/* Makes r->lua, empty, under the limits of memory and instructions. */
enum status recipe_lua_open(struct recipe *r, struct error *err) MUST_CHECK;

/* Starts the watchdog, for calls that neither return nor reach a hook. */
enum status recipe_lua_watch(struct recipe *r, struct error *err) MUST_CHECK;

bool recipe_is_interrupted(const struct recipe *r);

/* Ends what the two above have begun, whichever of them failed or was never called. */
void recipe_lua_close(struct recipe *r);

/* The recipe whose state it is, in any of its coroutines. */
struct recipe *recipe_of(lua_State *L);

/* Calls what is on the stack with n arguments; its results stay there. A Lua error becomes err. */
enum status recipe_call(struct recipe *r, int n_arguments, int n_results,
                        struct error *err) MUST_CHECK;

/* The string on top of the stack, which it leaves, copied into the arena; NULL for nil. */
enum status recipe_take_string(struct recipe *r, struct arena *arena, const char **out,
                               struct error *err) MUST_CHECK;

/* The one way from r->raised into Lua: it is found again when the call has unwound. Does not
 * return. */
int recipe_raise(lua_State *L, struct recipe *r, enum status s);

/* "recipes/asha.lua:12": the innermost line of a recipe that runs; else r->place, else "". */
void recipe_where(const struct recipe *r, lua_State *L, char *out, size_t size);

/* Opens the sandbox in an empty state that has the standard library. May raise. */
void recipe_modules_open(lua_State *L, struct recipe *r);

/* Reads a file of the recipe, whose path is shown as it was typed, and remembers it. */
enum status recipe_read(struct recipe *r, const char *path, struct recipe_source **out,
                        struct error *err) MUST_CHECK;

/* Pushes what recipe_read has read as a function, over the globals of a recipe. May raise. */
void recipe_load(lua_State *L, const struct recipe_source *source);

/* The digest of the Lua that decides, in the graph's arena: of the embedded modules with these
 * chunks and what they required; or, where a recipe has a part in it, of all that is loaded. */
enum status recipe_digest(const struct recipe *r, const char *const *chunks, size_t n,
                          const char **out, struct error *err) MUST_CHECK;
enum status recipe_digest_all(const struct recipe *r, const char **out,
                              struct error *err) MUST_CHECK;

/* Nothing of the recipe's sets was read yet. */
enum status recipe_param_open(struct recipe *r, struct error *err) MUST_CHECK;

/* ERR_INPUT where a --set is unread, and nothing is left that may read it; `last`: or might. */
enum status recipe_check_sets(struct recipe *r, bool last, struct error *err) MUST_CHECK;

/* A function of this study or hpo.after has returned: checks what it was the last that could
 * read. */
enum status recipe_asked(struct recipe *r, int callbacks, struct error *err) MUST_CHECK;

/* Makes a type of userdata, for luaL_setmetatable: Lua sees its methods and not its metatable. */
void recipe_type(lua_State *L, const char *name, const luaL_Reg *methods);

/* Pushes the table `core`. */
void recipe_api_push(lua_State *L);

/* Each adds what its file has to the table on top of the stack. */
void recipe_beside_add(lua_State *L);
void recipe_json_add(lua_State *L);
void recipe_kde_add(lua_State *L);
void recipe_limits_add(lua_State *L);
void recipe_names_add(lua_State *L);
void recipe_param_add(lua_State *L);
void recipe_parzen_add(lua_State *L);
void recipe_real_add(lua_State *L);
void recipe_methods_add(lua_State *L);

#endif
