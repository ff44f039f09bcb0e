/*
 * source: digests of users' files, by the rule of trust in the header. What is remembered is in
 * stats.h, what is read in scan.h. Start at source_digest.
 */
#include "cache/content/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/blob.h"
#include "cache/content/copy.h"
#include "cache/content/scan.h"
#include "cache/content/stats.h"
#include "cache/content/walk.h"
#include "cache/filesystem.h"
#include "cache/store.h"

/* Above this, hashing takes long enough that others should not wait for it. */
static const int64_t long_work = INT64_C(1) << 24;

enum { SECONDS_A_DAY = 24 * 60 * 60 };

enum status source_preload(struct store *store, const char *folder, struct error *err)
{
    return stats_load(store, folder, err);
}

/* ---- finding digests ---- */

/* One file whose digest is wanted; path is absolute. */
struct file {
    const char *path;
    struct stamp stamp;
    struct digest digest;
    bool known;
};

static enum status recall(struct store *store, struct file *f, struct error *err)
{
    const struct stats_row *row;

    if (store_rehashes(store))
        return OK;
    TRY(stats_get(store, f->path, &row, err));
    if (row && row->dev == f->stamp.dev && row->ino == f->stamp.ino && row->size == f->stamp.size &&
        row->mtime_ns == f->stamp.mtime_ns && row->ctime_ns == f->stamp.ctime_ns) {
        f->known = f->stamp.settled = true;
        f->digest = row->digest;
    }
    return OK;
}

static enum status remember(struct store *store, const struct file *f, int64_t begun_ns,
                            struct error *err)
{
    const struct stats_row row = {
        .dev = f->stamp.dev,
        .ino = f->stamp.ino,
        .size = f->stamp.size,
        .mtime_ns = f->stamp.mtime_ns,
        .ctime_ns = f->stamp.ctime_ns,
        .digest = f->digest,
    };

    if (!f->stamp.settled || !store_is_writable(store))
        return OK;
    return stats_put(store, f->path, &row, begun_ns / 1000000000 / SECONDS_A_DAY, err);
}

/* A file on another device than the source itself: its file system is not looked at. */
static int64_t tick_of(const struct file *f, int64_t dev, int64_t tick_ns)
{
    return f->stamp.dev == dev ? tick_ns : filesystem_tick_ns(0);
}

/* Reads the files that are not known, and remembers them. */
static enum status read_unknown(struct store *store, struct file *files, size_t n, int64_t dev,
                                int64_t tick_ns, bool follow, struct error *err)
{
    struct arena *arena = arena_open();
    struct scan *scans = arena ? arena_array(arena, n, sizeof *scans) : NULL;
    size_t n_scans = 0, k = 0;
    int64_t bytes = 0;
    enum status s = OK;

    if (!scans) {
        arena_close(arena);
        return error_memory(err);
    }
    for (size_t i = 0; i < n; i++)
        if (!files[i].known) {
            scans[n_scans++] =
                (struct scan){.path = files[i].path, .follow = follow, .size = files[i].stamp.size};
            bytes += files[i].stamp.size;
        }
    if (bytes > long_work)
        s = store_let_others(store, err);
    if (s == OK && n_scans > 0)
        s = scan_files(scans, n_scans, store_watch(store), err);
    for (size_t i = 0; s == OK && i < n; i++) {
        const struct scan *scan = &scans[k];
        if (files[i].known)
            continue;
        k++;
        if ((s = scan_status(scan, err)) != OK)
            break;
        files[i].stamp = stamp_of(&scan->st);
        files[i].stamp.settled =
            stamp_is_settled(&files[i].stamp, scan->begun_ns, tick_of(&files[i], dev, tick_ns));
        files[i].digest = scan->digest;
        s = remember(store, &files[i], scan->begun_ns, err);
    }
    arena_close(arena);
    return s;
}

static enum status find_digests(struct store *store, const char *path, struct file *files, size_t n,
                                int64_t dev, bool follow, struct error *err)
{
    bool all = true;
    struct statfs fs;

    for (size_t i = 0; i < n; i++) {
        TRY(recall(store, &files[i], err));
        all = all && files[i].known;
    }
    if (all)
        return OK;
    if (statfs(path, &fs) != 0)
        return error_system(err, path, "look at the file system of");
    return read_unknown(store, files, n, dev, filesystem_tick_ns((unsigned long)fs.f_type), follow,
                        err);
}

static enum status digest_file(struct store *store, const char *path, const struct stat *st,
                               struct arena *arena, struct source *out, struct error *err)
{
    struct file f = {.path = path, .stamp = stamp_of(st)};
    struct stamp *stamp = arena_alloc(arena, sizeof *stamp);

    if (!stamp)
        return error_memory(err);
    TRY(find_digests(store, path, &f, 1, f.stamp.dev, true, err));
    *stamp = f.stamp;
    *out = (struct source){
        .executable = st->st_mode & S_IXUSR,
        .size = f.stamp.size,
        .digest = f.digest,
        .stamps = stamp,
    };
    return OK;
}

