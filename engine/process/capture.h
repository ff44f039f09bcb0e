/*
 * capture: a short command whose standard output is the answer: the identity of a tool, the commit
 * that a branch names. An interrupt ends it.
 */
#ifndef ENGINE_PROCESS_CAPTURE_H
#define ENGINE_PROCESS_CAPTURE_H

#include "base/error.h"
#include "engine/process/runner.h"

struct arena;

struct capture {
    struct keeper *keeper;
    int signals; /* readable means interrupted; what is there is left unread. -1: none */
    int seconds; /* at most so long */
};

/*
 * Runs the command (pipe_output and log are set here) in its folder. The output, at most 64 KB,
 * lives in the arena. ERR_FAILED: another status than 0, with what it said; too long, too much.
 * ERR_INPUT: a program of ours ended with 2. ERR_INTERRUPTED.
 */
enum status capture_run(const struct capture *c, const struct command *command, const char *what,
                        struct arena *arena, char **out, struct error *err) MUST_CHECK;

#endif
