/* hidden: the same path inside and outside. Start at hidden_asked. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/room/inside.h"
#include "engine/room/room.h"
#include "engine/room/watch.h"

/* What a path leads to there, by way of the links of outside; -1: nothing. */
static int find_outside(const struct mounts *m, const char *path)
{
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, m->outside, path[1] ? path + 1 : ".", &how, sizeof how);
}

static bool is_one(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool is_folder(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The name of it outside, with no link in it, and behind that `name`. */
static void write_name(const struct mounts *m, int there, const char *name, char out[PATH_MAX])
{
    char link[64], root[PATH_MAX], path[PATH_MAX];
    ssize_t n, n_root;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", m->outside);
    n_root = readlink(link, root, sizeof root - 1);
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", there);
    n = readlink(link, path, sizeof path - 1);
    if (n_root < 0 || n < n_root || memcmp(path, root, (size_t)n_root) != 0)
        return;
    path[n] = '\0';
    (void)snprintf(out, PATH_MAX, "%s%s%s", path + n_root, *name ? "/" : "", name);
    if (!*out)
        (void)snprintf(out, PATH_MAX, "/");
}

/* A folder on the way to what is shown is there, too, and holds that alone: to list it is another
 * answer than outside. */
static bool is_another(int here, int there, const struct watched *call)
{
    if (here < 0)
        return true;
    return !is_one(here, there) && !room_is_its_own(call->asked) && call->kind == WATCHED_READS &&
           is_folder(here);
}

static bool is_read_in_vain(const struct mounts *m, struct watched *call)
{
    const int there = find_outside(m, call->asked);
    const int here = there < 0 ? -1 : open(call->asked, O_PATH | O_CLOEXEC);
    const bool hidden = there >= 0 && is_another(here, there, call);

    if (hidden)
        write_name(m, there, "", call->asked);
    if (here >= 0)
        close(here);
    if (there >= 0)
        close(there);
    return hidden;
}

/* Where nothing is yet: by the folder in which it would be. */
static bool is_made_in_vain(const struct mounts *m, struct watched *call)
{
    char folder[PATH_MAX], *slash;
    int there, here;
    bool hidden;

    if (access(call->asked, F_OK) == 0 || room_is_its_own(call->asked))
        return false;
    memcpy(folder, call->asked, sizeof folder);
    slash = strrchr(folder, '/');
    *slash = '\0';
    there = find_outside(m, *folder ? folder : "/");
    here = there < 0 ? -1 : open(*folder ? folder : "/", O_PATH | O_CLOEXEC);
    hidden = there >= 0 && (here < 0 || !is_one(here, there));
    if (hidden)
        write_name(m, there, slash + 1, call->asked);
    if (here >= 0)
        close(here);
    if (there >= 0)
        close(there);
    return hidden;
}

bool hidden_asked(const struct mounts *m, struct watched *call)
{
    if (*call->asked != '/')
        return *call->asked != '\0'; /* the network */
    if (file_is_below(call->asked, "/proc"))
        return false;
    return call->kind == WATCHED_MAKES ? is_made_in_vain(m, call) : is_read_in_vain(m, call);
}
