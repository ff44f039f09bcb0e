/* launch: how a process of a room becomes a command. */
#ifndef ENGINE_ROOM_LAUNCH_H
#define ENGINE_ROOM_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
    char *const *sheet, **argv, **env;
    const int *fds; /* the sheet's, and the streams */
    int pipe;       /* takes errno where it cannot, and is closed by exec */
    bool watched, network;
};

/*
 * Its process, or -1 with errno. A copy of this process takes the kernel as long as the command
 * itself: so the child has this one's memory, on a stack that is made once, and this one waits
 * until it is the command. Whoever is watched gets a copy, for it waits for this process before.
 */
pid_t launch_begin(struct launch *l, char **stack);

#endif
