/*
 * blob: bytes in, digest out, and back. Two homes: rows of the index for up to BLOB_INLINE bytes,
 * files for more. Start at blob_commit for writing, at blob_place for reading.
 */
#include "cache/content/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/copy.h"
#include "cache/content/inline_blob.h"
#include "cache/content/scan.h"
#include "cache/content/trusted.h"
#include "cache/store.h"
#include "cache/watch.h"

#ifdef HPO_SMALL
enum { COPY_BUFFER = 7 };
#else
enum { COPY_BUFFER = 64 * 1024 };
#endif

/* Above this, hashing takes long enough that others should not wait for it. */
static const int64_t long_work = INT64_C(1) << 24;

struct blob_writer {
    struct store *store;
    struct arena *arena;
    struct hasher *hasher;
    unsigned char small[BLOB_INLINE];
    size_t n;   /* bytes in small, until there is a file */
    int fd;     /* -1 until there are more than fit into small */
    char *path; /* of fd */
    enum status status;
    struct error error;
};

/* ---- writing ---- */

enum status blob_begin(struct store *store, struct blob_writer **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct blob_writer *w = arena ? arena_alloc(arena, sizeof *w) : NULL;
    enum status s = OK;

    if (!w) {
        arena_close(arena);
        return error_memory(err);
    }
    w->store = store;
    w->arena = arena;
    w->fd = -1;
    if ((s = hasher_open(&w->hasher, err)) != OK) {
        arena_close(arena);
        return s;
    }
    *out = w;
    return OK;
}

/* Small blobs never touch the disk as files: the file begins when they are small no longer. */
static enum status write_bytes(struct blob_writer *w, const void *bytes, size_t n)
{
    if (w->fd < 0 && n <= sizeof w->small - w->n) {
        memcpy(w->small + w->n, bytes, n);
        w->n += n;
        return OK;
    }
    if (w->fd < 0) {
        TRY(store_temporary(w->store, w->arena, &w->path, &w->fd, &w->error));
        TRY(file_write_all(w->fd, w->path, w->small, w->n, &w->error));
    }
    return file_write_all(w->fd, w->path, bytes, n, &w->error);
}

void blob_write(struct blob_writer *w, const void *bytes, size_t n)
{
    if (w->status != OK || n == 0)
        return;
    hasher_add(w->hasher, bytes, n);
    w->status = write_bytes(w, bytes, n);
}

static enum status commit_file(struct blob_writer *w, const struct digest *digest,
                               struct error *err)
{
    const int fd = w->fd;
    bool moved = false;

    w->fd = -1;
    if (fchmod(fd, 0444) != 0) {
        enum status s = error_system(err, w->path, "make read-only");
        close(fd);
        return s;
    }
    if (close(fd) != 0)
        return error_system(err, w->path, "close");
    TRY(store_adopt(w->store, w->path, digest, &moved, err));
    if (!moved)
        return error_set(err, ERR_SYSTEM, w->path, "cannot move: tmp lies on another disk");
    w->path = NULL;
    return OK;
}

enum status blob_commit(struct blob_writer *w, struct digest *out, struct error *err)
{
    enum status s = w->status;

    if (s != OK)
        *err = w->error;
    else
        s = hasher_finish(w->hasher, out, err);
    if (s == OK && w->fd < 0)
        s = inline_blob_put(w->store, out, w->small, w->n, err);
    else if (s == OK)
        s = commit_file(w, out, err);
    blob_abandon(w);
    return s;
}

void blob_abandon(struct blob_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->path)
        (void)unlink(w->path);
    hasher_close(w->hasher);
    arena_close(w->arena);
}

enum status blob_put(struct store *store, const void *bytes, size_t n, struct digest *out,
                     struct error *err)
{
    struct blob_writer *w = NULL;

    if (n <= BLOB_INLINE) {
        TRY(digest_bytes(bytes, n, out, err));
        return inline_blob_put(store, out, bytes, n, err);
    }
    TRY(blob_begin(store, &w, err));
    blob_write(w, bytes, n);
    return blob_commit(w, out, err);
}

/* ---- taking ---- */