static bool is_file(enum tree_kind kind)
{
    return kind == TREE_FILE || kind == TREE_EXECUTABLE;
}

/* The files of a walk, in its order, into files; their number. */
static size_t list_files(const struct walk *walk, struct file *files)
{
    size_t n = 0;

    for (size_t i = 0; i < walk->n; i++)
        if (is_file(walk->found[i].kind))
            files[n++] =
                (struct file){.path = walk->found[i].full, .stamp = stamp_of(&walk->found[i].st)};
    return n;
}

/*
 * The entries of the tree in the order of the walk, and, once the tree has sorted them, the stamps
 * in the order of the tree. Links and empty folders have none.
 */
static enum status make_tree(const struct walk *walk, const struct file *files, struct arena *arena,
                             struct source *out, struct error *err)
{
    struct tree_entry *entries = arena_array(arena, walk->n, sizeof *entries);
    struct stamp *stamps = arena_array(arena, walk->n, sizeof *stamps);
    struct tree *tree = arena_alloc(arena, sizeof *tree);
    size_t k = 0;

    if (!entries || !stamps || !tree)
        return error_memory(err);
    for (size_t i = 0; i < walk->n; i++) {
        const struct walk_entry *w = &walk->found[i];
        entries[i] = (struct tree_entry){.kind = w->kind, .path = w->path, .target = w->target};
        if (w->kind == TREE_LINK)
            entries[i].size = (int64_t)strlen(w->target);
        if (is_file(w->kind)) {
            entries[i].digest = files[k].digest;
            entries[i].size = files[k++].stamp.size;
        }
    }
    TRY(listing_make(entries, walk->n, arena, tree, err));
    k = 0;
    for (size_t i = 0; i < walk->n; i++)
        if (is_file(walk->found[i].kind)) {
            const struct tree_entry *e = listing_find(tree, walk->found[i].path);
            stamps[e - tree->entries] = files[k++].stamp;
        }
    out->tree = tree;
    out->stamps = stamps;
    return OK;
}

static enum status digest_folder(struct store *store, const char *path, dev_t dev,
                                 const struct filter *filter, struct arena *arena,
                                 struct source *out, struct error *err)
{
    struct walk walk = walk_in(arena);
    struct file *files;
    size_t n;

    walk.filter = filter;
    TRY(walk_add(&walk, path, "", err));
    if (walk.n == 0 && walk.left_out > 0)
        return error_set(err, ERR_INPUT, path, "all that is in this folder is left out");
    if (!(files = arena_array(arena, walk.n, sizeof *files)))
        return error_memory(err);
    n = list_files(&walk, files);
    TRY(find_digests(store, path, files, n, (int64_t)dev, false, err));
    *out = (struct source){.folder = true, .filter = filter};
    TRY(make_tree(&walk, files, arena, out, err));
    out->size = out->tree->bytes;
    out->digest = out->tree->digest;
    return OK;
}

static enum status look(const char *path, struct stat *st, struct error *err)
{
    if (stat(path, st) != 0) {
        const bool absent = errno == ENOENT || errno == ENOTDIR;
        enum status s = error_system(err, path, "find");
        return absent ? ERR_NOT_FOUND : s;
    }
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return error_set(err, ERR_FAILED, path,
                         "expected a file or a folder, found a socket, a pipe or a device");
    return OK;
}

enum status source_digest(struct store *store, const char *path, const struct filter *filter,
                          struct arena *arena, struct source *out, struct error *err)
{
    struct stat st;

    TRY(look(path, &st, err));
    return S_ISDIR(st.st_mode) ? digest_folder(store, path, st.st_dev, filter, arena, out, err)
                               : digest_file(store, path, &st, arena, out, err);
}

/* ---- unchanged ---- */

/* One file against its stamp: changed, or surely not, or to be read again. */
enum verdict { CHANGED, UNCHANGED, DOUBTFUL };

static enum verdict compare(const struct stat *now, const struct stamp *then)
{
    const struct stamp stamp = stamp_of(now);

    if (!stamp_same_content(&stamp, then))
        return CHANGED;
    return then->settled && stamp.ctime_ns == then->ctime_ns ? UNCHANGED : DOUBTFUL;
}

/* Reads doubtful files again; *unchanged becomes false where one has another digest. */
static enum status read_again(struct store *store, struct scan *scans,
                              const struct digest *expected, size_t n, bool *unchanged,
                              struct error *err)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += scans[i].size;
    if (bytes > long_work)
        TRY(store_let_others(store, err));
    if (n > 0)
        TRY(scan_files(scans, n, store_watch(store), err));
    for (size_t i = 0; i < n; i++) {
        if (scans[i].outcome == SCAN_REFUSED)
            return scan_status(&scans[i], err);
        if (scans[i].outcome != SCAN_DONE || !digest_equal(&scans[i].digest, &expected[i]))
            *unchanged = false;
    }
    return OK;
}

