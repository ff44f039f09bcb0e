/*
 * owner: whose a folder of out/ is, and which names in it are hpo's.
 *
 * Layout     FOLDER/.hpo-out/recipe   the path of the recipe, counted from FOLDER where both are
 *                                     moved together, and a newline
 *            FOLDER/.hpo-out/made/T   what lies there of target T: paths counted from FOLDER, each
 *                                     ended by a NUL; that of an empty folder has a '/' behind it
 *            FOLDER/.hpo-out/next/T   the same of what is being put there
 *            FOLDER/.hpo-out/new/     on its way to its place
 * Rule       A name is hpo's when made or next has it: what lies under it may be replaced or
 *            removed. Everything else in FOLDER is the user's, and stays.
 * Crash      next is written before the first change and becomes made after the last, so that each
 *            name put there is in one of them.
 */
#ifndef ENGINE_EXECUTION_OWNER_H
#define ENGINE_EXECUTION_OWNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

/* The name of hpo's own folder: no target may have it. */
#define OWNER_FOLDER ".hpo-out"

/* Names of a target that are hpo's, sorted by bytes. */
struct owned {
    const char **paths;
    size_t n;
    bool settled; /* they are those of made, and nothing was on its way */
};

/*
 * ERR_INPUT: the folder belongs to another recipe of that file name, which is still where it was.
 * recipe is absolute. A folder that is not there, or that nobody owns, is refused to nobody.
 */
enum status owner_refuse(const char *folder, const char *recipe, struct arena *arena,
                         struct error *err) MUST_CHECK;

/* The same, and the folder then is the recipe's. */
enum status owner_claim(const char *folder, const char *recipe, struct arena *arena,
                        struct error *err) MUST_CHECK;

enum status owner_read(const char *folder, const char *target, struct arena *arena,
                       struct owned *out, struct error *err) MUST_CHECK;

/* Before the first change, with the names that will be there, and after the last. */
enum status owner_begin(const char *folder, const char *target, const struct owned *names,
                        struct arena *arena, struct error *err) MUST_CHECK;
enum status owner_end(const char *folder, const char *target, struct arena *arena,
                      struct error *err) MUST_CHECK;

/* Whether this very name, with its '/' where it is an empty folder's, is hpo's. */
bool owned_is(const struct owned *owned, const char *name);

/* Whether what lies at the path may be hpo's: a name of hpo's, or a folder above one. */
bool owned_has(const struct owned *owned, const char *path);

#endif
