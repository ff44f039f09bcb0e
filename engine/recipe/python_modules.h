/*
 * python_modules: a Python script and the files beside it that it imports, and these, and so on.
 *
 * A module is looked for as Python does: from the folder of the script, and then from the folder
 * it all lies in. A package is a folder with __init__.py; one without is a part of a namespace.
 * What is found in neither is of the standard library, or installed. Extension modules (.so) are
 * not found.
 */
#ifndef ENGINE_RECIPE_PYTHON_MODULES_H
#define ENGINE_RECIPE_PYTHON_MODULES_H

#include <stddef.h>

#include "base/error.h"

struct arena;

/*
 * The names of the files, relative to folder: the script, as given, first, the rest sorted by
 * bytes. ERR_INPUT: there is no such script, or a file is no Python, with its name and line.
 */
enum status python_modules_find(const char *folder, const char *script, struct arena *arena,
                                const char ***files, size_t *n, struct error *err) MUST_CHECK;

#endif
