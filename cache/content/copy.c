/* copy: files of one's own. Whoever fails removes what he made. */
#include "cache/content/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cache/content/scan.h"
#include "cache/watch.h"

#ifdef HPO_SMALL
enum { BUFFER = 7, PART = 11 };
#else
enum { BUFFER = 64 * 1024, PART = 1 << 26 }; /* PART: what the kernel copies at a time */
#endif

static enum status create(const char *dest, int *fd, struct error *err)
{
    *fd = open(dest, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *fd >= 0 ? OK : error_system(err, dest, "create");
}

/* Gives the new file its mode and closes it, or removes it where it is not right. */
static enum status finish(int fd, const char *dest, bool executable, bool right, enum status s,
                          struct error *err)
{
    if (s == OK && fchmod(fd, executable ? 0755 : 0644) != 0)
        s = error_system(err, dest, "change the mode");
    if (close(fd) != 0 && s == OK)
        s = error_system(err, dest, "close");
    if (s != OK || !right)
        (void)unlink(dest);
    return s;
}

static bool is_zero(const unsigned char *bytes, size_t n)
{
    return n > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Writes a whole buffer, or leaves a *hole where all of it is zero; *end is where the file ends. */
static enum status put(int to, const char *dest, const unsigned char *bytes, size_t n, off_t *end,
                       bool *hole, struct error *err)
{
    *end += (off_t)n;
    *hole = n == BUFFER && is_zero(bytes, n);
    if (!*hole)
        return file_write_all(to, dest, bytes, n, err);
    return lseek(to, *end, SEEK_SET) == *end ? OK : error_system(err, dest, "leave a hole in");
}

static enum status set_size(int to, const char *dest, off_t size, struct error *err)
{
    return ftruncate(to, size) == 0 ? OK : error_system(err, dest, "set the size of");
}

static enum status copy_hashing(int from, int to, const char *dest, const struct watch *watch,
                                struct digest *digest, struct error *err)
{
    unsigned char buffer[BUFFER];
    struct hasher *hasher;
    off_t end = 0;
    bool hole = false;
    enum status s;

    TRY(hasher_open(&hasher, err));
    for (s = OK; s == OK;) {
        const ssize_t n = read(from, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            s = error_system(err, dest, "read what is to be copied");
        if (n <= 0)
            break;
        hasher_add(hasher, buffer, (size_t)n);
        s = put(to, dest, buffer, (size_t)n, &end, &hole, err);
        if (s == OK)
            s = watch_check(watch, dest, err);
    }
    if (s == OK && hole)
        s = set_size(to, dest, end, err);
    if (s == OK)
        s = hasher_finish(hasher, digest, err);
    hasher_close(hasher);
    return s;
}

/* A reflink shares the bytes; they are still read once, for their digest. */
static enum status fill(int from, int to, const char *dest, const struct watch *watch,
                        struct digest *digest, struct error *err)
{
    int64_t size;

    if (ioctl(to, FICLONE, from) == 0)
        return scan_descriptor(to, dest, watch, digest, &size, err);
    if (lseek(from, 0, SEEK_SET) != 0)
        return error_system(err, dest, "read what is to be copied");
    return copy_hashing(from, to, dest, watch, digest, err);
}

enum status copy_file(int from, const char *dest, bool executable, const struct digest *expected,
                      const struct watch *watch, bool *right, struct error *err)
{
    struct digest found;
    enum status s;
    int fd;

    *right = false;
    TRY(create(dest, &fd, err));
    s = fill(from, fd, dest, watch, &found, err);
    *right = s == OK && digest_equal(&found, expected);
    return finish(fd, dest, executable, *right, s, err);
}

/* Copies the bytes from `at` to `end` to the same place of the other file. */
static enum status copy_part(int from, int to, const char *dest, off_t at, off_t end,
                             const struct watch *watch, struct error *err)
{
    unsigned char buffer[BUFFER];
    bool in_kernel = true;

    for (off_t to_at = at; at < end;) {
        const size_t left = end - at < PART ? (size_t)(end - at) : PART;
        ssize_t n = in_kernel ? copy_file_range(from, &at, to, &to_at, left, 0) : -1;
        TRY(watch_check(watch, dest, err));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 && in_kernel) { /* two file systems, or one that cannot */
            in_kernel = false;
            continue;
        }
        if (in_kernel)
            continue;
        n = pread(from, buffer, left < sizeof buffer ? left : sizeof buffer, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_system(err, dest, "read what is to be copied");
        if (n == 0)
            return error_set(err, ERR_SYSTEM, dest, "what is to be copied became shorter");
        if (lseek(to, at, SEEK_SET) != at)
            return error_system(err, dest, "write");
        TRY(file_write_all(to, dest, buffer, (size_t)n, err));
        at += n;
    }
    return OK;
}

/* Part by part, from hole to hole; where holes are not told, all is one part. */
static enum status copy_parts(int from, int to, const char *dest, off_t size,
                              const struct watch *watch, struct error *err)
{
    for (off_t at = 0; at < size;) {
        off_t data = lseek(from, at, SEEK_DATA), hole;
        if (data < 0 && errno == ENXIO) /* nothing but a hole is left */
            break;
        if (data < 0)
            data = at;
        if ((hole = lseek(from, data, SEEK_HOLE)) < 0)
            hole = size;
        TRY(copy_part(from, to, dest, data, hole < size ? hole : size, watch, err));
        at = hole;
    }
    return set_size(to, dest, size, err);
}

enum status copy_known(int from, const char *dest, bool executable, const struct watch *watch,
                       struct error *err)
{
    struct stat st;
    enum status s = OK;
    int fd;

    TRY(create(dest, &fd, err));
    if (ioctl(fd, FICLONE, from) != 0)
        s = fstat(from, &st) == 0 ? copy_parts(from, fd, dest, st.st_size, watch, err)
                                  : error_system(err, dest, "look at what is to be copied");
    return finish(fd, dest, executable, true, s, err);
}

enum status copy_bytes(const void *bytes, size_t n, const char *dest, bool executable,
                       struct error *err)
{
    int fd;

    TRY(create(dest, &fd, err));
    return finish(fd, dest, executable, true, file_write_all(fd, dest, bytes, n, err), err);
}

bool copy_can_share(const char *folder)
{
    static const char bytes[4096];
    const int from = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    const int to = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    struct error ignored;
    const bool can = from >= 0 && to >= 0 &&
                     file_write_all(from, folder, bytes, sizeof bytes, &ignored) == OK &&
                     ioctl(to, FICLONE, from) == 0;

    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return can;
}
