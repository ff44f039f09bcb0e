/* strays: a walk over /proc. Start at strays_end. */
#include "engine/process/strays.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 100 }; /* what forks as fast as it is killed is left to its luck */

int strays_adopt(void)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    return open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
}

/* Counts the words of the list: the numbers of our children. */
bool strays_any(int list, int known)
{
    char bytes[4096];
    off_t at = 0;
    ssize_t n;
    int words = 0;

    while ((n = pread(list, bytes, sizeof bytes, at)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            words += bytes[i] == ' ';
        at += n;
    }
    return n < 0 || words > known; /* not every kernel tells: then look closely */
}

/* Whether the environment of a process has an entry that begins with "HOME=" and home. */
static bool has_home(int proc, const char *pid, const char *home)
{
    static const char prefix[] = "HOME=";
    const size_t n_prefix = sizeof prefix - 1, n_home = strlen(home);
    char name[32 + sizeof "/environ"], bytes[4096];
    size_t at = 0; /* how far the present entry agrees */
    bool agrees = true;
    ssize_t n;
    int fd;

    (void)stpcpy(stpcpy(name, pid), "/environ");
    if ((fd = openat(proc, name, O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\0') {
                at = 0;
                agrees = true;
                continue;
            }
            if (!agrees)
                continue;
            agrees = bytes[i] == (at < n_prefix ? prefix[at] : home[at - n_prefix]);
            if (agrees && ++at == n_prefix + n_home) {
                close(fd);
                return true;
            }
        }
    close(fd);
    return false;
}

static int number_of(const char *name)
{
    int n = 0;

    for (; *name >= '0' && *name <= '9' && n < 100000000; name++)
        n = 10 * n + (*name - '0');
    return *name ? 0 : n;
}

/* The kernel's form of a folder's entry: getdents64(2). */
struct entry {
    uint64_t ino;
    int64_t off;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* One walk; the number of processes that were killed. */
static int kill_once(int proc, const char *home)
{
    _Alignas(struct entry) char bytes[8192];
    int killed = 0;
    long n;

    while ((n = syscall(SYS_getdents64, proc, bytes, sizeof bytes)) > 0)
        for (long i = 0; i < n;) {
            const struct entry *e = (const struct entry *)(const void *)(bytes + i);
            const int pid = number_of(e->name);
            i += e->length;
            if (pid <= 1 || pid == getpid() || !has_home(proc, e->name, home))
                continue;
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, NULL, 0); /* of no other's child */
            killed++;
        }
    return killed;
}

void strays_end(const char *home)
{
    for (int round = 0; round < ROUNDS; round++) {
        const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int killed = 0;
        if (proc >= 0) {
            killed = kill_once(proc, home);
            close(proc);
        }
        if (killed == 0)
            return;
    }
}
