/* past: a row of the history. */
#include "engine/commands/past.h"

#include <string.h>

#include "engine/execution/kept.h"
#include "engine/execution/session.h"
#include "engine/execution/spoken.h"
#include "engine/options.h"

enum status past_run(const struct options *o, struct store *store, const char *recipe,
                     struct arena *arena, struct run *run, struct error *err)
{
    if (o->n_sets > 0)
        return error_set(err, ERR_INPUT, "--run", "a build had its own --set: name one of the two");
    TRY(kept_run(store, o->run, arena, run, err));
    if (strcmp(run->recipe, recipe) != 0)
        return error_set(err, ERR_INPUT, "--run", "run %d is of another recipe, %s", o->run,
                         run->recipe);
    return spoken_build(o, run->id, run->arguments, arena, err);
}

enum status past_killed(const struct options *o, struct store *store, const char *recipe,
                        const char *arguments, int64_t run, struct arena *arena, struct error *err)
{
    return o->run > 0 ? OK
                      : spoken_killed(store, recipe, arguments,
                                      run > 0 ? "keys of its nodes: this is of an earlier one"
                                              : "keys of its nodes",
                                      arena, err);
}
