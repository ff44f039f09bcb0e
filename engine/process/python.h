/*
 * python: what a Python interpreter is in a key: its version, and all that its imports can find,
 * as the action's environment has it (packages.h says what is written of it).
 *
 * Asked      The interpreter itself is asked where it looks for modules: once, with the action's
 *            variables and the options that change it, so that shims, virtual environments,
 *            PYTHONPATH and .pth files do what they do in the action. It imports nothing of the
 *            user's. What lies in those folders is read here.
 * Remembered In the store's journal, with how everything looked that was read (looks.h): while all
 *            of it looks the same, nothing is asked. Folders that are known by content are read
 *            again where their files changed.
 */
#ifndef ENGINE_PROCESS_PYTHON_H
#define ENGINE_PROCESS_PYTHON_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/process/runner.h"

struct action;
struct arena;
struct digest;
struct options;
struct places;
struct store;

/* What all interpreters of a build share. */
struct python_context {
    const struct options *options;
    struct store *store;
    struct arena *arena;
};

struct python; /* opaque: an interpreter, with the variables of an action */

/* Whether a program is called like one: python, python3, python3.11, pypy3; or a link to such. */
bool python_is(const char *path);

/* Whether two actions with one program give it the same options and variables. */
bool python_same(const struct action *a, const struct action *b);

enum status python_open(const struct python_context *context, const char *path,
                        const struct action *action, struct python **out,
                        struct error *err) MUST_CHECK;

/* *identity: as remembered; NULL: it has to be asked. Errors: of the store, of reading modules. */
enum status python_recall(struct python *p, const char **identity, struct error *err) MUST_CHECK;

/* What it holds, as packages.h has it, if that is the text of this digest; else NULL. */
const char *python_environment(const struct python *p, const struct digest *digest);

/* The folders on its path that lie anywhere: PYTHONPATH's, those of editable installs. */
enum status python_places(const struct python *p, struct places *places,
                          struct error *err) MUST_CHECK;

/* The question. It lives as long as the arena. */
void python_question(struct python *p, struct command *command);

/* What the interpreter answered. ERR_FAILED: that is no answer of a Python. */
enum status python_answer(struct python *p, const char *answer, const char **identity,
                          struct error *err) MUST_CHECK;

#endif
