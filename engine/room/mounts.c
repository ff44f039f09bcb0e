/* mounts: the root of a room. Start at mounts_make, then mounts_show. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/room/inside.h"
#include "engine/room/room.h"
#include "engine/room/words.h"

#define COVERED "/outside"
#define OUTSIDE COVERED "/root"
#define VAR "/var"
#define HOSTS "/etc/hosts"

/* linux/mount.h beside sys/mount.h is an error in glibc 2.36. */
struct attributes {
    unsigned long long set, clear, propagation, userns;
};

enum { ATTRIBUTE_READ_ONLY = 1, RECURSIVE = 0x8000, CLONE_TREE = 1, OPEN_TREE = 428 };

/* Folders of which each action has its own. */
static const char *const emptied[] = {"/tmp", VAR "/tmp", "/dev/shm"};
enum { N_EMPTIED = sizeof emptied / sizeof *emptied };

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

/* Also in the root, which is read-only by its own name: root is a descriptor that is not. */
static bool make_folder(int root, const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ||
           (errno == EROFS && mkdirat(root, path + 1, 0755) == 0);
}

static bool remove_folder(int root, const char *path)
{
    return rmdir(path) == 0 || (errno == EROFS && unlinkat(root, path + 1, AT_REMOVEDIR) == 0);
}

static bool make_folders(int root, const char *path)
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
        if (!make_folder(root, part))
            return false;
    }
    return true;
}

static bool set_read_only(const char *path, unsigned flags)
{
    struct attributes a = {.set = ATTRIBUTE_READ_ONLY};

    return syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &a, sizeof a) == 0;
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

/* A path of outside, by a name that leads there from under the cover. */
static bool outside(const struct mounts *m, const char *path, char out[PATH_MAX])
{
    if (snprintf(out, PATH_MAX, "/proc/self/fd/%d%s", m->outside, path) < PATH_MAX)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

/* The same place of outside, inside. */
static bool bind(const struct mounts *m, const char *path)
{
    char from[PATH_MAX];

    return outside(m, path, from) && mount(from, path, NULL, MS_BIND | MS_REC, NULL) == 0;
}

bool room_is_its_own(const char *path)
{
    static const char *const own[] = {"/tmp", VAR "/tmp", "/dev"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (file_is_below(path, own[i]))
            return true;
    return false;
}

/* Whether it lies in what is emptied for each action. */
static bool is_emptied(const char *path)
{
    for (size_t i = 0; i < N_EMPTIED; i++)
        if (file_is_below(path, emptied[i]) && path[strlen(emptied[i])])
            return true;
    return false;
}

/* ---- the root ---- */

/* The same link as outside. */
static bool show_link(const char *from, const char *path)
{
    char target[PATH_MAX];
    const ssize_t n = readlink(from, target, sizeof target - 1);

    if (n < 0)
        return false;
    target[n] = '\0';
    return symlink(target, path) == 0 || errno == EEXIST;
}

/* What is a link outside is the same link here, on the way to the place too: where it leads is a
 * place of its own (places.h). What is not there is not shown. */
static bool show_place(const struct mounts *m, const char *place, char *step)
{
    const char *path = place + 1;
    char from[PATH_MAX], part[PATH_MAX];
    size_t n = 0;
    struct stat st = {.st_mode = 0};

    at(step, "show", path);
    while (path[n]) {
        n += strcspn(path + n + 1, "/") + 1;
        if (snprintf(part, sizeof part, "%.*s", (int)n, path) >= (int)sizeof part ||
            !outside(m, part, from))
            return true; /* no file has such a name */
        if (lstat(from, &st) != 0)
            return errno == ENOENT || errno == EACCES || errno == ENOTDIR || errno == ELOOP ||
                   errno == ENAMETOOLONG;
        if (S_ISLNK(st.st_mode))
            return show_link(from, part);
        if (path[n] && mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
    }
    if (S_ISDIR(st.st_mode) ? mkdir(path, 0755) != 0 && errno != EEXIST : !make_file(path))
        return false;
    return bind(m, path) && (*place == SHEET_WRITES || set_read_only(path, RECURSIVE));
}

static bool make_devices(const struct mounts *m, char *step)
{
    char path[64];

    at(step, "make", "/dev");
    if (!make_folders(-1, "/dev/pts") || !make_folders(-1, "/dev/shm"))
        return false;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        (void)snprintf(path, sizeof path, "/dev/%s", devices[i]);
        at(step, "show", path);
        if (!make_file(path) || !bind(m, path) || !set_read_only(path, 0))
            return false; /* what is written to it is not written to a file system */
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], links[i][1]) != 0)
            return false;
    at(step, "mount", "/dev/pts");
    return mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                 "newinstance,ptmxmode=0666,mode=620") == 0 &&
           set_read_only("/dev/pts", 0);
}

