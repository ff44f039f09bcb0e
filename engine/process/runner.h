/*
 * runner: start, watch and end a command on this machine.
 *
 * Life       runner_start gives a process in a group of its own; runner_poll says whether it has
 *            ended; runner_signal reaches the whole group; runner_close reaps it, after a SIGKILL
 *            where it still runs.
 * Keeper     A group never outlives the program: a small process, started with the first command,
 *            kills what is left when its pipe from us breaks, even after a SIGKILL of ours.
 * Start      clone(CLONE_VM | CLONE_VFORK): a fork would copy the page tables of whatever the
 *            engine holds (70 ms with 2 GB).
 */
#ifndef ENGINE_PROCESS_RUNNER_H
#define ENGINE_PROCESS_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct arena;

struct command {
    const char *program; /* absolute path */
    char *const *argv;   /* NULL-terminated */
    char *const *env;    /* NULL-terminated, whole */
    const char *folder;  /* working folder */
    const char *home;    /* what has this HOME when we die is a stray: see strays.h. Or NULL */
    const char *log;     /* file that receives standard error, and standard output unless piped */
    mode_t mask;         /* umask of what it makes; 0: 022 */
    bool pipe_output;    /* standard output comes to us: process.output */
    bool pipe_error;     /* and standard error with it, in one stream */
    bool terminal;       /* which is a terminal's, not a pipe */
    bool pipe_input;     /* standard input is ours to write: process.input; else it is empty */
    int given_input;     /* or this descriptor of the caller's; 0: none */
    int ruleset;         /* of Landlock, which it cannot lift; 0: none */
};

struct process {
    pid_t pid;  /* also the group; 0: not running */
    int pidfd;  /* readable when it has ended */
    int output; /* read end, non-blocking, or -1 */
    int input;  /* write end, non-blocking, or -1 */
    bool ended;
    int exit_code; /* of an ended process: exit status, or 128 + signal */
    int64_t started_ns;
};

struct reaper {
    pid_t pid; /* 0: none yet */
    int pipe;
};

/* ERR_SYSTEM says what could not be started. On success the caller owns *out. */
enum status runner_start(struct reaper *reaper, const struct command *command, struct process *out,
                         struct error *err) MUST_CHECK;

/*
 * For a process that somebody else starts: the streams of the command. theirs: its standard input,
 * output and error, the caller's to close; *out has our ends.
 */
enum status runner_streams(const struct command *command, int theirs[3], struct process *out,
                           struct error *err) MUST_CHECK;

/* Closes our ends of streams that nobody got. */
void runner_drop_streams(struct process *p);

/* That process, once it is a child of ours and the leader of its group. *out has its streams.
 * False: it is gone. */
bool runner_adopt(struct reaper *reaper, pid_t pid, const char *home, struct process *out);

/* Writes to its standard input. What has closed it, or lets a full pipe stand unread, hears nothing
 * from here on. */
enum status runner_say(struct process *p, const char *bytes, size_t n,
                       struct error *err) MUST_CHECK;

/* Reaps the process if it has ended; *p then says how. */
void runner_poll(struct reaper *reaper, struct process *p);

/* Sends a signal to the whole group. */
void runner_signal(const struct process *p, int signal);

/* Kills whatever is left of the group and closes the descriptors. */
void runner_close(struct reaper *reaper, struct process *p);

/* Ends the reaper. All processes must have been closed. */
void runner_end(struct reaper *reaper);

/* Nanoseconds of the monotonic clock: for durations and limits, never for a key or a result. */
int64_t runner_now_ns(void);

#endif
