/* inside: namespaces, then one action after another. Start at inside_main. */
#include "engine/room/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/process/record.h"
#include "engine/room/launch.h"
#include "engine/room/room.h"
#include "engine/room/watch.h"
#include "engine/room/words.h"

enum { SOCKET = 0, LAST_CAPABILITY = 63, LIMITS = RLIM_NLIMITS };
enum { CLEAR_KEYRING = 7, USER_KEYRING = -4, USERS_SESSION = -5 };
enum { MOST_ASKED = 64 };

struct limits {
    struct rlimit list[LIMITS];
    char score[16];  /* of who is ended where memory is short */
    char dumped[16]; /* what a core has of it */
};

struct inside {
    struct limits limits;    /* of this process */
    struct room_reply reply; /* its step is where we are */
    struct mounts mounts;
    char **places; /* that every action sees; before each path SHEET_READS or SHEET_WRITES */
    size_t n_places;
    pid_t running;                 /* 0: nothing */
    bool awaits;                   /* somebody comes in, whom others reap */
    char *folder;                  /* that it is shown */
    bool network;                  /* is the machine's */
    int listener;                  /* to what runs; -1: it is not watched */
    const char *asked[MOST_ASKED]; /* what was told of it */
    size_t n_asked;
    struct arena *arena, *action; /* of what it is shown, and of what runs */
    char *stack;                  /* of what becomes a command; NULL: none did yet */
};

/* ---- words ---- */

static bool reply(struct inside *in, int kind)
{
    in->reply.kind = kind;
    return record_send(SOCKET, 0, &in->reply, sizeof in->reply, NULL, 0);
}

static bool reply_failed(struct inside *in, int kind)
{
    bool said;

    in->reply.failed = errno ? errno : EIO;
    said = reply(in, kind);
    in->reply.failed = 0;
    return said;
}

static void at(struct inside *in, const char *step)
{
    (void)snprintf(in->reply.step, sizeof in->reply.step, "%s", step);
}

static bool hear(struct room_request *request, int fds[ROOM_DESCRIPTORS])
{
    return record_receive(SOCKET, 0, request, sizeof *request, fds, ROOM_DESCRIPTORS, NULL);
}

static bool read_sheet(int sheet, struct arena *arena, char ***strings, size_t *n)
{
    struct error ignored;
    const bool whole = words_read(sheet, arena, strings, n, &ignored) == OK;

    if (sheet >= 0)
        close(sheet);
    if (!whole)
        errno = EPROTO;
    return whole;
}

/* ---- the room ---- */

static bool raise_loopback(struct inside *in)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up;

    at(in, "raise the loopback device");
    if (s < 0)
        return errno == EAFNOSUPPORT;
    up = ioctl(s, SIOCSIFFLAGS, &lo) == 0;
    close(s);
    return up;
}

/* In namespaces of its own an action would be root again, and could mount file systems that the
 * kernel shows to root: sysfs, cgroups. */
static bool forbid_namespaces(struct inside *in)
{
    static const char *const kinds[] = {"user", "pid", "mnt", "net", "cgroup", "time"};
    char path[64];
    int fd;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool written;
        (void)snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", kinds[i]);
        at(in, path);
        if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0 && errno == ENOENT)
            continue;
        written = fd >= 0 && write(fd, "0", 1) == 1;
        if (fd >= 0)
            close(fd);
        if (!written)
            return false;
    }
    return true;
}

static bool make(struct inside *in)
{
    struct room_request request;
    int fds[ROOM_DESCRIPTORS];
    char **strings;
    size_t n;

    at(in, "hear what it shows");
    if (!hear(&request, fds) || request.kind != ROOM_SHOW ||
        !read_sheet(fds[0], in->arena, &strings, &n))
        return false;
    at(in, "have a network of its own");
    in->network = n > 0 && *strings[0];
    if (n == 0 || (!in->network && (unshare(CLONE_NEWNET) != 0 || !raise_loopback(in))))
        return false;
    at(in, "have a name");
    if (sethostname("hpo", 3) != 0)
        return false;
    in->places = strings + 1;
    in->n_places = n - 1;
    return mounts_make(&in->mounts, in->places, in->n_places, in->reply.step) &&
           forbid_namespaces(in) && mounts_protect(in->reply.step);
}

