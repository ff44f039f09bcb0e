/*
 * clone_tree: files from the tree objects of a commit, which are not trusted. Nothing is written
 * outside one folder: folders are opened without following links, files are created and
 * never replaced, and a symbolic link may climb with ".." at its front only, no higher than the
 * tree. (Then a walk over any number of such links stays inside: each starts in a real folder,
 * climbs within the tree, and goes down.) Start at clone_write_tree.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/clone/clone_state.h"

#ifdef HPO_SMALL
enum { MAX_ENTRIES = 1000 };
#else
enum { MAX_ENTRIES = 10000000 };
#endif
enum { MAX_DEPTH = 200, LFS_POINTER_MAX = 1024 };
static const git_object_size_t max_size = (git_object_size_t)2 << 30;
static const char lfs_pointer[] = "version https://git-lfs.github.com/spec/v1\n";

/* Where the walk is. */
struct walk {
    const struct clone_place *at;
    const char *commit;
    git_repository *git;
    git_odb *odb;
    struct error *err;
    size_t entries;      /* met so far */
    size_t depth;        /* folders above the entry, below the tree's root */
    char path[PATH_MAX]; /* of the entry, from the root, no slash at its end */
    size_t n;
};

/* "PATH of commit ID: TEXT"; bytes that could confuse a terminal are shown as '?'. */
PRINTF_LIKE(2, 3) static enum status refuse(const struct walk *w, const char *format, ...)
{
    char shown[200], text[sizeof w->err->text];
    size_t n = 0;
    va_list args;

    for (; w->path[n] && n < sizeof shown - 1; n++)
        shown[n] = iscntrl((unsigned char)w->path[n]) ? (char)'?' : w->path[n];
    shown[n] = '\0';
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(w->err, ERR_INPUT, w->at->name, "%s of commit %.12s: %.230s", shown, w->commit,
                     text);
}

static enum status refuse_entry(const struct walk *w, const char *what, const char *hint)
{
    enum status s = refuse(w, "%s", what);

    error_hint(w->err, "%s", hint);
    return s;
}

static enum status system_failed(const struct walk *w, const char *what)
{
    return error_system(w->err, w->path, what);
}

/* An object that cannot be read; one that is not there has a likely reason. */
static enum status git_failed(const struct walk *w, int rc)
{
    enum status s;

    if (rc == GIT_ENOTFOUND)
        return refuse_entry(w, "its object is not in the repository",
                            "a shallow or partial clone lacks it: fetch it there, or use another "
                            "--mirror");
    s = clone_git_failed(w->at, "read an object", w->err);
    error_place(w->err, "%s", w->path);
    return s;
}

/* Appends a name to the path. A name is what one folder entry can be, and never git's own. */
static enum status enter(struct walk *w, const char *name)
{
    size_t n = strlen(name), room = sizeof w->path - w->n;
    int more = snprintf(w->path + w->n, room, "%s%s", w->n ? "/" : "", name);

    if (more < 0 || (size_t)more >= room)
        return refuse(w, "the path is too long");
    if (!file_is_inner_path(name) || strchr(name, '/') || strcasecmp(name, ".git") == 0)
        return refuse(w, "a tree may not hold this name");
    if (n > NAME_MAX)
        return refuse(w, "a name may have %d bytes, this one has %zu", NAME_MAX, n);
    w->n += (size_t)more;
    return OK;
}

static void leave(struct walk *w, size_t n)
{
    w->n = n;
    w->path[n] = '\0';
}

static enum status make_folder(struct walk *w, int parent, const char *name, bool may_exist,
                               int *out)
{
    if (mkdirat(parent, name, 0755) != 0 && !(may_exist && errno == EEXIST))
        return errno == EEXIST ? refuse(w, "the tree holds this name twice")
                               : system_failed(w, "make the folder");
    *out = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *out < 0 ? system_failed(w, "open the folder") : OK;
}

static enum status write_file(struct walk *w, int folder, const char *name, mode_t mode,
                              git_blob *blob)
{
    enum status s;
    const char *bytes = git_blob_rawcontent(blob);
    size_t n = (size_t)git_blob_rawsize(blob);
    int fd;

    if (n < LFS_POINTER_MAX && n >= sizeof lfs_pointer - 1 &&
        memcmp(bytes, lfs_pointer, sizeof lfs_pointer - 1) == 0)
        return refuse_entry(w, "a git-lfs pointer, its content is not in the repository",
                            "name in `paths` only what is needed and no git-lfs file; give that "
                            "one as hpo.source");
    fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? refuse(w, "the tree holds this name twice")
                               : system_failed(w, "create the file");
    s = file_write_all(fd, w->path, bytes, n, w->err);
    if (s == OK && fchmod(fd, mode) != 0)
        s = system_failed(w, "set the mode");
    if (close(fd) != 0 && s == OK)
        s = system_failed(w, "close");
    return s;
}

