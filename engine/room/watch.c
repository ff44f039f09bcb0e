/* watch: a filter, and what its notifications say. Start at watch_begin and watch_hear. */
#include "engine/room/watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_CALLS AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_CALLS AUDIT_ARCH_AARCH64
#else
#define OUR_CALLS 0 /* no call is of it: nothing is seen */
#endif

/* Where a call has its path: the descriptor of the folder that it begins at, and its text. */
struct path_call {
    int number;
    int folder; /* -1: the working folder */
    int text;
    enum { RUNS = -1, MAKES = -2 } flags; /* or where it has flags that say it */
};

static const struct path_call path_calls[] = {
#ifdef SYS_open
    {SYS_open, -1, 0, 1},        {SYS_creat, -1, 0, MAKES},    {SYS_mkdir, -1, 0, MAKES},
    {SYS_mknod, -1, 0, MAKES},   {SYS_link, -1, 1, MAKES},     {SYS_symlink, -1, 1, MAKES},
    {SYS_rename, -1, 1, MAKES},
#endif
#ifdef SYS_renameat
    {SYS_renameat, 2, 3, MAKES},
#endif
    {SYS_openat, 0, 1, 2},       {SYS_openat2, 0, 1, 2},       {SYS_execve, -1, 0, RUNS},
    {SYS_execveat, 0, 1, RUNS},  {SYS_mkdirat, 0, 1, MAKES},   {SYS_mknodat, 0, 1, MAKES},
    {SYS_linkat, 2, 3, MAKES},   {SYS_symlinkat, 1, 2, MAKES}, {SYS_renameat2, 2, 3, MAKES},
};

/* Where a call has its address, and the bytes of that; -1: both are in a struct msghdr. */
struct network_call {
    int number;
    int address;
};

static const struct network_call network_calls[] = {
    {SYS_connect, 1}, {SYS_bind, 1}, {SYS_sendto, 4}, {SYS_sendmsg, -1}, {SYS_sendmmsg, -1}};

enum {
    N_PATHS = sizeof path_calls / sizeof *path_calls,
    N_NETWORK = sizeof network_calls / sizeof *network_calls,
    MOST_STEPS = 3 + N_PATHS + N_NETWORK + 2
};

/* ---- the filter ---- */

/* From step `at` to step `to` where it is equal, else to the next, or the other way round. */
static struct sock_filter jump(size_t at, size_t to, uint32_t value)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (uint8_t)(to - at - 1),
                                        0);
}

static size_t write_filter(struct sock_filter *f, bool network)
{
    const size_t calls = N_PATHS + (network ? 0 : N_NETWORK), allow = 3 + calls, tell = allow + 1;
    size_t n = 0;

    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    f[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_CALLS, 0,
                                        (uint8_t)(allow - n - 1));
    n++;
    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < N_PATHS; i++, n++)
        f[n] = jump(n, tell, (uint32_t)path_calls[i].number);
    for (size_t i = 0; n < allow; i++, n++)
        f[n] = jump(n, tell, (uint32_t)network_calls[i].number);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    return n;
}

bool watch_begin(bool network, int *listener)
{
    struct sock_filter steps[MOST_STEPS];
    const struct sock_fprog program = {(unsigned short)write_filter(steps, network), steps};
    /* a call that was heard is not begun again at each signal (since Linux 5.19) */
    const unsigned long listens = SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        patient = listens | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

    *listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, patient, &program);
    if (*listener < 0 && errno == EINVAL)
        *listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listens, &program);
    return *listener >= 0;
}

int watch_take(pid_t pid, int number)
{
    const int process = (int)syscall(SYS_pidfd_open, pid, 0);
    const int taken = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, number, 0);
    const int why = errno;

    if (process >= 0)
        close(process);
    errno = why;
    return taken;
}

/* ---- what a call says ---- */

