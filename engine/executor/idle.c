/* idle: one answer to every request. */
#include "engine/executor/idle.h"

#include <assert.h>

static bool has_slot(const struct executor *x)
{
    return ((const struct idle_executor *)x)->slot != SLOT_BUSY; /* to be refused, one is asked */
}

static enum status slot(struct executor *x, const struct request *r, enum slot *slot,
                        struct error *err)
{
    struct idle_executor *idle = (struct idle_executor *)x;

    if (idle->real)
        TRY(executor_slot(idle->real, r, slot, err));
    *slot = idle->slot;
    if (*slot == SLOT_REFUSED)
        (void)error_set(err, ERR_FAILED, "", "its result is not in the store (--cached-only)");
    return OK;
}

/* Nobody starts what has no room. */
static enum status start(struct executor *x, const struct request *r, struct task **task,
                         enum start_outcome *outcome, size_t *lost, struct error *err)
{
    (void)x, (void)task;
    *outcome = START_STARTED;
    *lost = 0;
    return error_set(err, ERR_SYSTEM, r->label, "it was started where nothing runs");
}

static enum status say(struct executor *x, struct task *task, const char *line, struct error *err)
{
    (void)x, (void)task, (void)line, (void)err;
    assert(!"no task to speak to");
    return OK;
}

static void pause(struct executor *x, struct task *task, bool paused)
{
    (void)x, (void)task, (void)paused;
}

static void rest(struct executor *x, struct task *task)
{
    (void)x, (void)task;
}

static bool wake(struct executor *x, struct task *task)
{
    (void)x, (void)task;
    return true;
}

static bool is_short(struct executor *x)
{
    (void)x;
    return false;
}

static struct card_count cards(const struct executor *x)
{
    (void)x;
    return (struct card_count){0, 0, 0};
}

static enum status blame(struct executor *x, struct task *task, enum card_fault fault,
                         const char *said, const char **cards, struct error *err)
{
    (void)x, (void)task, (void)fault, (void)said, (void)err;
    *cards = "";
    return OK;
}

static void end(struct executor *x, struct task *task, bool by_force)
{
    (void)x, (void)task, (void)by_force;
}

static enum status next(struct executor *x, int64_t until_ns, struct executor_event *event,
                        struct error *err)
{
    (void)x, (void)until_ns, (void)err;
    *event = (struct executor_event){.kind = EVENT_NONE};
    return OK;
}

static int64_t now(const struct executor *x)
{
    (void)x;
    return 0;
}

static const struct executor_calls calls = {
    .has_slot = has_slot,
    .slot = slot,
    .start = start,
    .say = say,
    .pause = pause,
    .rest = rest,
    .wake = wake,
    .is_short = is_short,
    .cards = cards,
    .blame = blame,
    .end = end,
    .close = end,
    .next = next,
    .now = now,
};

void idle_executor(enum slot slot, struct executor *real, struct idle_executor *out)
{
    *out = (struct idle_executor){.executor = {&calls}, .slot = slot, .real = real};
}