/* Copies a file into the store through a writer; it must have the digest it was scanned to have. */
static enum status copy_in(struct store *store, const char *path, const struct digest *expected,
                           struct error *err)
{
    unsigned char buffer[COPY_BUFFER];
    struct blob_writer *w = NULL;
    struct digest digest;
    enum status s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return error_system(err, path, "open");
    if ((s = blob_begin(store, &w, err)) != OK)
        goto out;
    for (;;) {
        const ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            s = error_system(err, path, "read");
        if (n <= 0)
            break;
        blob_write(w, buffer, (size_t)n);
        if ((s = watch_check(store_watch(store), path, err)) != OK)
            break;
    }
    if (s != OK)
        goto out;
    s = blob_commit(w, &digest, err);
    w = NULL;
    if (s == OK && !digest_equal(&digest, expected))
        s = error_set(err, ERR_FAILED, path, "the file changes while it is read");
out:
    blob_abandon(w);
    close(fd);
    return s;
}

/*
 * Whether nobody can write to the file any more but by its name: it has no other one, it is as it
 * was scanned, and no process has it open or mapped for writing, which a read lease would not be
 * given for. The signal of a lease that somebody breaks is one that is ignored.
 */
static bool is_sole(const struct scan *file)
{
    struct stat st;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool sole = fd >= 0 && fcntl(fd, F_SETSIG, SIGURG) == 0 &&
                (fcntl(fd, F_SETLEASE, F_RDLCK) == 0 || errno != EAGAIN) && fstat(fd, &st) == 0 &&
                st.st_nlink == 1 && st.st_ino == file->st.st_ino && st.st_dev == file->st.st_dev &&
                st.st_size == file->st.st_size &&
                scan_time_ns(&st.st_mtim) == scan_time_ns(&file->st.st_mtim);

    if (fd >= 0)
        close(fd); /* the lease ends with it */
    return sole;
}

/* Moves one scanned file in; of one that may be written still, or has another owner, a copy. */
static enum status adopt_file(struct store *store, const struct scan *file, struct error *err)
{
    bool moved = false;

    if (is_sole(file) && chmod(file->path, 0444) == 0)
        TRY(store_adopt(store, file->path, &file->digest, &moved, err));
    if (moved)
        return file->st.st_size > BLOB_LARGE ? trusted_put(store, &file->digest, &file->st, err)
                                             : OK;
    TRY(copy_in(store, file->path, &file->digest, err));
    return unlink(file->path) == 0 ? OK : error_system(err, file->path, "remove");
}

static enum status read_small_file(const char *path, unsigned char *bytes, size_t size,
                                   struct error *err)
{
    enum status s = OK;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return error_system(err, path, "open");
    do {
        n = read(fd, bytes, size + 1);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        s = error_system(err, path, "read");
    else if ((size_t)n != size)
        s = error_set(err, ERR_FAILED, path, "the file changes while it is read");
    close(fd);
    return s;
}

static enum status take_small(struct store *store, struct blob_file *file, struct error *err)
{
    unsigned char bytes[BLOB_INLINE + 1];

    TRY(read_small_file(file->path, bytes, (size_t)file->size, err));
    TRY(blob_put(store, bytes, (size_t)file->size, &file->digest, err));
    return unlink(file->path) == 0 ? OK : error_system(err, file->path, "remove");
}

/* Finds sizes; the large ones are set aside to be scanned. */
static enum status look_at_files(struct blob_file *files, size_t n, struct scan *scans,
                                 size_t *n_scans, int64_t *bytes, struct error *err)
{
    *bytes = 0;
    *n_scans = 0;
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (lstat(files[i].path, &st) != 0) {
            const bool absent = errno == ENOENT || errno == ENOTDIR;
            enum status s = error_system(err, files[i].path, "open");
            return absent ? ERR_NOT_FOUND : s;
        }
        if (!S_ISREG(st.st_mode))
            return error_set(err, ERR_FAILED, files[i].path, "expected a regular file");
        files[i].size = st.st_size;
        if (st.st_size > BLOB_INLINE) {
            scans[*n_scans] = (struct scan){.path = files[i].path, .size = st.st_size};
            ++*n_scans;
            *bytes += st.st_size;
        }
    }
    return OK;
}

static enum status take_files(struct store *store, struct blob_file *files, size_t n,
                              struct scan *scans, struct error *err)
{
    size_t n_scans, k = 0;
    int64_t bytes;

