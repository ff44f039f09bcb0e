/* shell: a child in our own process group, which has the terminal. Start at shell_run. */
#include "engine/process/shell.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the terminal sends is for the shell: we wait whatever comes. */
static const int of_the_terminal[] = {SIGINT, SIGQUIT, SIGTSTP};
enum { N_OF_THE_TERMINAL = sizeof of_the_terminal / sizeof *of_the_terminal };

static enum status spawn(const char *shell, const char *folder, char *const *env, pid_t *pid,
                         struct error *err)
{
    char *const argv[] = {(char *)shell, isatty(0) ? "-i" : NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t ours, none;
    int refused;

    (void)sigemptyset(&none);
    (void)sigemptyset(&ours);
    for (size_t i = 0; i < N_OF_THE_TERMINAL; i++)
        (void)sigaddset(&ours, of_the_terminal[i]);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return error_memory(err);
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return error_memory(err);
    }
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigdefault(&attributes, &ours);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    refused = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (refused == 0)
        refused = posix_spawn(pid, shell, &actions, &attributes, argv, env);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    errno = refused;
    return refused == 0 ? OK : error_system(err, shell, "start the shell");
}

/* It has stopped itself: so do we, where a shell sits above us that can let both go on. */
static void stop_with(pid_t pid)
{
    if (getsid(0) != getpid())
        (void)raise(SIGSTOP);
    if (isatty(0))
        (void)tcsetpgrp(0, getpgid(pid));
    (void)kill(pid, SIGCONT);
}

/* How often a shell is told to end, a tenth of a second apart, before it is killed. */
enum { N_TOLD = 50, TOLD_EVERY_NS = 100 * 1000 * 1000 };

/*
 * An interactive shell ignores SIGTERM; that its terminal is gone ends it. It is told again: bash
 * loses what comes just before it waits for a line.
 */
static void end(pid_t pid, int told)
{
    (void)kill(pid, told < N_TOLD ? SIGHUP : SIGKILL);
    (void)kill(pid, SIGCONT);
}

/* `heard` is blocked: a signal that comes before it is waited for is not lost. */
static enum status wait_for(pid_t pid, const sigset_t *heard, int *exit_code, struct error *err)
{
    const struct timespec moment = {.tv_nsec = TOLD_EVERY_NS};
    int status, number, told = 0;
    pid_t changed;

    while ((changed = waitpid(pid, &status, WNOHANG | WUNTRACED)) >= 0) {
        if (changed > 0 && !WIFSTOPPED(status)) {
            *exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            return told ? error_set(err, ERR_INTERRUPTED, "", "interrupted") : OK;
        }
        if (changed > 0) {
            stop_with(pid);
            continue;
        }
        number = sigtimedwait(heard, NULL, told ? &moment : NULL);
        if (number == SIGCHLD || (number < 0 && errno != EAGAIN))
            continue;
        end(pid, told && number > 0 ? N_TOLD : told); /* whoever asks twice means it */
        told++;
    }
    return error_system(err, "", "wait for the shell");
}

enum status shell_run(const char *folder, char *const *env, int *exit_code, struct error *err)
{
    const char *shell = getenv("SHELL");
    struct sigaction before[N_OF_THE_TERMINAL], ignore = {.sa_handler = SIG_IGN};
    sigset_t heard, blocked;
    enum status s;
    mode_t mask;
    pid_t pid = 0;

    if (!shell || access(shell, X_OK) != 0)
        shell = "/bin/sh";
    for (size_t i = 0; i < N_OF_THE_TERMINAL; i++)
        (void)sigaction(of_the_terminal[i], &ignore, &before[i]);
    (void)sigemptyset(&heard);
    (void)sigaddset(&heard, SIGCHLD);
    (void)sigaddset(&heard, SIGTERM);
    (void)sigaddset(&heard, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &heard, &blocked);
    mask = umask(022); /* as an action has it */
    s = spawn(shell, folder, env, &pid, err);
    (void)umask(mask);
    if (s == OK)
        s = wait_for(pid, &heard, exit_code, err);
    (void)sigprocmask(SIG_SETMASK, &blocked, NULL);
    for (size_t i = 0; i < N_OF_THE_TERMINAL; i++)
        (void)sigaction(of_the_terminal[i], &before[i], NULL);
    return s;
}
