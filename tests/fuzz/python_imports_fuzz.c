/* python_imports: whatever the text, its imports are read or refused, and a refusal has a line. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "engine/recipe/python_imports.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was found is a name, or dots with one or without. */
static void check(const struct python_import *import)
{
    assert(import->level > 0 || *import->module);
    for (size_t i = 0; i < import->n_names; i++)
        assert(*import->names[i] && !import->star);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_open();
    struct python_imports imports;
    struct error err;
    const char *text = arena ? arena_copy(arena, data, n) : NULL;
    enum status s = text ? python_imports_read(text, "a.py", arena, &imports, &err) : ERR_MEMORY;

    assert(s == OK || s == ERR_INPUT || s == ERR_MEMORY);
    if (s == ERR_INPUT)
        assert(strncmp(err.where, "a.py:", 5) == 0 && atoi(err.where + 5) > 0 && *err.text);
    for (size_t i = 0; s == OK && i < imports.n; i++)
        check(&imports.list[i]);
    arena_close(arena);
    return 0;
}