/* The new root is made where /tmp is, for a folder that exists; outside it is as it was. What is
 * outside lies below what is covered: on its own root nothing is mounted, where `..` would end. */
static bool enter_root(struct mounts *m, char *step)
{
    at(step, "make mounts private", "");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return false;
    at(step, "mount memory on", "/tmp");
    if (!mount_memory("/tmp", "mode=0755") || mkdir("/tmp" COVERED, 0755) != 0 ||
        mkdir("/tmp" OUTSIDE, 0755) != 0)
        return false;
    at(step, "change the root", "");
    if (chdir("/tmp") != 0 || syscall(SYS_pivot_root, ".", "." OUTSIDE) != 0 || chdir("/") != 0)
        return false;
    m->outside = open(OUTSIDE, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return m->outside >= 0;
}

/* From here on what is made in the root is made by way of m->root. */
static bool cover(struct mounts *m, char *step)
{
    at(step, "cover", COVERED);
    m->root = (int)syscall(OPEN_TREE, AT_FDCWD, "/", CLONE_TREE | O_CLOEXEC);
    return m->root >= 0 && mount_memory(COVERED, "mode=0000,size=4k") &&
           set_read_only(COVERED, 0) && set_read_only("/", 0);
}

static bool make_proc(char *step)
{
    at(step, "mount", "/proc");
    return make_folders(-1, "/proc") &&
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

/* Its name leads to itself, and not to a server of names. */
static bool show_hosts(const struct mounts *m, char *step)
{
    static const char names[] = "\n127.0.0.1 hpo\n";
    char from[PATH_MAX], bytes[64 * 1024];
    int there, fd;
    ssize_t n;
    bool made;

    at(step, "show", HOSTS);
    if (access(HOSTS, F_OK) != 0 || !outside(m, HOSTS, from) ||
        (there = open(from, O_RDONLY | O_CLOEXEC)) < 0)
        return true; /* there are no such names here */
    n = read(there, bytes, sizeof bytes);
    close(there);
    if (n < 0 || (fd = open("/run/hosts", O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) < 0)
        return false;
    made = write(fd, bytes, (size_t)n) == n && write(fd, names, sizeof names - 1) > 0;
    close(fd);
    return made && mount("/run/hosts", HOSTS, NULL, MS_BIND, NULL) == 0 && set_read_only(HOSTS, 0);
}

static bool make_emptied(size_t i, char *step)
{
    at(step, "mount memory on", emptied[i]);
    return mount_memory(emptied[i], "mode=1777");
}

bool mounts_make(struct mounts *m, char *const *places, size_t n, char *step)
{
    if (!enter_root(m, step))
        return false;
    if (!make_proc(step) || !make_devices(m, step))
        return false;
    at(step, "make", "/tmp");
    if (!make_folders(-1, "/tmp") || !make_folders(-1, "/run") || !make_folders(-1, VAR "/tmp"))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_emptied(places[i] + 1) && !show_place(m, places[i], step))
            return false;
    for (size_t i = 0; i < N_EMPTIED; i++)
        if (!make_emptied(i, step))
            return false;
    return show_hosts(m, step) && cover(m, step);
}

/* ---- one action ---- */

bool mounts_show(const struct mounts *m, char *const *places, size_t n, const char *folder,
                 char *step)
{
    for (size_t i = 0; i < n; i++)
        if (is_emptied(places[i] + 1) && !show_place(m, places[i], step))
            return false;
    at(step, "show", folder);
    return make_folders(m->root, folder) && bind(m, folder);
}

/* As it was mounted: to mount it anew costs the kernel more than all the rest. */
static bool is_untouched(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    struct stat st;
    bool as_it_was;

    if (!folder) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    as_it_was = fstat(fd, &st) == 0 && st.st_mode == (S_IFDIR | 01777) && st.st_uid == getuid() &&
                st.st_gid == getgid() && flistxattr(fd, NULL, 0) == 0;
    while (as_it_was && (entry = readdir(folder)))
        as_it_was = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(folder);
    return as_it_was;
}

/* As much as can be done is. */
bool mounts_hide(const struct mounts *m, const char *folder, char *step)
{
    char part[PATH_MAX];
    bool whole = umount2(folder, MNT_DETACH | UMOUNT_NOFOLLOW) == 0;

    at(step, "hide", folder);
    (void)snprintf(part, sizeof part, "%s", folder);
    while (*part && remove_folder(m->root, part)) /* until another place lies there too */
        *strrchr(part, '/') = '\0';
    for (size_t i = 0; i < N_EMPTIED; i++)
        if (!is_untouched(emptied[i]))
            whole = umount2(emptied[i], MNT_DETACH) == 0 && make_emptied(i, step) && whole;
    return whole;
}
