/* card_end: two statuses, and some words of a log. Start at card_end. */
#include "engine/execution/card_end.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "engine/execution/failure.h"

enum { FULL_STATUS = 75, BROKEN_STATUS = 76, MOST_TRIES = 10 };

static const int64_t second_ns = 1000000000;

/* Where it says so; NULL: nowhere. */
static const char *says(const char *log, const char *words)
{
    const size_t n = strlen(words);

    for (; *log; log++)
        if (strncasecmp(log, words, n) == 0)
            return log;
    return NULL;
}

/* What NVIDIA's driver and CUDA say of a card that is gone. */
static const char *says_broken(const char *log)
{
    static const char *const words[] = {"uncorrectable ECC error encountered", "GPU is lost",
                                        "fallen off the bus", "CUDA_ERROR_ECC_UNCORRECTABLE"};
    const char *at = NULL;

    for (size_t i = 0; i < sizeof words / sizeof *words && !at; i++)
        at = says(log, words[i]);
    return at;
}

/* The last line, or the one in which `at` stands. */
static const char *line_of(const char *log, const char *at, struct arena *arena)
{
    const char *end = at ? at + strcspn(at, "\n") : log + strlen(log), *begin;

    while (!at && end > log && end[-1] == '\n')
        end--;
    begin = end;
    while (begin > log && begin[-1] != '\n')
        begin--;
    return arena_copy(arena, begin, (size_t)(end - begin));
}

static enum status take_full(struct build *b, struct job *job, bool *again, const char **sentence,
                             struct error *err)
{
    const double timeout = graph_node(b->graph, job->node)->action.timeout;
    const int64_t now = executor_now(b->executor);
    struct work *w = work_of(b, job->node);
    const char *cards;

    TRY(executor_blame(b->executor, job->task, CARD_FULL, NULL, &cards, err));
    if (w->crowded++ == 0) {
        w->crowded_ns = now;
        progress_line(b->progress,
                      "%s: card %s has no room for it now (status %d): it is tried again when "
                      "there may be, without using retries",
                      job->label, cards, FULL_STATUS);
    }
    *again = timeout > 0 ? (double)(now - w->crowded_ns) < timeout * (double)second_ns
                         : w->crowded < MOST_TRIES;
    if (*again)
        return OK;
    *sentence =
        arena_printf(b->arena,
                     "its card had no room for it %d times in %.0f s (status %d): fewer "
                     "slots a card (--gpus), or a smaller batch",
                     w->crowded, (double)(now - w->crowded_ns) / (double)second_ns, FULL_STATUS);
    w->crowded = 0;
    return *sentence ? OK : error_memory(err);
}

/* line: where its program says so. */
static enum status take_broken(struct build *b, struct job *job, const char *line, bool *again,
                               const char **sentence, struct error *err)
{
    const struct node *node = graph_node(b->graph, job->node);
    const struct request r = {.label = job->label, .where = node->where, .action = &node->action};
    struct error refusal;
    const char *cards;
    enum slot slot;

    TRY(executor_blame(b->executor, job->task, CARD_BROKEN, line, &cards, err));
    if (*cards)
        progress_warning(b->progress,
                         "card %s is broken and leaves this build, %s says; nvidia-smi and the "
                         "kernel's log (dmesg) say more",
                         cards, job->label);
    TRY(executor_slot(b->executor, &r, &slot, &refusal));
    *again = slot != SLOT_REFUSED;
    if (*again)
        return OK;
    *sentence = arena_string(b->arena, refusal.text);
    return *sentence ? OK : error_memory(err);
}

enum status card_end(struct build *b, struct job *job, const struct executor_event *end,
                     bool *again, const char **sentence, struct error *err)
{
    const char *log, *broken, *line;

    if (job->timed_out || !(job->task->gpus > 0))
        return OK;
    if (end->exit_code == FULL_STATUS)
        return take_full(b, job, again, sentence, err);
    work_of(b, job->node)->crowded = 0;
    log = failure_log_end(job);
    broken = says_broken(log);
    if (end->exit_code == BROKEN_STATUS || (broken && !work_of(b, job->node)->blamed)) {
        work_of(b, job->node)->blamed = true;
        if (!(line = line_of(log, broken, job->arena)))
            return error_memory(err);
        return take_broken(b, job, line, again, sentence, err);
    }
    if (!says(log, "CUDA out of memory") && !says(log, "CUDA error: out of memory"))
        return OK;
    *sentence = arena_printf(b->arena,
                             "%s: the memory of its card was full: fewer slots a card (--gpus), or "
                             "a smaller batch",
                             *sentence);
    return *sentence ? OK : error_memory(err);
}
