/*
 * executor: where processes run. The port between a build, which knows what is to run, and a place
 * that runs it: this machine (local.h), none at all (idle.h), a made-up one in tests. Only an
 * executor knows pids, pipes, folders and slots.
 *
 * Life       executor_slot says whether a request could start now. executor_start makes the task's
 *            folder, puts its inputs there and starts it. Events of all tasks then come one at a
 *            time from executor_next, until the task's EVENT_EXIT. executor_close frees the task,
 *            and ends it first where it still runs.
 * Order      All output of a task comes before its EVENT_EXIT, and in the order in which it was
 *            written. Between tasks there is no order.
 * Folder     It is the task's alone until its EVENT_EXIT. From then on another build may take a
 *            checkpoint out of it, so nothing in it is changed before executor_close.
 * Ending     executor_end asks the task to end (SIGTERM), and ends it by force when it has not
 *            after 5 s; executor_kill ends it by force at once. Both lead to its EVENT_EXIT.
 * Pausing    A paused task stands still until it goes on, or is ended.
 * Waiting    A task that speaks may wait for a word: from executor_rest on others have its cpus
 *            (not its GPU and memory, where its state lies), and executor_wake takes them again
 *            before the word is said. Where executor_is_short says so, fewer should wait.
 * Cards      A task may hold GPUs. executor_blame says, when it has ended, what its end tells of
 *            them: a card that was full gets nothing more for a while, a broken one nothing at all.
 * Loss       A task whose place is gone (a node of a cluster) ends with `lost`: by no fault of its
 *            own, so it may be started anew.
 * Time       executor_now counts while the executor could watch its tasks: it stands still while
 *            this program is stopped, or the machine sleeps. Time limits are measured by it.
 * Threads    One thread.
 */
#ifndef ENGINE_EXECUTOR_EXECUTOR_H
#define ENGINE_EXECUTOR_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct action;
struct arena;
struct content;

/* What is to run. All of it is borrowed until executor_start returns, action and label until
 * executor_close. */
struct request {
    const char *label;           /* for people */
    const struct digest *key;    /* its folder's name begins with it */
    const char *where;           /* of the action in the recipe */
    const struct action *action; /* command, environment, resources, names of inputs and outputs */
    const struct content **inputs; /* in the order of the action's */
    const char *identity; /* what a fetcher fetches, pinned; else what its key says of the tool */
    bool trains;     /* its standard output comes as events, and standard error too where the action
                        is a script, which knows of no protocol; else checkpoints go in and out */
    bool speaks;     /* its standard input is open to executor_say, and HPO_MORE says so; else it is
                        empty */
    bool watched;    /* in a room: what it asks for and is not shown is known at its end */
    int from, until; /* of a run of units: HPO_FROM, HPO_UNTIL */
    const struct digest *checkpoint; /* the tree that becomes HPO_CHECKPOINT_IN, or NULL */
    int others; /* further requests that could start now: idle cpus are shared with them */
};

/* What was hidden from a task that asked for it. */
struct asked_for {
    const char *what; /* an absolute path, or "the network (10.0.0.1:53)" */
    bool makes;       /* it was to be made there */
};

/* A started request. The caller may set owner and read the rest. */
struct task {
    void *owner;
    const char *folder; /* all that is the task's; NULL where it has none */
    const char *name;   /* with which the folder's begins: see struct failure */
    const char *dir;    /* its working folder: outputs are found here */
    const char *out;    /* HPO_CHECKPOINT_OUT of a task that trains; a script leaves it empty */
    const char *log;    /* what it wrote */
    double gpus;        /* cards that it holds; of one that it shares a part */
    const char *const
        *shown; /* what it sees besides its folder, /proc and /dev; NULL: everything */
    size_t n_shown;
    const char *const *bound; /* of these what not every task sees: its interpreter in a home */
    size_t n_bound;
    bool network;                  /* it has the machine's */
    const char *isolation;         /* "room", "landlock"; NULL: nothing is hidden from it */
    const struct asked_for *asked; /* of a task that is watched */
    size_t n_asked;
    bool caught; /* it was ended because it asked: nothing that it did since then counts */
};

enum executor_event_kind {
    EVENT_NONE,   /* the time is over */
    EVENT_OUTPUT, /* bytes that a task which trains has written */
    EVENT_EXIT,   /* nothing more comes from this task */
    EVENT_WAKE    /* something outside asks for attention: a signal */
};

struct executor_event {
    enum executor_event_kind kind;
    struct task *task;
    const char *bytes; /* valid until the next call of executor_next */
    size_t n;
    int exit_code; /* exit status, or 128 + signal */
    bool lost;
};

enum slot {
    SLOT_FREE,
    SLOT_HELD, /* there would be, without what tasks hold that wait for a word */
    SLOT_BUSY,
    SLOT_LATER,  /* by itself, after a while: a card was full */
    SLOT_REFUSED /* never in this build: *err says why */
};

