/*
 * owner: whose a folder of out/ is.
 *
 * Layout     FOLDER/.hpo-out/recipe   the path of the recipe, counted from FOLDER where both are
 *                                     moved together, and a newline
 *            FOLDER/.hpo-out/names,
 *                           coming    what in it is hpo's: see owned.h
 *            FOLDER/.hpo-out/new/     on its way to its place: see landing.h
 */
#ifndef ENGINE_EXECUTION_OWNER_H
#define ENGINE_EXECUTION_OWNER_H

#include <stddef.h>

#include "base/error.h"

struct arena;

/* The name of hpo's own folder: no target may have it. */
#define OWNER_FOLDER ".hpo-out"

/*
 * ERR_INPUT: the folder belongs to another recipe of that file name, which is still where it was.
 * recipe is absolute. A folder that is not there, or that nobody owns, is refused to nobody.
 */
enum status owner_refuse(const char *folder, const char *recipe, struct arena *arena,
                         struct error *err) MUST_CHECK;

/* The same, and the folder then is the recipe's. */
enum status owner_claim(const char *folder, const char *recipe, struct arena *arena,
                        struct error *err) MUST_CHECK;

/* Writes a file of hpo's folder whole or not at all; not durably: nothing in out/ is durable. */
enum status owner_write(const char *path, const char *bytes, size_t n, struct arena *arena,
                        struct error *err) MUST_CHECK;

#endif
