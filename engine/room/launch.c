/* launch: system calls between a room and a command. Start at launch_begin. */
#include "engine/room/launch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/room/watch.h"
#include "engine/room/words.h"

enum { JOIN_SESSION_KEYRING = 1, CHILD_STACK = 64 * 1024 };

static mode_t octal(const char *digits)
{
    mode_t mask = 0;

    for (; *digits; digits++)
        mask = mask * 8 + (mode_t)(*digits - '0');
    return mask;
}

/* Who reads the pipe takes the listener, by its number here: below 0, as errno is above. */
static bool be_watched(bool network, int pipe)
{
    int listener, told;

    if (prctl(PR_SET_DUMPABLE, 1) != 0 || !watch_begin(network, &listener))
        return false;
    told = -1 - listener;
    return write(pipe, &told, sizeof told) == (ssize_t)sizeof told;
}

/* Becomes the command, or says why not. Not watched, it does so on a stack of its own in this
 * process's memory, which waits: system calls only, and see child_main in runner.c. */
__attribute__((no_sanitize("address"))) static int become(void *context)
{
    const struct launch *l = context;
    char *const *s = l->sheet;
    sigset_t none;

    sigemptyset(&none);
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            (void)signal(sig, SIG_DFL);
    /* a session of its own has no terminal, and its leader stays in its group; keys that somebody
     * has are none of its */
    if (setsid() < 0 ||
        (syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS &&
         errno != EPERM) ||
        unshare(CLONE_NEWIPC) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        goto failed;
    (void)umask(octal(s[SHEET_MASK]));
    if (chdir(s[SHEET_FOLDER]) != 0)
        goto failed;
    for (int i = 0; i < ROOM_STREAMS; i++)
        if (dup2(l->fds[1 + i], i) < 0)
            goto failed;
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOEXEC */) != 0)
        goto failed;
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (l->watched && !be_watched(l->network, l->pipe))
        goto failed;
    (void)execve(s[SHEET_PROGRAM], l->argv, l->env);
failed:
    (void)!write(l->pipe, &errno, sizeof errno);
    _exit(127);
}

pid_t launch_begin(struct launch *l, char **stack)
{
    pid_t pid;

    if (l->watched) {
        if ((pid = fork()) == 0)
            become(l);
        return pid;
    }
    if (!*stack) {
        char *made = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (made == MAP_FAILED)
            return -1;
        *stack = made;
    }
    return clone(become, *stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, l);
}