/* True when a link that lies `depth` folders below the root cannot lead out of it. */
static bool stays_inside(const char *target, size_t depth)
{
    const char *part = target;

    if (*part == '/' || !*part)
        return false;
    for (bool climbing = true; *part; part += strspn(part, "/")) {
        size_t n = strcspn(part, "/");
        if (n == 2 && memcmp(part, "..", 2) == 0) {
            if (!climbing || depth-- == 0)
                return false;
        } else if (n != 1 || *part != '.') {
            climbing = false;
        }
        part += n;
    }
    return true;
}

static enum status write_link(struct walk *w, int folder, const char *name, git_blob *blob)
{
    char target[PATH_MAX];
    size_t n = (size_t)git_blob_rawsize(blob);

    if (n >= sizeof target || memchr(git_blob_rawcontent(blob), '\0', n))
        return refuse(w, "not a target of a symbolic link");
    memcpy(target, git_blob_rawcontent(blob), n);
    target[n] = '\0';
    if (!stays_inside(target, w->depth))
        return refuse(w, "a symbolic link that may lead out of the tree: %s", target);
    if (symlinkat(target, folder, name) != 0)
        return errno == EEXIST ? refuse(w, "the tree holds this name twice")
                               : system_failed(w, "make the symbolic link");
    return OK;
}

static enum status write_blob(struct walk *w, int folder, const git_tree_entry *entry)
{
    enum status s;
    size_t size;
    git_object_t type;
    git_blob *blob = NULL;
    const git_oid *id = git_tree_entry_id(entry);
    const char *name = git_tree_entry_name(entry);
    unsigned mode = (unsigned)git_tree_entry_filemode_raw(entry);
    int rc = git_odb_read_header(&size, &type, w->odb, id);

    if (rc < 0)
        return git_failed(w, rc);
    if (type != GIT_OBJECT_BLOB)
        return refuse(w, "a file whose object is not a blob");
    if (size > max_size)
        return refuse(w, "%zu bytes; a file may have at most 2 GiB", size);
    if ((rc = git_blob_lookup(&blob, w->git, id)) < 0)
        return git_failed(w, rc);
    if (S_ISLNK(mode))
        s = write_link(w, folder, name, blob);
    else
        s = write_file(w, folder, name, mode & S_IXUSR ? 0755 : 0644, blob);
    git_blob_free(blob);
    return s;
}

static enum status write_entries(struct walk *w, int folder, const git_oid *id);

static enum status write_subtree(struct walk *w, int folder, const git_tree_entry *entry)
{
    enum status s;
    int inner = -1;

    if (w->depth == MAX_DEPTH)
        return refuse(w, "more than %d folders deep", MAX_DEPTH);
    s = make_folder(w, folder, git_tree_entry_name(entry), false, &inner);
    w->depth++;
    if (s == OK)
        s = write_entries(w, inner, git_tree_entry_id(entry));
    w->depth--;
    if (inner >= 0)
        close(inner);
    return s;
}

static enum status write_entry(struct walk *w, int folder, const git_tree_entry *entry)
{
    if (++w->entries > MAX_ENTRIES)
        return refuse(w, "the tree has more than %d entries", MAX_ENTRIES);
    switch ((unsigned)git_tree_entry_filemode_raw(entry) & S_IFMT) {
    case S_IFDIR:
        return write_subtree(w, folder, entry);
    case S_IFREG:
    case S_IFLNK:
        return write_blob(w, folder, entry);
    case S_IFDIR | S_IFLNK:
        return refuse_entry(w, "a submodule, which is not cloned",
                            "name in `paths` what is needed without it; clone the submodule's own "
                            "URL with a second hpo.clone");
    default:
        return refuse(w, "neither file, folder nor symbolic link (mode %o)",
                      (unsigned)git_tree_entry_filemode_raw(entry));
    }
}

static enum status write_entries(struct walk *w, int folder, const git_oid *id)
{
    enum status s = OK;
    size_t before = w->n;
    git_tree *tree = NULL;
    int rc = git_tree_lookup(&tree, w->git, id);

    if (rc < 0)
        return git_failed(w, rc);
    for (size_t i = 0; s == OK && i < git_tree_entrycount(tree); i++) {
        const git_tree_entry *entry = git_tree_entry_byindex(tree, i);
        s = enter(w, git_tree_entry_name(entry));
        if (s == OK)
            s = write_entry(w, folder, entry);
        leave(w, before);
    }
    git_tree_free(tree);
    return s;
}

