/*
 * ignore: whether a path is left out by a list of patterns, as a .gitignore would say it.
 *
 * Rules      Text as in a .gitignore, a pattern a line; the last that matches decides. libgit2
 *            matches them, and these alone: no .gitignore of a folder, nothing that the user or the
 *            machine excludes. Upper and lower case are two things everywhere.
 * Asking     From the top down: who asks for what lies in a folder has asked for the folder.
 */
#ifndef ENGINE_IGNORE_IGNORE_H
#define ENGINE_IGNORE_IGNORE_H

#include <stdbool.h>

#include "base/error.h"

struct arena;
struct ignore;

/* Lives in the arena, which must outlive it. */
enum status ignore_open(const char *rules, struct arena *arena, struct ignore **out,
                        struct error *err) MUST_CHECK;

/* The path is relative, without a slash at the end. */
enum status ignore_matches(const struct ignore *ignore, const char *path, bool folder, bool *out,
                           struct error *err) MUST_CHECK;

/* NULL is allowed. */
void ignore_close(struct ignore *ignore);

#endif