/* ---- rights ---- */

/* Of whoever is run by this process, which keeps its own. */
static bool bound_rights(struct inside *in)
{
    at(in, "bound what actions may do");
    for (unsigned long c = 0; c <= LAST_CAPABILITY; c++)
        if (!(room_rights >> c & 1) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0 && errno != EINVAL)
            return false;
    return true;
}

/* ---- an action ---- */

/* Lets its calls go on until it is the command. */
static bool listen_to_start(struct inside *in, int pipe)
{
    struct pollfd fds[2] = {{.fd = pipe, .events = POLLIN}, {.events = POLLIN}};
    struct watched call;
    int told = EPROTO;

    at(in, "watch it");
    if (read(pipe, &told, sizeof told) != (ssize_t)sizeof told || told >= 0) {
        errno = told;
        return false;
    }
    if ((in->listener = watch_take(in->running, -1 - told)) < 0)
        return false;
    at(in, "run");
    fds[1].fd = in->listener;
    while (!fds[0].revents) {
        if (fds[1].revents && watch_hear(in->listener, &call))
            watch_go_on(in->listener, &call);
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return false;
    }
    return true;
}

/* Starts it, and waits until it is the command. False, with errno: it is none. */
static bool start_process(struct inside *in, char **s, size_t n, const int fds[ROOM_DESCRIPTORS])
{
    struct launch l = {.sheet = s, .fds = fds, .network = in->network};
    int ends[2], failed = 0;
    struct error ignored;
    int64_t argc;

    at(in, "run");
    if (text_parse_integer(s[SHEET_ARGC], "", 1, (int64_t)n, &argc, &ignored) != OK ||
        (size_t)argc > n - SHEET_ARGV) {
        errno = EPROTO;
        return false;
    }
    if (!(l.argv = arena_array(in->action, (size_t)argc + 1, sizeof *l.argv)) ||
        pipe2(ends, O_CLOEXEC) != 0)
        return false;
    memcpy(l.argv, s + SHEET_ARGV, (size_t)argc * sizeof *l.argv);
    l.env = s + SHEET_ARGV + argc; /* ends with the sheet's NULL */
    l.watched = *s[SHEET_WATCHED];
    l.pipe = ends[1];
    in->running = launch_begin(&l, &in->stack);
    close(ends[1]);
    if (in->running > 0 && l.watched && !listen_to_start(in, ends[0]))
        failed = errno;
    if (in->running > 0 && !failed)
        (void)!read(ends[0], &failed, sizeof failed);
    close(ends[0]);
    if (in->running < 0 || failed) {
        if (in->running > 0) {
            (void)kill(in->running, SIGKILL);
            (void)waitpid(in->running, NULL, 0);
        }
        errno = failed ? failed : errno;
        in->running = 0;
        return false;
    }
    return true;
}

