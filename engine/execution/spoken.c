/* spoken: a line on standard error, of which what is printed knows nothing. */
#include "engine/execution/spoken.h"

#include "base/arena.h"
#include "base/text.h"
#include "engine/executor/run_sh.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/running.h"

void spoken_add_set(struct text *t, const struct pair *set)
{
    const char *word = arena_printf(t->arena, "%s=%s", set->name, set->value);

    t->failed |= !word;
    text_add(t, " --set ");
    run_sh_add_word(t, word ? word : "");
}

enum status spoken_build(const struct options *o, int64_t run, const char *arguments,
                         struct arena *arena, struct error *err)
{
    struct options had = {0};
    struct text t = text_in(arena);
    struct progress *progress;
    char *words;

    if (o->n_sets > 0)
        return OK;
    TRY(options_take_arguments(&had, arguments, arena, err));
    if (had.n_sets == 0)
        return OK;
    for (size_t i = 0; i < had.n_sets; i++)
        spoken_add_set(&t, &had.sets[i]);
    TRY(text_finish(&t, &words, NULL, err));
    TRY(progress_open(false, &progress, err));
    progress_line(progress, "%sthis is of run %lld:%s", o->run > 0 ? "" : "without --set, ",
                  (long long)run, words);
    progress_close(progress);
    return OK;
}

enum status spoken_running(int64_t running, int64_t run, struct error *err)
{
    struct progress *progress;

    TRY(progress_open(false, &progress, err));
    if (running == run)
        progress_line(progress, "run %lld is running: this is how far it is", (long long)run);
    else
        progress_line(progress,
                      "run %lld is running and has no trial of this yet: this is of run %lld",
                      (long long)running, (long long)run);
    progress_close(progress);
    return OK;
}

enum status spoken_killed(struct store *store, const char *recipe, const char *arguments,
                          const char *what, struct arena *arena, struct error *err)
{
    struct progress *progress;
    int64_t run;

    TRY(running_killed(store, recipe, arguments, arena, &run, err));
    if (run == 0)
        return OK;
    TRY(progress_open(false, &progress, err));
    progress_line(progress, "run %lld was killed and left no %s", (long long)run, what);
    progress_close(progress);
    return OK;
}
