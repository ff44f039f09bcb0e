/*
 * recipe_beside: what a recipe asks of the files beside it, core.folder and core.python. Questions
 * and answers are noted: while each has the same answer, the recipe describes the same graph.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/recipe/python_modules.h"
#include "engine/recipe/recipe_state.h"

static const char folder_of[] = "folder ", python_of[] = "python ";

static enum status find_folder(const char *beside, const char *name, struct arena *arena,
                               const char **absolute, struct error *err)
{
    const char *path = name[0] == '/' ? name : file_join(arena, beside, name);
    enum status s;

    if (!path)
        return error_memory(err);
    if (!file_is_folder(path))
        path = name;
    if (!file_is_folder(path))
        return OK;
    s = file_absolute(path, arena, (char **)absolute, err);
    return s == ERR_MEMORY ? s : OK;
}

/* The names of the files, a line each. */
static enum status find_modules(const char *beside, const char *script, struct arena *arena,
                                const char **names, struct error *err)
{
    struct text t = text_in(arena);
    const char **files;
    size_t n;

    TRY(python_modules_find(beside, script, arena, &files, &n, err));
    for (size_t i = 0; i < n; i++)
        text_printf(&t, "%s\n", files[i]);
    return text_finish(&t, (char **)names, NULL, err);
}

enum status recipe_answer(const char *beside, const char *question, struct arena *arena,
                          const char **answer, struct error *err)
{
    *answer = NULL;
    return strncmp(question, python_of, sizeof python_of - 1) == 0
               ? find_modules(beside, question + sizeof python_of - 1, arena, answer, err)
               : find_folder(beside, question + sizeof folder_of - 1, arena, answer, err);
}

/* Pushes the answer to a question about the name that is the argument. */
static int ask(lua_State *L, const char *kind)
{
    struct recipe *r = recipe_of(L);
    const char *question = arena_printf(r->arena, "%s%s", kind, luaL_checkstring(L, 1)), *answer;
    struct pair *noted;
    char where[256];
    enum status s;

    if (!question ||
        !(noted = arena_push(r->arena, r->questions, r->n_questions, r->question_capacity)))
        return recipe_raise(L, r, error_memory(&r->raised));
    *noted = (struct pair){question, NULL};
    s = recipe_answer(r->folder, question, r->arena, &answer, &r->raised);
    r->missed |= s != OK;
    if (s != OK && !*r->raised.where) {
        recipe_where(r, L, where, sizeof where);
        error_place(&r->raised, "%.200s: hpo.python", where);
    }
    if (s != OK)
        return recipe_raise(L, r, s);
    r->questions[r->n_questions - 1].value = answer;
    if (answer)
        lua_pushstring(L, answer);
    else
        lua_pushnil(L);
    return 1;
}

/* core.folder(name): its absolute path where there is one, beside the recipe or in the working
 * folder */
static int api_folder(lua_State *L)
{
    return ask(L, folder_of);
}

/* core.python(script): the files that it needs, a line each, the script first */
static int api_python(lua_State *L)
{
    return ask(L, python_of);
}

void recipe_beside_add(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"folder", api_folder}, {"python", api_python}, {NULL, NULL}};

    luaL_setfuncs(L, functions, 0);
}
