/* store_lock: open-file-description locks. */
#include "cache/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "cache/watch.h"

enum { ENTER_WAIT_MS = 60 * 1000, POLL_MS = 5, TURN_POLL_MS = 1 };

static const off_t turn = 0, queue = 1;
static const off_t users = (off_t)1 << 40;
static const off_t users_n = (off_t)1 << 32;

static int lock_bytes(int fd, int command, short type, off_t start, off_t n)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = n};
    int rc;

    do {
        rc = fcntl(fd, command, &lock);
    } while (rc != 0 && errno == EINTR);
    return rc;
}

static off_t own_byte(void)
{
    return users + (off_t)getpid();
}

static bool is_held(void)
{
    return errno == EAGAIN || errno == EACCES;
}

/* Waits a moment for what another process holds. */
static enum status wait_a_moment(const struct watch *watch, const char *where, const char *what,
                                 int64_t waited_ms, int ms, struct error *err)
{
    const struct timespec t = {0, ms * 1000000L};

    if (waited_ms >= WATCH_PATIENCE_MS)
        TRY(watch_check(watch, where, err));
    if (waited_ms > 0)
        watch_waits(watch, what, waited_ms);
    (void)nanosleep(&t, NULL);
    return OK;
}

/* The process whose byte is in our way; 0 where it is not a single byte. */
static int64_t find_user(int fd)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = users, .l_len = users_n};

    if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_len != 1)
        return 0;
    return lock.l_start - users;
}

enum status store_lock_enter(int fd, const char *where, const struct watch *watch,
                             struct error *err)
{
    for (int waited = 0;; waited += POLL_MS) {
        if (lock_bytes(fd, F_OFD_SETLK, F_RDLCK, own_byte(), 1) == 0)
            return OK;
        if (!is_held())
            return error_system(err, where, "lock the store");
        if (waited >= ENTER_WAIT_MS)
            return error_set(err, ERR_SYSTEM, where,
                             "another process has been cleaning the store for %d s",
                             ENTER_WAIT_MS / 1000);
        TRY(wait_a_moment(watch, where, "another process to clean the store", waited, POLL_MS,
                          err));
    }
}

void store_lock_leave(int fd)
{
    (void)lock_bytes(fd, F_OFD_SETLK, F_UNLCK, own_byte(), 1);
}

enum status store_lock_be_alone(int fd, const char *where, const struct watch *watch,
                                int64_t wait_ms, bool *alone, int64_t *user, struct error *err)
{
    *alone = false;
    *user = 0;
    for (int64_t waited = 0;; waited += POLL_MS) {
        if (lock_bytes(fd, F_OFD_SETLK, F_WRLCK, users, users_n) == 0) {
            *alone = true;
            return OK;
        }
        if (!is_held())
            return error_system(err, where, "lock the store");
        *user = find_user(fd);
        if (waited >= wait_ms)
            return OK;
        TRY(wait_a_moment(watch, where, "the other processes that use the store", waited, POLL_MS,
                          err));
    }
}

/* Our own byte first, and without a moment in which nobody holds it. */
void store_lock_share(int fd)
{
    const off_t own = own_byte();

    (void)lock_bytes(fd, F_OFD_SETLK, F_RDLCK, own, 1);
    (void)lock_bytes(fd, F_OFD_SETLK, F_UNLCK, users, own - users);
    (void)lock_bytes(fd, F_OFD_SETLK, F_UNLCK, own + 1, users + users_n - own - 1);
}

static bool others_hold(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static enum status queue_up(int fd, const char *where, const struct watch *watch, struct error *err)
{
    for (int64_t waited = 0;; waited += TURN_POLL_MS) {
        TRY(wait_a_moment(watch, where, "another process that waits to write to the store", waited,
                          TURN_POLL_MS, err));
        if (lock_bytes(fd, F_OFD_SETLK, F_WRLCK, turn, 1) == 0)
            return OK;
        if (!is_held())
            return error_system(err, where, "lock the store");
    }
}

enum status store_lock_take_turn(int fd, const char *where, const struct watch *watch,
                                 struct error *err)
{
    enum status s;

    if (!others_hold(fd, queue) && lock_bytes(fd, F_OFD_SETLK, F_WRLCK, turn, 1) == 0)
        return OK;
    (void)lock_bytes(fd, F_OFD_SETLK, F_RDLCK, queue, 1);
    s = queue_up(fd, where, watch, err);
    (void)lock_bytes(fd, F_OFD_SETLK, F_UNLCK, queue, 1);
    return s;
}

void store_lock_give_turn(int fd)
{
    (void)lock_bytes(fd, F_OFD_SETLK, F_UNLCK, turn, 1);
}

bool store_lock_is_awaited(int fd)
{
    return others_hold(fd, turn);
}
