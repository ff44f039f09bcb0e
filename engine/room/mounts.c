/* mounts: the root of a room. Start at mounts_make, then mounts_show. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/room/inside.h"
#include "engine/room/words.h"

#define OUTSIDE "/outside"
#define VAR "/var" /* whose tmp is a link to the other */

/* linux/mount.h beside sys/mount.h is an error in glibc 2.36. */
struct attributes {
    unsigned long long set, clear, propagation, userns;
};

enum { ATTRIBUTE_READ_ONLY = 1, RECURSIVE = 0x8000 };

/* Of /proc what is the machine's. Root could write there: the kernel looks at users alone. */
static const char *const kernels[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus",
                                      "/proc/fs",  "/proc/scsi",          "/proc/acpi"};

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                       {"/proc/self/fd/0", "/dev/stdin"},
                                       {"/proc/self/fd/1", "/dev/stdout"},
                                       {"/proc/self/fd/2", "/dev/stderr"},
                                       {"pts/ptmx", "/dev/ptmx"}};

static void at(char *step, const char *what, const char *path)
{
    (void)snprintf(step, ROOM_STEP, "%s%s%s", what, *path ? " " : "", path);
}

/* ---- single steps ---- */

static bool make_folders(const char *path)
{
    char part[PATH_MAX];
    size_t n = 0;

    if (strlen(path) >= sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    while (path[n]) {
        n += strcspn(path + n + 1, "/") + 1;
        memcpy(part, path, n);
        part[n] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

static bool set_read_only(const char *path, unsigned flags)
{
    struct attributes a = {.set = ATTRIBUTE_READ_ONLY};

    return syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &a, sizeof a) == 0;
}

static bool set_writable(const char *path)
{
    struct attributes a = {.clear = ATTRIBUTE_READ_ONLY};

    return syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &a, sizeof a) == 0;
}

static bool mount_memory(const char *path, const char *options)
{
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
}

static bool make_file(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The same place of outside, inside. */
static bool bind(const char *path)
{
    char from[PATH_MAX];

    if (snprintf(from, sizeof from, OUTSIDE "%s", path) >= (int)sizeof from) {
        errno = ENAMETOOLONG;
        return false;
    }
    return mount(from, path, NULL, MS_BIND | MS_REC, NULL) == 0;
}

/* Whether it lies in what is emptied for each action. */
static bool is_emptied(const char *path)
{
    return strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/dev/shm/", 9) == 0;
}

/* ---- the root ---- */

/* The same link as outside. */
static bool show_link(const char *outside, const char *path)
{
    char target[PATH_MAX];
    const ssize_t n = readlink(outside, target, sizeof target - 1);

    if (n < 0)
        return false;
    target[n] = '\0';
    return symlink(target, path) == 0 || errno == EEXIST;
}

/* What is a link outside is the same link here, on the way to the place too: where it leads is a
 * place of its own (places.h). What is not there is not shown. */
static bool show_place(const char *path, char *step)
{
    char outside[PATH_MAX], part[PATH_MAX];
    size_t n = 0;
    struct stat st = {.st_mode = 0};

    at(step, "show", path);
    while (path[n]) {
        n += strcspn(path + n + 1, "/") + 1;
        if (snprintf(part, sizeof part, "%.*s", (int)n, path) >= (int)sizeof part ||
            snprintf(outside, sizeof outside, OUTSIDE "%s", part) >= (int)sizeof outside)
            return true; /* no file has such a name */
        if (lstat(outside, &st) != 0)
            return errno == ENOENT || errno == EACCES || errno == ENOTDIR || errno == ELOOP ||
                   errno == ENAMETOOLONG;
        if (S_ISLNK(st.st_mode))
            return show_link(outside, part);
        if (path[n] && mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
    }
    if (S_ISDIR(st.st_mode) ? mkdir(path, 0755) != 0 && errno != EEXIST : !make_file(path))
        return false;
    return bind(path) && set_read_only(path, RECURSIVE);
}

static bool make_devices(char *step)
{
    char path[64];

    at(step, "make", "/dev");
    if (!make_folders("/dev/pts") || !make_folders("/dev/shm"))
        return false;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        (void)snprintf(path, sizeof path, "/dev/%s", devices[i]);
        at(step, "show", path);
        if (!make_file(path) || !bind(path) || !set_read_only(path, 0))
            return false; /* what is written to it is not written to a file system */
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], links[i][1]) != 0)
            return false;
    at(step, "mount", "/dev/pts");
    return mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                 "newinstance,ptmxmode=0666,mode=620") == 0;
}

/* The new root is made where /tmp is, for a folder that exists; outside it is as it was. */
static bool enter_root(char *step)
{
    at(step, "make mounts private", "");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    at(step, "mount memory on", "/tmp");
    if (!mount_memory("/tmp", "mode=0755") || mkdir("/tmp" OUTSIDE, 0755) != 0)
        return false;
    at(step, "change the root", "");
    return chdir("/tmp") == 0 && syscall(SYS_pivot_root, ".", "." OUTSIDE) == 0 && chdir("/") == 0;
}

static bool cover(char *step)
{
    at(step, "cover", OUTSIDE);
    return mount_memory(OUTSIDE, "mode=0000,size=4k") && set_read_only("/", 0);
}

static bool uncover(char *step)
{
    at(step, "uncover", OUTSIDE);
    return umount2(OUTSIDE, 0) == 0 && set_writable("/");
}

static bool make_proc(char *step)
{
    at(step, "mount", "/proc");
    return make_folders("/proc") &&
           mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
}

bool mounts_protect(char *step)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        at(step, "protect", kernels[i]);
        if (access(kernels[i], F_OK) == 0 &&
            (mount(kernels[i], kernels[i], NULL, MS_BIND | MS_REC, NULL) != 0 ||
             !set_read_only(kernels[i], RECURSIVE)))
            return false;
    }
    return true;
}

bool mounts_make(char *const *places, size_t n, char *step)
{
    if (!enter_root(step))
        return false;
    if (!make_proc(step) || !make_devices(step))
        return false;
    at(step, "make", "/tmp");
    if (!make_folders("/tmp") || !make_folders("/run") || !make_folders(VAR) ||
        symlink("/tmp", VAR "/tmp") != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_emptied(places[i]) && !show_place(places[i], step))
            return false;
    return cover(step);
}

/* ---- one action ---- */

bool mounts_show(char *const *places, size_t n, const char *folder, char *step)
{
    if (!uncover(step))
        return false;
    at(step, "mount memory on", "/tmp");
    if (!mount_memory("/tmp", "mode=1777") || !mount_memory("/dev/shm", "mode=1777"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (is_emptied(places[i]) && !show_place(places[i], step))
            return false;
    at(step, "show", folder);
    return make_folders(folder) && bind(folder) && cover(step);
}

/* As much as can be done is. */
bool mounts_hide(const char *folder, char *step)
{
    char part[PATH_MAX];
    bool whole = is_emptied(folder) || umount2(folder, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;

    at(step, "hide", folder);
    whole &= umount2("/dev/shm", MNT_DETACH) == 0;
    whole &= umount2("/tmp", MNT_DETACH) == 0;
    whole &= set_writable("/");
    (void)snprintf(part, sizeof part, "%s", folder);
    while (*part && rmdir(part) == 0) /* until another place lies there too */
        *strrchr(part, '/') = '\0';
    return set_read_only("/", 0) && whole;
}
