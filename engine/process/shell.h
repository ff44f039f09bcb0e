/* shell: a shell for whoever sits at the terminal, in a folder and environment that are given. */
#ifndef ENGINE_PROCESS_SHELL_H
#define ENGINE_PROCESS_SHELL_H

#include "base/error.h"

/*
 * Runs $SHELL, or sh, in the folder and waits for its end. Interactive where standard input is a
 * terminal: it then has what the user types, Ctrl-C too. env is NULL-terminated. *exit_code is its
 * status, or 128 + signal. Where it stops, so do we, until we are told to go on. SIGTERM and SIGHUP
 * end it, if it does not hear within five seconds or they come again by SIGKILL: ERR_INTERRUPTED.
 */
enum status shell_run(const char *folder, char *const *env, int *exit_code,
                      struct error *err) MUST_CHECK;

#endif
