/*
 * python_imports: the import statements of a Python file, by reading it: nothing is run, and no
 * Python is needed. An import is seen wherever it stands, in a function or behind an `if`; one that
 * is only made while the program runs (importlib, __import__) is not.
 */
#ifndef ENGINE_RECIPE_PYTHON_IMPORTS_H
#define ENGINE_RECIPE_PYTHON_IMPORTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

/* "import a.b" is module "a.b"; "from ..a import b, c" is level 2, module "a", names "b", "c". */
struct python_import {
    size_t level;       /* dots before the module */
    const char *module; /* dotted, or "" */
    const char **names; /* of a from; modules, or anything else in the module */
    size_t n_names, capacity;
    bool star; /* from … import * */
};

struct python_imports {
    struct python_import *list;
    size_t n, capacity;
};

/*
 * Reads a file's text, which ends with a NUL. where is its name for messages, "train.py".
 * ERR_INPUT, with file and line: a text that no Python can read either.
 */
enum status python_imports_read(const char *text, const char *where, struct arena *arena,
                                struct python_imports *out, struct error *err) MUST_CHECK;

#endif
