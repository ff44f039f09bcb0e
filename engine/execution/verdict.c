/* verdict: a sentence, its cards, and what it may have missed. Start at verdict_find. */
#include "engine/execution/verdict.h"

#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "engine/execution/card_end.h"
#include "engine/execution/ended.h"
#include "engine/execution/failure.h"
#include "engine/execution/job.h"

/* Who failed later would cost too much to be run for its words alone; what many lack, few tell. */
static const double soon_seconds = 60;
enum { MOST_WATCHED = 3 };

/* As the shell has it: 255 is what a program ends with that says -1. */
static bool is_signal(int exit_code)
{
    return exit_code > 128 && exit_code <= 128 + SIGRTMAX;
}

static const char *sentence_of(const struct build *b, const struct job *job, int exit_code)
{
    if (job->task->caught)
        return arena_string(b->arena, "it asked for what it does not declare (--sandbox strict)");
    if (job->timed_out)
        return arena_printf(b->arena, "nothing came from it for %g s",
                            graph_node(b->graph, job->node)->action.timeout);
    if (is_signal(exit_code))
        return arena_printf(b->arena, "it was ended by signal %d (%s)", exit_code - 128,
                            strsignal(exit_code - 128));
    return arena_printf(b->arena, "it ended with status %d", exit_code);
}

/* Who uses the network may do there what must not be done twice; a card is dear. */
static bool may_be_watched(const struct build *b, const struct job *job, int exit_code)
{
    const struct task *task = job->task;
    const struct action *a = &graph_node(b->graph, job->node)->action;

    return b->o->sandbox == SANDBOX_ON && !b->audit && task->isolation &&
           strcmp(task->isolation, "room") == 0 && ended_counts(job) && !(task->gpus > 0) &&
           !a->network && !a->fetch && !job->timed_out && !is_signal(exit_code) &&
           job_seconds(job) < soon_seconds;
}

static void watch(struct build *b, struct job *job, struct work *w, const char *sentence)
{
    b->watched++;
    w->watched = true;
    w->watched_key = job->key;
    progress_line(b->progress, "again: %s: %s; it is watched now, to see what it asks for",
                  job->label, sentence);
}

enum status verdict_find(struct build *b, struct job *job, const struct executor_event *end,
                         bool *again, const char **sentence, struct error *err)
{
    struct work *w = work_of(b, job->node);

    *again = false;
    if (!(*sentence = sentence_of(b, job, end->exit_code)))
        return error_memory(err);
    TRY(card_end(b, job, end, again, sentence, err));
    *again = *again && !job->task->caught;
    if (*again || w->watched || b->watched == MOST_WATCHED ||
        !may_be_watched(b, job, end->exit_code) || *failure_missed(b, job))
        return OK;
    watch(b, job, w, *sentence);
    *again = true;
    return OK;
}
