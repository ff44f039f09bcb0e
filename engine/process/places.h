/*
 * places: what a program that lies in somebody's home needs of it to run: itself, where its links
 * lead, and the prefix of a Python: a virtual environment, and the one it was made of; conda's;
 * pyenv's, whose programs look for their like. Of any other program the folders where it says that
 * its libraries are (elf.h), and lib and libexec beside its bin.
 */
#ifndef ENGINE_PROCESS_PLACES_H
#define ENGINE_PROCESS_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

/* Absolute paths, with none that lies in another once places_finish has been called. */
struct places {
    struct arena *arena;
    const char **list;
    size_t n, capacity;
};

/* With where its links lead. NULL is none. */
enum status places_add(struct places *p, const char *path, struct error *err) MUST_CHECK;

/* Those of others, as they were found. */
enum status places_join(struct places *p, const struct places *others,
                        struct error *err) MUST_CHECK;

/* A program, by its absolute path, with all that it needs. */
enum status places_add_program(struct places *p, const char *path, struct error *err) MUST_CHECK;

/* A folder of PATH, and what programs that lie there need. */
enum status places_add_programs(struct places *p, const char *folder, struct error *err) MUST_CHECK;

/* Puts them in order, and leaves out those that lie in others. */
void places_finish(struct places *p);

#endif