/* The entry of one path, to be freed. The path of the walk is that of the last name looked at. */
static enum status find_entry(struct walk *w, const git_oid *id, const char *name,
                              git_tree_entry **out)
{
    enum status s = OK;
    git_tree *tree = NULL;
    const git_tree_entry *entry;
    int rc = git_tree_lookup(&tree, w->git, id);

    if (rc < 0)
        return git_failed(w, rc);
    if ((entry = git_tree_entry_byname(tree, name)) == NULL)
        s = refuse_entry(w, "no such file or folder",
                         "the commit is the one that the revision "
                         "names, see hpo.lock");
    else if (git_tree_entry_dup(out, entry) < 0)
        s = error_memory(w->err);
    git_tree_free(tree);
    return s;
}

/* Goes down to one path, making the folders on the way, and writes what is there. */
static enum status write_path(struct walk *w, const git_oid *root, int into, char *path)
{
    enum status s = OK;
    git_oid tree = *root;
    int folder = dup(into);
    char *rest = path, *name;

    if (folder < 0)
        return system_failed(w, "open the folder");
    while (s == OK && (name = strsep(&rest, "/")) != NULL) {
        git_tree_entry *entry = NULL;
        int inner = -1;
        if ((s = enter(w, name)) == OK)
            s = find_entry(w, &tree, name, &entry);
        if (s == OK && (!rest || git_tree_entry_type(entry) != GIT_OBJECT_TREE)) {
            s = rest && git_tree_entry_type(entry) == GIT_OBJECT_BLOB
                    ? refuse(w, "a file; there is no %s in it", rest)
                    : write_entry(w, folder, entry);
        } else if (s == OK) {
            git_oid_cpy(&tree, git_tree_entry_id(entry));
            s = make_folder(w, folder, name, true, &inner);
            close(folder);
            folder = inner;
            w->depth++;
        }
        git_tree_entry_free(entry);
    }
    if (folder >= 0)
        close(folder);
    leave(w, 0);
    w->depth = 0;
    return s;
}

/* By bytes, but '/' before all others: a folder stands right before what lies in it. */
static int compare_paths(const void *a, const void *b)
{
    const unsigned char *x = *(const unsigned char *const *)a;
    const unsigned char *y = *(const unsigned char *const *)b;

    while (*x && *x == *y)
        x++, y++;
    return (*x == '/' ? 1 : *x + (*x > 0)) - (*y == '/' ? 1 : *y + (*y > 0));
}

/* Copies the paths, sorted, without those that another one covers. */
static enum status sort_paths(const struct walk *w, const struct clone_selection *wanted,
                              struct arena *arena, char ***out, size_t *n)
{
    size_t kept = 0;
    char **list = arena_array(arena, wanted->n, sizeof *list);

    for (size_t i = 0; list && i < wanted->n; i++) {
        if (!file_is_inner_path(wanted->paths[i]))
            return error_set(w->err, ERR_INPUT, w->at->name,
                             "paths: expected a path inside the tree, found \"%s\"",
                             wanted->paths[i]);
        if (!(list[i] = arena_string(arena, wanted->paths[i])))
            list = NULL;
    }
    if (!list)
        return error_memory(w->err);
    if (wanted->n > 1)
        qsort(list, wanted->n, sizeof *list, compare_paths);
    for (size_t i = 0; i < wanted->n; i++)
        if (kept == 0 || !file_is_below(list[i], list[kept - 1]))
            list[kept++] = list[i];
    *out = list;
    *n = kept;
    return OK;
}

enum status clone_write_tree(const struct clone_place *at, git_repository *git, const git_oid *tree,
                             const struct clone_selection *wanted, const char *into,
                             struct arena *arena, struct error *err)
{
    enum status s;
    char **paths = NULL;
    size_t n = 0;
    int folder;
    struct walk *w = arena_alloc(arena, sizeof *w);

    if (!w)
        return error_memory(err);
    *w = (struct walk){.at = at, .commit = wanted->commit, .git = git, .err = err};
    TRY(sort_paths(w, wanted, arena, &paths, &n));
    folder = open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_system(err, into, "open the folder");
    if (git_repository_odb(&w->odb, git) < 0)
        s = clone_git_failed(at, "open the objects", err);
    else if (wanted->n == 0)
        s = write_entries(w, folder, tree);
    else
        s = OK;
    for (size_t i = 0; s == OK && i < n; i++)
        s = write_path(w, tree, folder, paths[i]);
    git_odb_free(w->odb);
    close(folder);
    return s;
}
