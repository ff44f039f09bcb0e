/* runner: processes in groups, and a reaper that outlives us by a moment. Start at runner_start. */
#include "engine/process/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "engine/process/strays.h"

enum { LANDLOCK_RESTRICT_SELF = 446 }; /* in no header of Debian 12 */

enum { CHILD_STACK = 64 * 1024, GROUPS_MAX = 1024, HOME_MAX = 1000 };

int64_t runner_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What the reaper is told: a group has started, or ended. */
struct message {
    int group;           /* positive: it has started; negative: it has ended */
    char home[HOME_MAX]; /* of a group that has started; "" where it has none */
};

/* The reaper's whole life. Only async-signal-safe calls: we were forked from a program with
 * threads. */
static void reaper_main(int from)
{
    struct message groups[GROUPS_MAX], message;
    int n = 0;

    while (read(from, &message, sizeof message) == sizeof message) {
        if (message.group > 0 && n < GROUPS_MAX)
            groups[n++] = message;
        for (int i = 0; i < n; i++)
            if (groups[i].group == -message.group)
                groups[i--] = groups[--n];
    }
    for (int i = 0; i < n; i++)
        (void)kill(-groups[i].group, SIGKILL);
    for (int i = 0; i < n; i++)
        if (groups[i].home[0])
            strays_end(groups[i].home);
    _exit(0);
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* For a moment the reaper has our descriptors too: a lock that we give up just by closing (flock)
 * would be held still. */
static enum status reaper_start(struct reaper *reaper, struct error *err)
{
    int words[2];

    if (pipe2(words, O_CLOEXEC) != 0)
        return error_system(err, "", "make a pipe");
    reaper->pid = fork(); /* once, before the engine holds much */
    if (reaper->pid < 0) {
        reaper->pid = 0;
        close_all(words, 2);
        return error_system(err, "", "start a process");
    }
    if (reaper->pid == 0) {
        (void)dup2(words[0], 0);
        (void)syscall(SYS_close_range, 1U, ~0U, 0U);
        (void)setsid(); /* an interrupt from the terminal is not for us */
        (void)signal(SIGPIPE, SIG_IGN);
        reaper_main(0);
    }
    close(words[0]);
    reaper->pipe = words[1];
    return OK;
}

static void tell(const struct reaper *reaper, int group, const char *home)
{
    struct message message = {.group = group};

    if (home && strlen(home) < HOME_MAX)
        (void)stpcpy(message.home, home);
    if (reaper->pid)
        (void)!write(reaper->pipe, &message, sizeof message);
}

/* What the child needs, and where it leaves its errno when it cannot become the command. */
struct launch {
    const struct command *command;
    int streams[3];
    int failed;
    const char *step;
};

/*
 * Runs in the child, on its own stack, in our memory, while we wait: system calls only. It never
 * returns, so the address sanitizer's marks around its frame would outlive the stack and be found
 * in whatever is mapped there next.
 */
__attribute__((no_sanitize("address"))) static int child_main(void *context)
{
    struct launch *l = context;
    sigset_t none;

    sigemptyset(&none);
    for (int s = 1; s < 32; s++)
        if (s != SIGKILL && s != SIGSTOP)
            (void)signal(s, SIG_DFL);
    l->step = "make a process group";
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        goto failed;
    (void)umask(l->command->mask ? l->command->mask : 022);
    l->step = "enter the working folder";
    if (chdir(l->command->folder) != 0)
        goto failed;
    l->step = "be restricted";
    if (l->command->ruleset && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                                syscall(LANDLOCK_RESTRICT_SELF, l->command->ruleset, 0U) != 0))
        goto failed;
    l->step = "redirect its output";
    if (dup2(l->streams[0], 0) < 0 || dup2(l->streams[1], 1) < 0 || dup2(l->streams[2], 2) < 0)
        goto failed;
    l->step = "close what is not its own"; /* also what the caller of hpo left open */
    if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
        goto failed;
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    l->step = "run";
    (void)execve(l->command->program, l->command->argv, l->command->env);
failed:
    l->failed = errno;
    _exit(127);
}

static enum status clone_child(struct launch *l, struct process *out, struct error *err)
{
    sigset_t all, before;
    int pidfd = -1, pid, refused;
    char *stack = mmap(NULL, CHILD_STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    if (stack == MAP_FAILED)
        return error_memory(err);
    sigfillset(&all); /* no handler of ours may run in the child */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = clone(child_main, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, l,
                &pidfd);
    refused = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)munmap(stack, CHILD_STACK);
    if (pid < 0) {
        errno = refused;
        return error_system(err, l->command->argv[0], "start a process");
    }
    if (l->failed) {
        (void)waitpid(pid, NULL, 0);
        close(pidfd);
        errno = l->failed;
        return error_system(err, l->command->argv[0], l->step);
    }
    out->pid = pid;
    out->pidfd = pidfd;
    return OK;
}

/* A terminal of its own, that changes nothing of what is written to it. */
static enum status open_terminal(int ends[2], struct error *err)
{
    const struct winsize size = {.ws_row = 24, .ws_col = 160};
    struct termios mode;
    char name[64];

    ends[1] = -1;
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0 &&
        ptsname_r(ends[0], name, sizeof name) == 0)
        ends[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] >= 0 && tcgetattr(ends[1], &mode) == 0) {
        mode.c_oflag &= ~(tcflag_t)OPOST;
        if (tcsetattr(ends[1], TCSANOW, &mode) == 0 && ioctl(ends[1], TIOCSWINSZ, &size) == 0)
            return OK;
    }
    (void)error_system(err, "", "make a terminal");
    close_all(ends, 2);
    return ERR_SYSTEM;
}

