/*
 * watch: what processes ask the kernel for, seen by another: the paths that they open, make or run,
 * and the addresses that they connect, bind or send to (seccomp_unotify(2)). Each such call waits
 * until it was looked at, and then goes on as if nobody had. That finds out and does not prevent:
 * another thread may change a path after it was read. What goes through io_uring is not seen.
 */
#ifndef ENGINE_ROOM_WATCH_H
#define ENGINE_ROOM_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A call that waits. */
struct watched {
    uint64_t id;
    char asked[PATH_MAX]; /* an absolute path, or "the network (10.0.0.1:53)"; "": of no interest */
    enum watched_kind {
        WATCHED_READS,
        WATCHED_MAKES, /* what is at the path, where nothing is */
        WATCHED_RUNS,
        WATCHED_POINTS /* to it, and no more: O_PATH */
    } kind;
};

/* From now on this process and all that it starts are watched. It has no_new_privs. *listener is
 * for whoever watches. False, with errno. */
bool watch_begin(bool network, int *listener);

/* The listener that a process has under this number; -1, with errno. */
int watch_take(pid_t pid, int number);

/* The next call. False: there is none. */
bool watch_hear(int listener, struct watched *out);

void watch_go_on(int listener, const struct watched *w);

#endif
