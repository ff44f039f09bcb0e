/* commit: which commit a clone means, and where its repository is. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_COMMIT_H
#define ENGINE_EXECUTION_COMMIT_H

#include "engine/execution/build.h"

#define SHIPPED "hpo:" /* in front of the URL of a repository in share/hpo */

/*
 * Where a clone's repository is: "hpo:NAME" is shipped with the program, a relative path is
 * relative to the recipe's folder. NULL: no memory.
 */
const char *commit_location(struct build *b, const struct clone_spec *clone);

/* The commit of a clone, where it is known without asking others; *commit NULL: it is not. */
enum status commit_known(struct build *b, const struct clone_spec *clone, const char **commit,
                         struct error *err) MUST_CHECK;

/*
 * The commit of a clone: what is known without asking, else what the remote says, which becomes the
 * pin. ERR_INTERRUPTED; ERR_INPUT and others as clone_resolve.
 */
enum status commit_find(struct build *b, const struct clone_spec *clone, const char **commit,
                        struct error *err) MUST_CHECK;

#endif
