/*
 * lock: a file or folder that another process may hold for a while (flock). The kernel lets go with
 * the descriptor, or the process.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <signal.h>

#include "base/error.h"

/* How one waits. */
struct patience {
    const volatile sig_atomic_t *interrupted; /* not 0: not any longer. NULL: nobody asks */
    void (*say)(void *to, const char *path);  /* called once, after two seconds. NULL: silently */
    void *to;
};

/* Locks what is open in fd and lies at path. ERR_INTERRUPTED: another holds it still. */
enum status lock_wait(int fd, const char *path, const struct patience *patience,
                      struct error *err) MUST_CHECK;

#endif
