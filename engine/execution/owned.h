/*
 * owned: which names in a folder of out/ are hpo's.
 *
 * Layout     FOLDER/.hpo-out/names    what lies there of all targets, sorted by bytes: paths
 *                                     counted from FOLDER, each ended by a NUL; that of an empty
 *                                     folder has a '/' behind it
 *            FOLDER/.hpo-out/coming   the same of what is being put there, as it comes
 * Rule       A name is hpo's when one of the two has it: what lies under it may be replaced or
 *            removed. Everything else in FOLDER is the user's, and stays.
 * Crash      A name is in `coming` before anything is put there, and in `names` before `coming`
 *            goes. What a killed build left in `coming` goes to `names` as it is opened.
 * Threads    One build at a time has it open: who holds the lock of FOLDER.
 */
#ifndef ENGINE_EXECUTION_OWNED_H
#define ENGINE_EXECUTION_OWNED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

struct owned {
    const char *folder;
    struct arena *arena;
    const char **names; /* sorted by bytes; in the arena */
    bool *gone;         /* by name: not hpo's any more, once owned_close wrote so */
    size_t n;
    const char **fresh; /* not yet in names */
    size_t n_fresh, fresh_capacity;
    size_t n_written; /* of them, those in coming */
    bool changed;     /* a name is gone */
};

/* Reads what is hpo's in the folder. The strings live in the arena. */
enum status owned_open(struct owned *owned, const char *folder, struct arena *arena,
                       struct error *err) MUST_CHECK;

/* Whether this very entry is there: a name, with its '/' or the target before it. */
bool owned_is(const struct owned *owned, const char *name);

/* Whether what lies at the path may be hpo's: a name of hpo's, or a folder above one. */
bool owned_has(const struct owned *owned, const char *path);

/* The first of the names, from index `from` on, that is a target's: the target itself, below it,
 * or its file of another name. n: there is none. */
size_t owned_next(const struct owned *owned, const char *target, size_t from);

/* The path of the name at this index: without the target before it. */
const char *owned_path(const struct owned *owned, size_t i);

/* Whether other targets put what lies at a path without '/'; and, of their names, the first where
 * one file bears another name than its target. n: there is none. */
bool owned_by_other(const struct owned *owned, const char *target, const char *path);
size_t owned_other(const struct owned *owned, const char *target, const char *path);

/* A new name, copied, that is to be hpo's. Nothing may be put there before owned_write. */
enum status owned_add(struct owned *owned, const char *name, struct error *err) MUST_CHECK;

/* Leaves on disk what was added. */
enum status owned_write(struct owned *owned, struct error *err) MUST_CHECK;

/* The name at this index is nobody's any more. */
void owned_drop(struct owned *owned, size_t i);

/* After the last change: what is hpo's by now. */
enum status owned_close(struct owned *owned, struct error *err) MUST_CHECK;

#endif