/* So many bytes at an address of its memory, or as many as there are. */
static ssize_t read_memory(pid_t pid, uint64_t address, void *bytes, size_t n)
{
    char path[64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    if (address > INT64_MAX || (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return -1;
    got = pread(fd, bytes, n, (off_t)address);
    close(fd);
    return got;
}

static bool read_folder(pid_t pid, int fd, char out[PATH_MAX])
{
    char link[64];
    ssize_t n;

    if (fd == AT_FDCWD)
        (void)snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    else
        (void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
    n = readlink(link, out, PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void read_path(const struct seccomp_notif *call, const struct path_call *at,
                      char out[PATH_MAX])
{
    const int folder = at->folder < 0 ? AT_FDCWD : (int)call->data.args[at->folder];
    char text[PATH_MAX], from[PATH_MAX] = "";
    const ssize_t n = read_memory((pid_t)call->pid, call->data.args[at->text], text, sizeof text);

    if (n <= 0 || !*text || !memchr(text, '\0', (size_t)n))
        return; /* the kernel finds no path there either */
    if (*text != '/' && !read_folder((pid_t)call->pid, folder, from))
        return;
    if (snprintf(out, PATH_MAX, "%s%s%s", from, *from ? "/" : "", text) >= PATH_MAX)
        *out = '\0'; /* no file has such a name */
}

static enum watched_kind kind_of(const struct seccomp_notif *call, const struct path_call *at)
{
    uint64_t flags = at->flags >= 0 ? call->data.args[at->flags] : 0;

    if (at->flags < 0)
        return at->flags == RUNS ? WATCHED_RUNS : WATCHED_MAKES;
    if (call->data.nr == SYS_openat2 &&
        read_memory((pid_t)call->pid, flags, &flags, sizeof flags) != sizeof flags)
        return WATCHED_POINTS; /* the kernel cannot read them either */
    return flags & O_CREAT ? WATCHED_MAKES : flags & O_PATH ? WATCHED_POINTS : WATCHED_READS;
}

static bool is_inside(const struct sockaddr_storage *address)
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    struct in_addr four = ((const struct sockaddr_in *)address)->sin_addr;

    if (address->ss_family == AF_INET6) {
        if (!IN6_IS_ADDR_V4MAPPED(six))
            return IN6_IS_ADDR_LOOPBACK(six) || IN6_IS_ADDR_UNSPECIFIED(six);
        memcpy(&four, &six->s6_addr[12], sizeof four);
    } else if (address->ss_family != AF_INET) {
        return true; /* between processes, or to the kernel */
    }
    return ntohl(four.s_addr) >> 24 == 127 || four.s_addr == htonl(INADDR_ANY);
}

static void write_address(const struct sockaddr_storage *address, char out[PATH_MAX])
{
    const bool six = address->ss_family == AF_INET6;
    const void *number = six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    const int port = ntohs(six ? ((const struct sockaddr_in6 *)address)->sin6_port
                               : ((const struct sockaddr_in *)address)->sin_port);
    char text[INET6_ADDRSTRLEN] = "";

    (void)inet_ntop(address->ss_family, number, text, sizeof text);
    (void)snprintf(out, PATH_MAX, "the network (%s%s%s:%d)", six ? "[" : "", text, six ? "]" : "",
                   port);
}

static void read_address(const struct seccomp_notif *call, const struct network_call *at,
                         char out[PATH_MAX])
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    uint64_t where = call->data.args[at->address < 0 ? 1 : at->address], n;
    struct msghdr message;

    if (at->address < 0) {
        if (read_memory((pid_t)call->pid, where, &message, sizeof message) != sizeof message)
            return;
        where = (uint64_t)(uintptr_t)message.msg_name;
        n = message.msg_namelen;
    } else {
        n = call->data.args[at->address + 1];
    }
    if (!where || n < sizeof(sa_family_t))
        return;
    if (n > sizeof address)
        n = sizeof address;
    if (read_memory((pid_t)call->pid, where, &address, n) == (ssize_t)n && !is_inside(&address))
        write_address(&address, out);
}

static void read_call(const struct seccomp_notif *call, struct watched *out)
{
    for (size_t i = 0; i < N_PATHS; i++)
        if (call->data.nr == path_calls[i].number) {
            read_path(call, &path_calls[i], out->asked);
            out->kind = kind_of(call, &path_calls[i]);
        }
    for (size_t i = 0; i < N_NETWORK; i++)
        if (call->data.nr == network_calls[i].number)
            read_address(call, &network_calls[i], out->asked);
}

bool watch_hear(int listener, struct watched *out)
{
    struct seccomp_notif call;

    memset(&call, 0, sizeof call); /* the kernel wants all of it so */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
        return false;
    out->id = call.id;
    out->kind = WATCHED_READS;
    *out->asked = '\0';
    read_call(&call, out);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) != 0)
        *out->asked = '\0'; /* it has ended, and its number may be another's */
    return true;
}

void watch_go_on(int listener, const struct watched *w)
{
    struct seccomp_notif_resp answer = {.id = w->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}