/* What the end of a task tells of the cards that it held. */
enum card_fault {
    CARD_FULL,  /* its memory is taken */
    CARD_BROKEN /* nothing can be computed on it */
};

enum start_outcome {
    START_STARTED,
    START_LOST_INPUT,     /* the store has lost an input: *lost is its place among them */
    START_LOST_CHECKPOINT /* or the checkpoint that the run begins with */
};

/* GPUs, as far as they were looked for. */
struct card_count {
    int there, used; /* used: some task has it, or a slot of it */
    int slots;       /* of all that are there */
};

struct executor {
    const struct executor_calls *calls;
};

struct executor_calls {
    bool (*has_slot)(const struct executor *x);
    enum status (*slot)(struct executor *x, const struct request *r, enum slot *slot,
                        struct error *err);
    enum status (*start)(struct executor *x, const struct request *r, struct task **task,
                         enum start_outcome *outcome, size_t *lost, struct error *err);
    enum status (*say)(struct executor *x, struct task *task, const char *line, struct error *err);
    void (*pause)(struct executor *x, struct task *task, bool paused);
    void (*rest)(struct executor *x, struct task *task);
    bool (*wake)(struct executor *x, struct task *task);
    bool (*is_short)(struct executor *x);
    struct card_count (*cards)(const struct executor *x);
    enum status (*blame)(struct executor *x, struct task *task, enum card_fault fault,
                         const char *said, const char **cards, struct error *err);
    void (*end)(struct executor *x, struct task *task, bool by_force);
    void (*close)(struct executor *x, struct task *task, bool keep_folder);
    enum status (*next)(struct executor *x, int64_t until_ns, struct executor_event *event,
                        struct error *err);
    int64_t (*now)(const struct executor *x);
};

/* Whether anything could start now; false spares the asking. */
static inline bool executor_has_slot(const struct executor *x)
{
    return x->calls->has_slot(x);
}

/* Whether the request could start now. ERR_INPUT: never anywhere here, as it needs more than there
 * is. */
static inline MUST_CHECK enum status executor_slot(struct executor *x, const struct request *r,
                                                   enum slot *slot, struct error *err)
{
    return x->calls->slot(x, r, slot, err);
}

/* Starts a request for which there is room. *outcome other than STARTED: *err says what is lost,
 * and no task was made. */
static inline MUST_CHECK enum status executor_start(struct executor *x, const struct request *r,
                                                    struct task **task, enum start_outcome *outcome,
                                                    size_t *lost, struct error *err)
{
    return x->calls->start(x, r, task, outcome, lost, err);
}

/* Writes a line (without its newline) to the standard input of a task that trains. */
static inline MUST_CHECK enum status executor_say(struct executor *x, struct task *task,
                                                  const char *line, struct error *err)
{
    return x->calls->say(x, task, line, err);
}

static inline void executor_pause(struct executor *x, struct task *task)
{
    x->calls->pause(x, task, true);
}

static inline void executor_go_on(struct executor *x, struct task *task)
{
    x->calls->pause(x, task, false);
}

static inline void executor_rest(struct executor *x, struct task *task)
{
    x->calls->rest(x, task);
}

/* False: there is no room for it now. */
static inline bool executor_wake(struct executor *x, struct task *task)
{
    return x->calls->wake(x, task);
}

/* Whether memory is short where the tasks run. */
static inline bool executor_is_short(struct executor *x)
{
    return x->calls->is_short(x);
}

static inline struct card_count executor_cards(const struct executor *x)
{
    return x->calls->cards(x);
}

/*
 * Of a task that has ended and held cards: those of them that it names in what it said, or else all
 * of them, have this fault. *cards: of which that was not known, for people; it lives as long as
 * the task.
 */
static inline MUST_CHECK enum status executor_blame(struct executor *x, struct task *task,
                                                    enum card_fault fault, const char *said,
                                                    const char **cards, struct error *err)
{
    return x->calls->blame(x, task, fault, said, cards, err);
}

static inline void executor_end(struct executor *x, struct task *task)
{
    x->calls->end(x, task, false);
}

static inline void executor_kill(struct executor *x, struct task *task)
{
    x->calls->end(x, task, true);
}

static inline void executor_close(struct executor *x, struct task *task, bool keep_folder)
{
    x->calls->close(x, task, keep_folder);
}

/* Waits for the next event, at most until executor_now is until_ns; what is there already comes
 * first, however late it is. */
static inline MUST_CHECK enum status executor_next(struct executor *x, int64_t until_ns,
                                                   struct executor_event *event, struct error *err)
{
    return x->calls->next(x, until_ns, event, err);
}

/* Nanoseconds. */
static inline int64_t executor_now(const struct executor *x)
{
    return x->calls->now(x);
}

#endif
