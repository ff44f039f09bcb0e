/*
 * interpreter: a Python that has loaded the libraries of a trainer, and forks a child for each of
 * its runs: a start costs milliseconds instead of the time of the imports.
 *
 * Life       interpreter_start begins to load; interpreter_look says when something has come: then
 *            it forks, is ready, or is gone, with a sentence that says why. One that is ready has a
 *            child that waits, so a run does not wait for a fork: interpreter_ask gives it the run,
 *            interpreter_take is called once its reply is readable. interpreter_close ends it; the
 *            runs live on.
 * Children   are ours, in a group of their own, as if runner_start had started them: whoever forks
 *            one ends at once, and orphans are adopted (strays_adopt). One that waits is in the
 *            interpreter's group; it begins once the keeper knows its own: none outlives us.
 * Protocol   engine/python/preload.py has it. Records on a socket, so nothing that is read can be
 *            longer than expected; nothing here waits for the other side.
 */
#ifndef ENGINE_PROCESS_INTERPRETER_H
#define ENGINE_PROCESS_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/process/runner.h"

struct arena;

enum interpreter_state {
    INTERPRETER_LOADS,
    INTERPRETER_FORKS, /* it is loaded, and no child waits yet */
    INTERPRETER_READY,
    INTERPRETER_GONE
};

struct interpreter {
    struct process process;
    int socket; /* readable: interpreter_look; -1 once it is gone */
    enum interpreter_state state;
    pid_t child;   /* that waits, once it is ready; else 0 */
    char why[512]; /* of one that is gone */
};

/* What is loaded, and where. */
struct interpreter_plan {
    const char *program, *argv0; /* of Python */
    const char *preload;         /* our program's path */
    const char *script;          /* its name in the folder of a run */
    const char *reads;           /* such a folder, which stays until it is ready */
    const char **modules;        /* among the inputs, in `folder` too */
    size_t n_modules;
    const char *folder; /* its own, and its HOME in env */
    const char *log;    /* receives what it writes to standard error */
    char *const *env;
};

/* A child that was given a run. */
struct birth {
    int reply; /* readable: interpreter_take. -1: no child was */
    pid_t pid;
};

/* Starts it; scratch holds its arguments for the time of the call. */
enum status interpreter_start(struct reaper *reaper, const struct interpreter_plan *plan,
                              struct arena *scratch, struct interpreter *out,
                              struct error *err) MUST_CHECK;

/* Reads what has come. Ready only where it has printed nothing on standard output. */
void interpreter_look(struct interpreter *i);

/* It is no longer waited for: it is gone, for this reason. */
void interpreter_give_up(struct interpreter *i, const char *why);

/* The ways into a room, and what may be done in there; n 0: it stays where it is. */
struct entry {
    const int *ways;
    size_t n;
    uint64_t rights;
};

/*
 * Asks the child that waits to become the command, with the streams that *process gets. False: it
 * could not be asked.
 */
bool interpreter_ask(struct interpreter *i, const struct command *command,
                     const struct entry *entry, struct birth *birth, struct process *process);

/* Takes the child, or whom it has forked in a room, which then begins. False: there is none.
 * birth->reply is closed. */
bool interpreter_take(struct reaper *reaper, const char *home, struct birth *birth,
                      struct process *process);

/* Whoever comes is not wanted any more. */
void interpreter_refuse(struct birth *birth);

/* Ends it, and closes what is open. */
void interpreter_close(struct reaper *reaper, struct interpreter *i);

#endif