    TRY(look_at_files(files, n, scans, &n_scans, &bytes, err));
    if (bytes > long_work)
        TRY(store_let_others(store, err));
    if (n_scans > 0)
        TRY(scan_files(scans, n_scans, store_watch(store), err));
    for (size_t i = 0; i < n; i++) {
        if (files[i].size <= BLOB_INLINE) {
            TRY(take_small(store, &files[i], err));
            continue;
        }
        TRY(scan_status(&scans[k], err));
        if (scans[k].st.st_size != files[i].size)
            return error_set(err, ERR_FAILED, files[i].path, "the file changes while it is read");
        files[i].digest = scans[k].digest;
        TRY(adopt_file(store, &scans[k++], err));
    }
    return OK;
}

enum status blob_take_many(struct store *store, struct blob_file *files, size_t n,
                           struct error *err)
{
    struct arena *arena = arena_open();
    struct scan *scans = arena ? arena_array(arena, n, sizeof *scans) : NULL;
    enum status s = scans ? take_files(store, files, n, scans, err) : error_memory(err);

    arena_close(arena);
    return s;
}

enum status blob_take(struct store *store, const char *path, struct digest *digest, int64_t *size,
                      struct error *err)
{
    struct blob_file file = {.path = path};

    TRY(blob_take_many(store, &file, 1, err));
    *digest = file.digest;
    *size = file.size;
    return OK;
}

/* ---- reading ---- */

static enum status not_found(const struct digest *digest, struct error *err)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(digest, hex);
    return error_set(err, ERR_NOT_FOUND, "", "the store has no blob %.12s", hex);
}

/* Takes a damaged blob away, so that it is absent to everyone, and says so. */
static enum status damaged(struct store *store, const struct digest *digest, struct error *err)
{
    char hex[DIGEST_HEX + 1];
    struct error ignored;

    if (blob_remove(store, digest, &ignored) != OK) {
        /* a read-only store keeps it, and says so to each reader */
    }
    digest_hex(digest, hex);
    (void)error_set(err, ERR_CORRUPT, "", "blob %.12s of the store is damaged", hex);
    error_hint(err, "the next build makes it again");
    return ERR_CORRUPT;
}

static enum status open_blob(struct store *store, const struct digest *digest, int *fd,
                             struct stat *st, struct error *err)
{
    char name[BLOB_NAME_MAX];
    enum status s;

    store_blob_name(digest, name);
    *fd = openat(store_blobs(store), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0)
        return errno == ENOENT || errno == ELOOP || errno == ENOTDIR
                   ? not_found(digest, err)
                   : error_system(err, name, "open");
    if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
        return OK;
    s = not_found(digest, err); /* whatever has its name, it is no blob */
    close(*fd);
    return s;
}

static enum status exists_here(struct store *store, const struct digest *digest, bool *exists,
                               struct error *err)
{
    char name[BLOB_NAME_MAX];
    struct stat st;

