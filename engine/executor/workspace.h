/*
 * workspace: an action's folder: inputs in, outputs out.
 *
 * Layout     STORE/work/NAME-FRESH: NAME is cut from a key, FRESH drawn anew each time, so that
 *            what outlives a killed build never writes into a folder of the next. In it: dir (the
 *            working folder), log, and for runs of units params.json, in and out.
 * Life       workspace_make, then workspace_put for each input and workspace_expect for each
 *            output; the command runs in dir; workspace_remove, or the folder is kept for people,
 *            and workspace_leave.
 * Living     From make to remove or leave the folder is locked, and the kernel lets go when the
 *            process ends. What is not locked is left over: of a failure, or of a killed build.
 */
#ifndef ENGINE_EXECUTOR_WORKSPACE_H
#define ENGINE_EXECUTOR_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct content;
struct store;

/* What earlier builds left in STORE/work, as it was when it was first asked for. */
struct leftovers {
    struct arena *arena; /* owns the names */
    bool listed;
    char **names; /* sorted by bytes */
    size_t n;
};

struct workspace {
    const char *name;   /* cut from a key */
    const char *folder; /* absolute; holds dir, log, params.json, in, out; NULL: not made yet */
    const char *dir;    /* the working folder */
    const char *log;
    struct arena *arena; /* owns the names */
    int lock;            /* the folder, open and locked */
};

/*
 * Makes the folder and the empty working folder. What builds left of the action before this one
 * began goes; what cannot go, or came later, is left to the next build and to gc. left NULL: all
 * stays.
 */
enum status workspace_make(struct workspace *w, struct store *store, const char *name,
                           struct leftovers *left, struct arena *arena,
                           struct error *err) MUST_CHECK;

/*
 * Puts an input under its name; path and scratch are those of content_place, as is what
 * ERR_NOT_FOUND and ERR_CORRUPT mean.
 */
enum status workspace_put(const struct workspace *w, struct store *store, struct content *content,
                          const char *path, const char *name, struct arena *scratch,
                          struct error *err) MUST_CHECK;

/* Makes the folders above an output. */
enum status workspace_expect(const struct workspace *w, const char *output,
                             struct error *err) MUST_CHECK;

/* Removes the folder with all in it; one that was never made is fine, and one that another build
 * takes a checkpoint out of stays. What it cannot is said. */
enum status workspace_remove(struct workspace *w, struct error *err) MUST_CHECK;

/* Lets go of a folder that is kept. */
void workspace_leave(struct workspace *w);

#endif
