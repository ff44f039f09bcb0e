/*
 * capture: short commands whose standard output is the answer: the identity of a tool, the commit
 * that a branch names. An interrupt ends them.
 */
#ifndef ENGINE_PROCESS_CAPTURE_H
#define ENGINE_PROCESS_CAPTURE_H

#include <stddef.h>

#include "base/error.h"
#include "engine/process/runner.h"

struct arena;

struct capture {
    struct reaper *reaper;
    int signals; /* readable means interrupted; what is there is left unread. -1: none */
    int seconds; /* at most so long, but for the time in which this program is stopped */
};

/* One command, and what came of it. */
struct question {
    struct command command; /* pipe_output and log are set here */
    const char *what;       /* for messages */
    char *answer;           /* its standard output, where status is OK */
    enum status status;
    struct error error;
};

/*
 * Runs the commands side by side, each in its folder. An answer is a text of at most 64 KB that
 * lives in the arena. Status of a question: ERR_FAILED: another exit status than 0, with what it
 * said; too long, too much, no text. ERR_INPUT: a program of ours ended with 2.
 * ERR_INTERRUPTED, and what keeps all from running, is returned.
 */
enum status capture_all(const struct capture *c, struct question *questions, size_t n,
                        struct arena *arena, struct error *err) MUST_CHECK;

/* The same for one, whose status and error it returns. */
enum status capture_run(const struct capture *c, const struct command *command, const char *what,
                        struct arena *arena, char **out, struct error *err) MUST_CHECK;

#endif
