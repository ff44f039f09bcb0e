/* layout: version, modes, and what kind of disk a store may lie on. */
#include "cache/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/filesystem.h"

/* NULL where it is a local one, or that cannot be found out. */
static const char *find_fuse(const char *folder, struct arena *arena)
{
    struct error ignored;
    struct stat st;
    char *text;

    if (stat(folder, &st) != 0 ||
        file_read("/proc/self/mountinfo", 1 << 24, arena, &text, NULL, &ignored) != OK)
        return NULL;
    return filesystem_network_fuse(text, major(st.st_dev), minor(st.st_dev));
}

enum status layout_refuse_network(const char *folder, struct arena *arena, struct error *err)
{
    struct statfs fs;
    const char *name;

    if (statfs(folder, &fs) != 0)
        return error_system(err, folder, "look at the file system");
    name = filesystem_network((unsigned long)fs.f_type);
    if (!name && (fs.f_type & 0xffffffff) == FILESYSTEM_FUSE)
        name = find_fuse(folder, arena);
    if (!name)
        return OK;
    (void)error_set(err, ERR_INPUT, folder, "expected a local disk for the store, found %s", name);
    error_hint(err, "its index needs the locks of one machine; choose a local folder: --cache DIR");
    return ERR_INPUT;
}

/* Of a store, or what is about to become it: its name, a point and more. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {"blobs",  "tmp",    "work", "graphs", "live",
                                       "audits", "claims", "lock", "version"};
    const size_t n = strcspn(name, ".");

    for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
        if (strlen(ours[k]) == n && strncmp(name, ours[k], n) == 0)
            return true;
    return strncmp(name, "index.db", 8) == 0;
}

/* A folder without "version" is ours to fill only when a store could have begun in it. */
static enum status refuse_foreign(const char *folder, struct arena *arena, struct error *err)
{
    char **names;
    size_t n;

    TRY(file_list(folder, arena, &names, &n, err));
    for (size_t i = 0; i < n; i++)
        if (!is_ours(names[i])) {
            (void)error_set(err, ERR_INPUT, folder,
                            "expected a store or an empty folder, found \"%.100s\" in it",
                            names[i]);
            error_hint(err, "choose a folder of its own for the store: --cache DIR");
            return ERR_INPUT;
        }
    return OK;
}

/* found is shown without what a terminal would not. */
static enum status no_version(const char *path, char *found, struct error *err)
{
    for (char *p = found; *p; p++)
        if (*p < 0x20 || *p > 0x7e)
            *p = '?';
    (void)error_set(err, ERR_INPUT, path, "expected \"hpo store %d\", found \"%.40s\"",
                    LAYOUT_VERSION, found);
    error_hint(err, "where the folder is a store and this file damaged: echo hpo store %d > %s",
               LAYOUT_VERSION, path);
    return ERR_INPUT;
}

enum status layout_version(const char *folder, struct arena *arena, int64_t *version,
                           struct error *err)
{
    static const char head[] = "hpo store ";
    char *path = file_join(arena, folder, "version"), *text;
    struct error ignored;
    size_t n;
    enum status s;

    if (!path)
        return error_memory(err);
    s = file_read(path, 64, arena, &text, &n, err);
    if (s == ERR_NOT_FOUND) {
        TRY(refuse_foreign(folder, arena, err));
        s = file_read(path, 64, arena, &text, &n, err); /* another may have made it meanwhile */
    }
    *version = 0;
    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    if (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    if (strncmp(text, head, strlen(head)) != 0 ||
        text_parse_integer(text + strlen(head), "version", 1, INT64_MAX, version, &ignored) != OK)
        return no_version(path, text, err);
    if (*version > LAYOUT_VERSION) {
        (void)error_set(err, ERR_INPUT, folder,
                        "store of a newer version: it is %lld, this program knows %d",
                        (long long)*version, LAYOUT_VERSION);
        error_hint(err, "use the newer program, or another store: --cache DIR");
        return ERR_INPUT;
    }
    return OK;
}

enum status layout_write_version(int root, const char *folder, struct arena *arena,
                                 struct error *err)
{
    char *path = file_join(arena, folder, "version"), text[32];
    const int n = snprintf(text, sizeof text, "hpo store %d\n", LAYOUT_VERSION);

    if (!path)
        return error_memory(err);
    if (syncfs(root) != 0)
        return error_system(err, folder, "sync the store");
    TRY(file_write(path, text, (size_t)n, err));
    layout_share_file(root, "version");
    return OK;
}

/* The mode of the store's folder, for a folder or a file in it. */
static mode_t mode_of(int root, mode_t bits)
{
    struct stat st;

    return fstat(root, &st) == 0 ? st.st_mode & bits : 0755 & bits;
}

/*
 * What the group shares it can open from its first moment, whatever the umask is: a file or a
 * folder gets its name when its mode is right. Where that fails it is there by now, or this file
 * system lacks the call: then it is made under its name.
 */
static void make_folder_for_group(int at, const char *name, mode_t mode)
{
    char fresh[NAME_MAX];

    (void)snprintf(fresh, sizeof fresh, "%s.%lld", name, (long long)getpid());
    if (mkdirat(at, fresh, mode & 0777) == 0 &&
        (fchmodat(at, fresh, mode, 0) != 0 ||
         renameat2(at, fresh, at, name, RENAME_NOREPLACE) != 0))
        (void)unlinkat(at, fresh, AT_REMOVEDIR);
}

static void make_file_for_group(int root, const char *name, mode_t mode)
{
    char fresh[NAME_MAX];
    int fd;

    (void)snprintf(fresh, sizeof fresh, "%s.%lld", name, (long long)getpid());
    fd = openat(root, fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return;
    if (fchmod(fd, mode) == 0)
        (void)!linkat(root, fresh, root, name, 0);
    close(fd);
    (void)unlinkat(root, fresh, 0);
}

static bool is_there(int at, const char *name)
{
    return faccessat(at, name, F_OK, 0) == 0;
}

enum status layout_make_folder(int root, int at, const char *name, const char *where,
                               struct error *err)
{
    const mode_t mode = mode_of(root, 02777);

    if (layout_is_shared(root) && !is_there(at, name))
        make_folder_for_group(at, name, mode);
    if (mkdirat(at, name, mode & 0777) == 0)
        (void)!fchmodat(at, name, mode, 0); /* what the umask took */
    else if (errno != EEXIST)
        return error_system(err, where, "make the store's folders");
    return OK;
}

void layout_share(int root, const char *path, mode_t bits)
{
    (void)!chmod(path, mode_of(root, bits));
}

bool layout_is_shared(int root)
{
    return mode_of(root, 0020) != 0;
}

enum status layout_make_file(int root, const char *name, const char *where, int *fd,
                             struct error *err)
{
    const mode_t mode = mode_of(root, 0666);

    if (layout_is_shared(root) && !is_there(root, name))
        make_file_for_group(root, name, mode);
    *fd = openat(root, name, O_RDWR | O_CREAT | O_CLOEXEC, mode);
    if (*fd < 0)
        return error_system(err, where, "open the store's files");
    layout_share_file(root, name);
    return OK;
}

void layout_share_file(int root, const char *name)
{
    const mode_t mode = mode_of(root, 0666);
    struct stat st;

    if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        (st.st_mode & 0777) != mode && st.st_uid == geteuid())
        (void)!fchmodat(root, name, mode, 0);
}