static enum status file_unchanged(struct store *store, const char *path, const struct stat *st,
                                  const struct source *source, bool *unchanged, struct error *err)
{
    struct scan scan = {.path = path, .follow = true, .size = st->st_size};
    const enum verdict verdict = compare(st, source->stamps);

    *unchanged = verdict != CHANGED && source->executable == ((st->st_mode & S_IXUSR) != 0);
    return verdict == DOUBTFUL && *unchanged
               ? read_again(store, &scan, &source->digest, 1, unchanged, err)
               : OK;
}

static enum status folder_unchanged(struct store *store, const char *path,
                                    const struct source *source, struct arena *arena,
                                    bool *unchanged, struct error *err)
{
    struct walk walk = walk_in(arena);
    struct digest *expected;
    struct scan *scans;
    size_t n = 0;

    *unchanged = false;
    walk.filter = source->filter;
    TRY(walk_add(&walk, path, "", err));
    scans = arena_array(arena, walk.n, sizeof *scans);
    expected = arena_array(arena, walk.n, sizeof *expected);
    if (!scans || !expected)
        return error_memory(err);
    if (walk.n != source->tree->n)
        return OK;
    for (size_t i = 0; i < walk.n; i++) {
        const struct walk_entry *w = &walk.found[i];
        const struct tree_entry *e = listing_find(source->tree, w->path);
        enum verdict verdict = UNCHANGED;
        if (!e || e->kind != w->kind || (w->target && strcmp(e->target, w->target) != 0))
            return OK;
        if (is_file(e->kind))
            verdict = compare(&w->st, &source->stamps[e - source->tree->entries]);
        if (verdict == CHANGED)
            return OK;
        if (verdict == DOUBTFUL) {
            scans[n] = (struct scan){.path = w->full, .size = e->size};
            expected[n++] = e->digest;
        }
    }
    *unchanged = true;
    return read_again(store, scans, expected, n, unchanged, err);
}

enum status source_unchanged(struct store *store, const char *path, const struct source *source,
                             bool *unchanged, struct error *err)
{
    struct arena *arena;
    struct stat st;
    enum status s;

    *unchanged = false;
    s = look(path, &st, err);
    if (s == ERR_NOT_FOUND || s == ERR_FAILED)
        return OK; /* gone, or another thing */
    if (s != OK || source->folder != S_ISDIR(st.st_mode))
        return s;
    if (!source->folder)
        return file_unchanged(store, path, &st, source, unchanged, err);
    if (!(arena = arena_open()))
        return error_memory(err);
    s = folder_unchanged(store, path, source, arena, unchanged, err);
    arena_close(arena);
    if (s == ERR_NOT_FOUND || s == ERR_FAILED) { /* something below went while we looked */
        *unchanged = false;
        return OK;
    }
    return s;
}

/* ---- placing ---- */

static enum status changed(const char *path, struct error *err)
{
    return error_set(err, ERR_FAILED, path, "the source has changed since the build began");
}

static enum status place_file(struct store *store, const char *path, int64_t size, bool executable,
                              const struct digest *digest, const char *dest, struct error *err)
{
    enum status s = OK;
    bool right = true;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? changed(path, err) : error_system(err, path, "open");
    if (size > long_work)
        s = store_let_others(store, err);
    if (s == OK)
        s = copy_file(fd, dest, executable, digest, store_watch(store), &right, err);
    close(fd);
    return s == OK && !right ? changed(path, err) : s;
}

static enum status place_tree(struct store *store, const char *path, const struct tree *tree,
                              const char *dest, struct error *err)
{
    struct arena *arena = arena_open();
    enum status s = arena ? tree_place_frame(tree, dest, err) : error_memory(err);

    for (size_t i = 0; s == OK && i < tree->n; i++) {
        const struct tree_entry *e = &tree->entries[i];
        char *from = file_join(arena, path, e->path), *to = file_join(arena, dest, e->path);
        if (!from || !to)
            s = error_memory(err);
        else if (is_file(e->kind))
            s = place_file(store, from, e->size, e->kind == TREE_EXECUTABLE, &e->digest, to, err);
    }
    arena_close(arena);
    return s;
}

enum status source_place(struct store *store, const char *path, const struct source *source,
                         const char *dest, struct error *err)
{
    return source->folder ? place_tree(store, path, source->tree, dest, err)
                          : place_file(store, path, source->size, source->executable,
                                       &source->digest, dest, err);
}

enum status source_place_pick(struct store *store, const char *path, const char *sub,
                              const struct pick *pick, const char *dest, struct error *err)
{
    struct arena *arena = arena_open();
    char *from = arena ? file_join(arena, path, sub) : NULL;
    const struct tree_entry *e = &pick->entry;
    enum status s;

    if (!from)
        s = error_memory(err);
    else if (pick->folder)
        s = place_tree(store, from, &pick->tree, dest, err);
    else
        s = place_file(store, from, e->size, e->kind == TREE_EXECUTABLE, &e->digest, dest, err);
    arena_close(arena);
    return s;
}