static bool start(struct inside *in, int fds[ROOM_DESCRIPTORS])
{
    char **strings;
    size_t n;
    bool started;
    int why;

    arena_close(in->action);
    in->n_asked = 0;
    if (!(in->action = arena_open()))
        return false;
    at(in, "hear what is to run");
    started = read_sheet(fds[0], in->action, &strings, &n) && n > SHEET_ARGV;
    if (started) {
        in->folder = strings[SHEET_SHOWN];
        started = mounts_show(&in->mounts, in->places, in->n_places, in->folder, in->reply.step) &&
                  start_process(in, strings, n, fds);
        why = errno;
        if (!started)
            (void)mounts_hide(&in->mounts, in->folder, (char[ROOM_STEP]){0});
        errno = why;
    }
    for (int i = 1; i < ROOM_DESCRIPTORS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return started ? reply(in, ROOM_STARTED) : reply_failed(in, ROOM_STARTED);
}

/* Shows the folder, and opens the ways in. */
static bool open_ways(struct inside *in, int sheet, int ways[ROOM_WAYS])
{
    static const char *const names[ROOM_WAYS] = {"user", "pid", "mnt", "net", "ipc", "uts"};
    char path[64], **strings;
    size_t n;

    at(in, "hear who comes");
    if (!read_sheet(sheet, in->action, &strings, &n) || n <= SHEET_SHOWN)
        return false;
    in->folder = strings[SHEET_SHOWN];
    if (!mounts_show(&in->mounts, in->places, in->n_places, in->folder, in->reply.step))
        return false;
    for (int i = 0; i < ROOM_WAYS; i++) {
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
        at(in, path);
        if ((ways[i] = open(path, O_RDONLY | O_CLOEXEC)) < 0)
            return false;
    }
    return true;
}

static bool await(struct inside *in, const int fds[ROOM_DESCRIPTORS])
{
    int ways[ROOM_WAYS] = {-1, -1, -1, -1, -1, -1};
    bool said;

    in->awaits = true;
    arena_close(in->action);
    if (!(in->action = arena_open()))
        return false;
    if (open_ways(in, fds[0], ways)) {
        in->reply.kind = ROOM_READY;
        said = record_send(SOCKET, 0, &in->reply, sizeof in->reply, ways, ROOM_WAYS);
    } else {
        (void)reply_failed(in, ROOM_READY);
        said = false; /* a room that shows half of it is none */
    }
    for (int i = 0; i < ROOM_WAYS; i++)
        if (ways[i] >= 0)
            close(ways[i]);
    return said;
}

/* ---- what it asks for ---- */

static void stop_listening(struct inside *in)
{
    if (in->listener >= 0)
        close(in->listener);
    in->listener = -1;
}

static bool was_told(const struct inside *in, const char *asked)
{
    for (size_t i = 0; i < in->n_asked; i++)
        if (strcmp(asked, in->asked[i]) == 0)
            return true;
    return false;
}

/* Told before the call goes on: who is told knows it before anything that the process does next. */
static void tell_asked(struct inside *in, const struct watched *call)
{
    const char *words[] = {arena_string(in->action, call->asked),
                           call->kind == WATCHED_MAKES ? "make" : ""};
    int sheet;

    if (!words[0] || (sheet = words_write(words, 2)) < 0)
        return;
    in->asked[in->n_asked++] = words[0];
    in->reply.kind = ROOM_ASKED;
    (void)record_send(SOCKET, 0, &in->reply, sizeof in->reply, &sheet, 1);
    close(sheet);
}

static void listen_to(struct inside *in, short events)
{
    struct watched call;

    if (!(events & POLLIN)) { /* nobody is left who is watched */
        stop_listening(in);
        return;
    }
    if (!watch_hear(in->listener, &call))
        return;
    if (hidden_asked(&in->mounts, &call) && in->n_asked < MOST_ASKED && !was_told(in, call.asked))
        tell_asked(in, &call);
    watch_go_on(in->listener, &call);
}

/* ---- its end ---- */

/* Its beginning, with NULs behind it. False: it cannot be read. */
static bool read_beginning(const char *path, char *out, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (n >= 0)
        memset(out + n, 0, size - (size_t)n);
    return n >= 0;
}

/* What an action could change of this process, which has its user. */
static bool look_at_limits(struct limits *out)
{
    memset(out->dumped, 0, sizeof out->dumped);
    /* not every kernel has it */
    (void)read_beginning("/proc/self/coredump_filter", out->dumped, sizeof out->dumped);
    if (!read_beginning("/proc/self/oom_score_adj", out->score, sizeof out->score))
        return false;
    for (int i = 0; i < LIMITS; i++)
        if (getrlimit((__rlimit_resource_t)i, &out->list[i]) != 0)
            return false;
    return true;
}

/* Keys are the user's in this room, whoever comes next. */
static bool forget_keys(void)
{
    static const int keyrings[] = {USER_KEYRING, USERS_SESSION};

    for (size_t i = 0; i < sizeof keyrings / sizeof *keyrings; i++)
        if (syscall(SYS_keyctl, CLEAR_KEYRING, keyrings[i]) != 0 && errno != ENOSYS &&
            errno != EPERM && errno != ENOKEY)
            return false;
    return true;
}

static bool has_line(const char *path, const char *line)
{
    char bytes[2048];

    return read_beginning(path, bytes, sizeof bytes) && strstr(bytes, line);
}

/* A port that was used is not free for a while. The lists of connections say more, and take the
 * kernel a millisecond: it looks through those of the whole machine. */
static bool has_connections(const struct inside *in)
{
    static const char four[] = "/proc/self/net/sockstat", six[] = "/proc/self/net/sockstat6";

    return !in->network && (!has_line(four, "TCP: inuse 0 ") || !has_line(four, " tw 0 ") ||
                            (access(six, F_OK) == 0 && !has_line(six, "TCP6: inuse 0\n")));
}

static bool is_as_it_was(const struct inside *in)
{
    struct limits now;

    return look_at_limits(&now) && memcmp(&now, &in->limits, sizeof now) == 0 &&
           !has_connections(in);
}

/* Nothing that it has begun outlives it. */
static bool end(struct inside *in, int status)
{
    in->running = 0;
    in->awaits = false;
    (void)kill(-1, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        continue;
    stop_listening(in);
    in->reply.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    /* nothing can be written any more: what it has left is looked at while we clear up */
    if (!reply(in, ROOM_ENDED))
        return false;
    return mounts_hide(&in->mounts, in->folder, in->reply.step) && forget_keys() &&
           is_as_it_was(in); /* else it serves nobody more */
}

static bool reap(struct inside *in)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
        if (pid == in->running)
            return end(in, status);
    return true;
}

static bool answer(struct inside *in)
{
    struct room_request request;
    int fds[ROOM_DESCRIPTORS];

    if (!hear(&request, fds))
        return false;
    if (request.kind == ROOM_START && !in->running && !in->awaits)
        return start(in, fds);
    if (request.kind == ROOM_AWAIT && !in->running && !in->awaits)
        return await(in, fds);
    if (request.kind == ROOM_SIGNAL && in->awaits)
        return request.signal != SIGKILL || end(in, SIGKILL);
    if (request.kind == ROOM_SIGNAL && in->running)
        (void)kill(-in->running, request.signal);
    return true;
}

/* One action after another, until nobody wants more. */
static void serve(struct inside *in)
{
    struct signalfd_siginfo ignored;
    struct pollfd fds[3] = {
        {.fd = SOCKET, .events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};
    sigset_t ends;

    sigemptyset(&ends);
    sigaddset(&ends, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    fds[1].fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    for (bool on = fds[1].fd >= 0; on;) {
        fds[2].fd = in->listener;
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            break;
        if (fds[2].revents)
            listen_to(in, fds[2].revents);
        if (fds[1].revents)
            (void)!read(fds[1].fd, &ignored, sizeof ignored);
        on = reap(in);
        if (on && fds[0].revents)
            on = answer(in);
    }
}

/* The first process of its namespace: when it ends, all end. */
static int first_process(struct inside *in)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return 1;
    if (!make(in)) {
        (void)reply_failed(in, ROOM_READY);
        return 1;
    }
    if (!bound_rights(in)) {
        (void)reply_failed(in, ROOM_READY);
        return 1;
    }
    if (look_at_limits(&in->limits) && reply(in, ROOM_READY))
        serve(in);
    return 0;
}

int inside_main(void)
{
    const int own = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    struct inside in = {.arena = arena_open(), .listener = -1};
    struct room_request request;
    int fds[ROOM_DESCRIPTORS], status;
    pid_t first;

    at(&in, "have namespaces of its own");
    if (!in.arena || unshare(own) != 0) {
        (void)reply_failed(&in, ROOM_UNMAPPED);
        return 1;
    }
    if (!reply(&in, ROOM_UNMAPPED) || !hear(&request, fds) || request.kind != ROOM_MAPPED)
        return 1;
    if ((first = fork()) == 0)
        _exit(first_process(&in));
    if (first < 0)
        (void)reply_failed(&in, ROOM_READY);
    close(SOCKET);
    while (first > 0 && waitpid(first, &status, 0) < 0 && errno == EINTR)
        continue;
    arena_close(in.arena);
    return 0;
}
