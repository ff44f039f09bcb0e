/* past: --run N, the build that a command is asked about instead of the last one. */
#ifndef ENGINE_COMMANDS_PAST_H
#define ENGINE_COMMANDS_PAST_H

#include "base/error.h"
#include "cache/records/history.h"

struct arena;
struct options;
struct store;

/*
 * The build of --run N, and says which --set it had. ERR_INPUT: there is none, or of another
 * recipe; or --set was typed as well.
 */
enum status past_run(const struct options *o, struct store *store, const char *recipe,
                     struct arena *arena, struct run *run, struct error *err) MUST_CHECK;

/* Without --run: says that the last build was killed, where it was, and that what is told of a node
 * is not of that build; run: the first one of its key, 0: it has none in any build. */
enum status past_killed(const struct options *o, struct store *store, const char *recipe,
                        const char *arguments, int64_t run, struct arena *arena,
                        struct error *err) MUST_CHECK;

#endif
