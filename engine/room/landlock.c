/* landlock: a set of rules, one for each place. Start at landlock_open. */
#include "engine/room/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/room/room.h"

/* Debian 12's headers end with version 2: linux/landlock.h of later kernels. */
enum { CREATE = 444, ADD_RULE = 445, ASK_VERSION = 1, RULE_BENEATH = 1 };

enum right {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_FOLDER = 1 << 3,
    OF_VERSION_1 = (1 << 13) - 1,
    REFER = 1 << 13,   /* version 2: to move files between folders */
    TRUNCATE = 1 << 14 /* version 3 */
};

/* Whom it does not reach outside, since version 6 (Linux 6.12): abstract sockets, and processes by
 * signals. */
enum { SCOPES_VERSION = 6, SCOPE_SOCKETS = 1 << 0, SCOPE_SIGNALS = 1 << 1 };

struct handled {
    uint64_t files, network, scopes;
};

struct beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

/* What is not there needs no rule. */
static enum status allow(int ruleset, const char *path, uint64_t rights, struct error *err)
{
    struct beneath rule = {.allowed = rights, .parent = open(path, O_PATH | O_CLOEXEC)};
    struct stat st;
    bool added;

    if (rule.parent < 0)
        return OK;
    if (fstat(rule.parent, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE; /* else EINVAL */
    added = syscall(ADD_RULE, ruleset, RULE_BENEATH, &rule, 0) == 0;
    if (!added)
        (void)error_system(err, path, "allow");
    close(rule.parent);
    return added ? OK : ERR_SYSTEM;
}

static enum status allow_all(int ruleset, const struct room_view *view, const char *shown,
                             uint64_t handled, struct error *err)
{
    const uint64_t reading = EXECUTE | READ_FILE | READ_FOLDER;

    for (size_t i = 0; i < view->n; i++)
        TRY(allow(ruleset, view->places[i], reading, err));
    for (size_t i = 0; i < view->n_written; i++)
        TRY(allow(ruleset, view->written[i], handled, err));
    TRY(allow(ruleset, "/proc", reading | (handled & WRITE_FILE), err));
    TRY(allow(ruleset, "/dev", reading | (handled & (WRITE_FILE | TRUNCATE)), err));
    /* without it there is no lock of Python's multiprocessing; what is whose cannot be told there,
     * so it is not cleared up */
    TRY(allow(ruleset, "/dev/shm", handled, err));
    return allow(ruleset, shown, handled, err);
}

int landlock_version(void)
{
    const long version = syscall(CREATE, NULL, 0, ASK_VERSION);

    return version > 0 ? (int)version : 0;
}

enum status landlock_open(const struct room_view *view, const char *shown, int *out,
                          struct error *err)
{
    const int version = landlock_version();
    const bool scopes = version >= SCOPES_VERSION;
    const struct handled handled = {.files = OF_VERSION_1 | (version >= 2 ? (uint64_t)REFER : 0) |
                                             (version >= 3 ? (uint64_t)TRUNCATE : 0),
                                    .scopes = SCOPE_SOCKETS | SCOPE_SIGNALS};
    /* an older kernel takes no more than it knows */
    const size_t n = scopes ? sizeof handled : sizeof handled.files;
    enum status s;

    if (version < 1 || (*out = (int)syscall(CREATE, &handled, n, 0)) < 0)
        return error_system(err, "", "make rules of Landlock");
    s = allow_all(*out, view, shown, handled.files, err);
    if (s != OK)
        close(*out);
    return s;
}
