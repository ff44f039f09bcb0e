/* lock: what is not to be had now is tried again. */
#include "base/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <time.h>

enum { STEP_MS = 20, SILENT_MS = 2000 };

enum status lock_wait(int fd, const char *path, const struct patience *patience, struct error *err)
{
    const struct timespec step = {0, STEP_MS * 1000000L};

    for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_system(err, path, "lock");
        if (patience->interrupted && *patience->interrupted > 0)
            return error_set(err, ERR_INTERRUPTED, "", "interrupted");
        if (waited == SILENT_MS && patience->say)
            patience->say(patience->to, path);
        (void)nanosleep(&step, NULL);
    }
    return OK;
}
