/* copy: files of one's own. Whoever fails removes what he made. */
#include "cache/content/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cache/content/scan.h"
#include "cache/watch.h"

#ifdef HPO_SMALL
enum { BUFFER = 7 };
#else
enum { BUFFER = 64 * 1024 };
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

static enum status copy_hashing(int from, int to, const char *dest, const struct watch *watch,
                                struct digest *digest, struct error *err)
{
    unsigned char buffer[BUFFER];
    struct hasher *hasher;
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
        s = file_write_all(to, dest, buffer, (size_t)n, err);
        if (s == OK)
            s = watch_check(watch, dest, err);
    }
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

enum status copy_clone(int from, const char *dest, bool executable, bool *cloned, struct error *err)
{
    int fd;

    *cloned = false;
    TRY(create(dest, &fd, err));
    *cloned = ioctl(fd, FICLONE, from) == 0;
    return finish(fd, dest, executable, *cloned, OK, err);
}

enum status copy_bytes(const void *bytes, size_t n, const char *dest, bool executable,
                       struct error *err)
{
    int fd;

    TRY(create(dest, &fd, err));
    return finish(fd, dest, executable, true, file_write_all(fd, dest, bytes, n, err), err);
}
