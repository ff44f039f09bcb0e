/* spoken: which build a command speaks of. */
#ifndef ENGINE_EXECUTION_SPOKEN_H
#define ENGINE_EXECUTION_SPOKEN_H

#include <stdint.h>

#include "base/error.h"

struct arena;
struct options;
struct pair;
struct store;
struct text;

/*
 * Where no --set was typed, and the build that is spoken of had some: says which, on standard
 * error. arguments: its canonical text of --set.
 */
enum status spoken_build(const struct options *o, int64_t run, const char *arguments,
                         struct arena *arena, struct error *err) MUST_CHECK;

/* Says, on standard error, that a build goes on: the one that is spoken of, or a newer one of which
 * there is nothing yet to speak of. */
enum status spoken_running(int64_t running, int64_t run, struct error *err) MUST_CHECK;

/* Where the newest build of the recipe was killed (see running_killed), says so on standard error,
 * and what it left none of. */
enum status spoken_killed(struct store *store, const char *recipe, const char *arguments,
                          const char *what, struct arena *arena, struct error *err) MUST_CHECK;

/* " --set NAME=VALUE" as a shell reads it: in quotes where that is needed. */
void spoken_add_set(struct text *t, const struct pair *set);

#endif