/* Standard error goes where standard output goes. */
static enum status join_error(const struct command *command, int theirs[3], struct error *err)
{
    const int joined = fcntl(theirs[1], F_DUPFD_CLOEXEC, 0);

    if (joined < 0)
        return error_system(err, command->log, "open");
    close(theirs[2]);
    theirs[2] = joined;
    return OK;
}

static enum status open_streams(const struct command *command, int theirs[3], struct process *out,
                                struct error *err)
{
    int ends[2];

    theirs[2] = open(command->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (theirs[2] < 0)
        return error_system(err, command->log, "open");
    if (command->pipe_output) {
        if (command->terminal)
            TRY(open_terminal(ends, err));
        else if (pipe2(ends, O_CLOEXEC) != 0)
            return error_system(err, "", "make a pipe");
        out->output = ends[0];
        theirs[1] = ends[1];
        (void)fcntl(out->output, F_SETFL, O_NONBLOCK);
    } else if ((theirs[1] = fcntl(theirs[2], F_DUPFD_CLOEXEC, 0)) < 0) {
        return error_system(err, command->log, "open");
    }
    if (command->pipe_input) {
        if (pipe2(ends, O_CLOEXEC) != 0)
            return error_system(err, "", "make a pipe");
        theirs[0] = ends[0];
        out->input = ends[1];
        (void)fcntl(out->input, F_SETFL, O_NONBLOCK);
    } else if (command->given_input) {
        theirs[0] = fcntl(command->given_input, F_DUPFD_CLOEXEC, 0);
    } else {
        theirs[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (theirs[0] < 0)
        return error_system(err, "/dev/null", "open");
    return command->pipe_error ? join_error(command, theirs, err) : OK;
}

void runner_drop_streams(struct process *p)
{
    close_all((int[]){p->output, p->input}, 2);
    p->output = p->input = -1;
}

enum status runner_streams(const struct command *command, int theirs[3], struct process *out,
                           struct error *err)
{
    enum status s;

    *out = (struct process){.pidfd = -1, .output = -1, .input = -1};
    for (int i = 0; i < 3; i++)
        theirs[i] = -1;
    s = open_streams(command, theirs, out, err);
    if (s == OK)
        return OK;
    close_all(theirs, 3);
    for (int i = 0; i < 3; i++)
        theirs[i] = -1;
    runner_drop_streams(out);
    return s;
}

/* It runs, and the keeper knows it. */
static void begin(const struct reaper *reaper, const char *home, struct process *p)
{
    p->started_ns = runner_now_ns();
    tell(reaper, p->pid, home);
}

bool runner_adopt(struct reaper *reaper, pid_t pid, const char *home, struct process *out)
{
    const long pidfd = syscall(SYS_pidfd_open, pid, 0U);

    if (pidfd < 0)
        return false;
    out->pid = pid;
    out->pidfd = (int)pidfd;
    begin(reaper, home, out);
    return true;
}

enum status runner_start(struct reaper *reaper, const struct command *command, struct process *out,
                         struct error *err)
{
    struct launch l = {.command = command};
    enum status s;

    *out = (struct process){.pidfd = -1, .output = -1, .input = -1};
    if (!reaper->pid)
        TRY(reaper_start(reaper, err));
    TRY(runner_streams(command, l.streams, out, err));
    s = clone_child(&l, out, err);
    close_all(l.streams, 3);
    if (s != OK)
        runner_drop_streams(out);
    else
        begin(reaper, command->home, out);
    return s;
}

/* A process that has closed its end must not end us, whatever SIGPIPE means to the program; one
 * that does not read must not keep us waiting. */
enum status runner_say(struct process *p, const char *bytes, size_t n, struct error *err)
{
    const struct timespec at_once = {0};
    sigset_t pipe, before, pending;
    ssize_t written;
    enum status s = OK;

    if (p->input < 0)
        return OK;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
    if ((written = write(p->input, bytes, n)) != (ssize_t)n) {
        if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
            (void)sigtimedwait(&pipe, NULL, &at_once);
        else if (written < 0 && errno != EPIPE && errno != EAGAIN)
            s = error_system(err, "", "speak to a command");
        close(p->input);
        p->input = -1;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s;
}

/* The group is emptied before the leader is reaped: until then its number cannot be another's. */
static void reap(struct reaper *reaper, struct process *p, int options)
{
    siginfo_t info = {.si_pid = 0};
    int status;

    if (!p->pid || p->ended)
        return;
    if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOWAIT | options) != 0 || info.si_pid == 0)
        return;
    (void)kill(-p->pid, SIGKILL);
    if (waitpid(p->pid, &status, 0) != p->pid)
        return;
    tell(reaper, -p->pid, NULL);
    p->ended = true;
    p->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void runner_poll(struct reaper *reaper, struct process *p)
{
    reap(reaper, p, WNOHANG);
}

void runner_signal(const struct process *p, int signal)
{
    if (p->pid && !p->ended)
        (void)kill(-p->pid, signal);
    if (p->pid && !p->ended && signal == SIGKILL)
        (void)kill(p->pid, signal); /* it may have left its group */
}

void runner_close(struct reaper *reaper, struct process *p)
{
    runner_signal(p, SIGKILL);
    reap(reaper, p, 0);
    if (p->pidfd >= 0)
        close(p->pidfd);
    close_all((int[]){p->output, p->input}, 2);
    *p = (struct process){.pidfd = -1, .output = -1, .input = -1};
}

void runner_end(struct reaper *reaper)
{
    if (!reaper->pid)
        return;
    close(reaper->pipe);
    (void)waitpid(reaper->pid, NULL, 0);
    reaper->pid = 0;
}