    store_blob_name(digest, name);
    *exists = true;
    if (fstatat(store_blobs(store), name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        *exists = S_ISREG(st.st_mode);
        return OK;
    }
    if (errno != ENOENT && errno != ENOTDIR)
        return error_system(err, name, "look for");
    return inline_blob_exists(store, digest, exists, err);
}

enum status blob_exists(struct store *store, const struct digest *digest, bool *exists,
                        struct error *err)
{
    TRY(exists_here(store, digest, exists, err));
    return !*exists && store_lender(store) ? exists_here(store_lender(store), digest, exists, err)
                                           : OK;
}

static enum status read_file(int fd, const struct stat *st, const struct digest *digest,
                             size_t limit, struct arena *arena, void **bytes, struct error *err)
{
    char hex[DIGEST_HEX + 1];
    const size_t size = (size_t)st->st_size;

    digest_hex(digest, hex);
    if (size > limit)
        return error_set(err, ERR_INPUT, "", "expected at most %zu bytes in blob %.12s, found %zu",
                         limit, hex, size);
    if (!(*bytes = arena_alloc(arena, size + 1)))
        return error_memory(err);
    for (size_t done = 0; done < size;) {
        const ssize_t n = read(fd, (char *)*bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_system(err, hex, "read");
        if (n == 0)
            break; /* shorter than it was: the digest will tell */
        done += (size_t)n;
    }
    return OK;
}

static enum status read_here(struct store *store, const struct digest *digest, size_t limit,
                             struct arena *arena, void **bytes, size_t *n, struct error *err)
{
    struct digest found;
    struct stat st = {0};
    enum status s;
    int fd;

    TRY(inline_blob_read(store, digest, limit, arena, bytes, n, err));
    if (!*bytes && *n > limit)
        return error_set(err, ERR_INPUT, "", "expected a blob of at most %zu bytes, found %zu",
                         limit, *n);
    if (!*bytes) {
        TRY(open_blob(store, digest, &fd, &st, err));
        s = read_file(fd, &st, digest, limit, arena, bytes, err);
        close(fd);
        if (s != OK)
            return s;
        *n = (size_t)st.st_size;
    }
    TRY(digest_bytes(*bytes, *n, &found, err));
    return digest_equal(&found, digest) ? OK : damaged(store, digest, err);
}

enum status blob_read(struct store *store, const struct digest *digest, size_t limit,
                      struct arena *arena, void **bytes, size_t *n, struct error *err)
{
    const enum status s = read_here(store, digest, limit, arena, bytes, n, err);

    return s == ERR_NOT_FOUND && store_lender(store)
               ? read_here(store_lender(store), digest, limit, arena, bytes, n, err)
               : s;
}

/* ---- placing ---- */

static enum status place_copy(struct store *store, const struct digest *digest, int from,
                              const char *dest, bool executable, struct error *err)
{
    bool right;

    TRY(copy_file(from, dest, executable, digest, store_watch(store), &right, err));
    return right ? OK : damaged(store, digest, err);
}

/* *there says whether there is such a row. */
static enum status place_small(struct store *store, const struct digest *digest, const char *dest,
                               bool executable, bool *there, struct error *err)
{
    unsigned char bytes[BLOB_INLINE];
    struct digest found;
    size_t n;

    TRY(inline_blob_find(store, digest, bytes, &n, there, err));
    if (!*there)
        return OK;
    TRY(digest_bytes(bytes, n, &found, err));
    if (!digest_equal(&found, digest))
        return damaged(store, digest, err);
    return copy_bytes(bytes, n, dest, executable, err);
}

/* Copies a large blob that is believed; another is read for it once more, and then believed. */
static enum status place_large(struct store *store, const struct digest *digest, int fd,
                               const struct stat *st, const char *dest, bool executable,
                               struct error *err)
{
    bool believed;

    TRY(trusted_holds(store, digest, st, &believed, err));
    TRY(store_let_others(store, err));
    if (believed)
        return copy_known(fd, dest, executable, store_watch(store), err);
    TRY(place_copy(store, digest, fd, dest, executable, err));
    return store_is_writable(store) ? trusted_put(store, digest, st, err) : OK;
}

static enum status place_here(struct store *store, const struct digest *digest, int64_t size,
                              const char *dest, bool executable, struct error *err)
{
    bool there = false;
    struct stat st = {0};
    enum status s;
    int fd;

    if (size <= BLOB_INLINE)
        TRY(place_small(store, digest, dest, executable, &there, err));
    if (there)
        return OK;
    TRY(open_blob(store, digest, &fd, &st, err));
    if (st.st_size > BLOB_LARGE)
        s = place_large(store, digest, fd, &st, dest, executable, err);
    else
        s = place_copy(store, digest, fd, dest, executable, err);
    close(fd);
    return s;
}

enum status blob_place(struct store *store, const struct digest *digest, int64_t size,
                       const char *dest, bool executable, struct error *err)
{
    const enum status s = place_here(store, digest, size, dest, executable, err);

    return s == ERR_NOT_FOUND && store_lender(store)
               ? place_here(store_lender(store), digest, size, dest, executable, err)
               : s;
}

enum status blob_remove(struct store *store, const struct digest *digest, struct error *err)
{
    char name[BLOB_NAME_MAX];

    store_blob_name(digest, name);
    if (unlinkat(store_blobs(store), name, 0) == 0)
        return OK;
    if (errno != ENOENT)
        return error_system(err, name, "remove");
    return inline_blob_remove(store, digest, err);
}
