/*
 * running: the builds that run now, as other processes see them.
 *
 * Layout     STORE/live/lock        empty; a build locks the byte RUN of it while it lives, and the
 *                                   kernel lets go
 *            STORE/live/RUN.json    how far it is, replaced as a whole from time to time; lines:
 *                                   {"recipe", "arguments", "started", "overhead": see left.h,
 *                                    "board": see board.h,
 *                                    absent before the build has anything to say}
 *                                   {"studies": [the objects of hpo table --json]}
 *                                   ["NODE", "KEY", ...]: of actions that ran or run in this
 *                                   build, and of delivered units
 * Promise    None is synced: it is of no use once the build is gone. What a killed one left is
 *            taken away by the next build, and read by nobody.
 * Order      The lock is taken before the row of the run can be seen in the history, and given up
 *            when its end can: a run without an end is running exactly as long as it is locked.
 */
#ifndef ENGINE_RUNNING_H
#define ENGINE_RUNNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/board.h"

struct arena;
struct node_key;
struct store;
struct study_table;

/* ---- of the build itself ---- */

struct running {
    const char *state; /* path */
    int fd;            /* of the locks; -1: not running */
};

/* Locks. The paths live in the arena. */
enum status running_begin(struct store *store, int64_t run, struct arena *arena,
                          struct running *out, struct error *err) MUST_CHECK;

/* Replaces the state. What fails, fails in silence: nobody's result depends on it. */
void running_write(const struct running *r, const char *bytes, size_t n);

void running_end(struct running *r);

/* ---- of others ---- */

/* Whether this run of the store is alive. */
bool running_is(const struct store *store, int64_t run);

/* The newest build of this recipe, with these arguments (NULL: any), where it was killed: it has
 * left neither tables nor keys of nodes. *run is 0 where it was not. */
enum status running_killed(struct store *store, const char *recipe, const char *arguments,
                           struct arena *arena, int64_t *run, struct error *err) MUST_CHECK;

struct running_build {
    int64_t run;
    const char *recipe, *arguments;
    int64_t started;
    struct board board;  /* run 0: nothing is known yet */
    const char *studies; /* the second line */
    const char *nodes;   /* the third */
};

/*
 * The newest one of this recipe (NULL: any) with these arguments (NULL: any); run 0: there is none.
 * `run`: that one alone, unless it is 0.
 */
enum status running_find(const struct store *store, const char *recipe, const char *arguments,
                         int64_t run, struct arena *arena, struct running_build *out,
                         struct error *err) MUST_CHECK;

/* Its tables in the place of those that an earlier build has left, and beside them; study NULL: of
 * all. Each has at least one trial. */
enum status running_tables(const struct running_build *r, const char *study, struct arena *arena,
                           struct study_table **tables, size_t *n, struct error *err) MUST_CHECK;

/* The key that the node has in this build; of STUDY/TRIAL that of each unit, by its full name, in
 * order. None of what it has not come to. */
enum status running_keys(const struct running_build *r, const char *node, struct arena *arena,
                         struct node_key **keys, size_t *n, struct error *err) MUST_CHECK;

/* What runs of the node, or of STUDY/TRIAL; NULL: nothing. */
const struct board_job *running_job(const struct running_build *r, const char *node);

#endif
