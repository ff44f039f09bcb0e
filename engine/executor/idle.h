/*
 * idle: executors that start nothing.
 *
 * dry        nothing has room, for ever: a build then ends where it would start its first process.
 * refusing   what is not known already is refused: --cached-only.
 */
#ifndef ENGINE_EXECUTOR_IDLE_H
#define ENGINE_EXECUTOR_IDLE_H

#include "engine/executor/executor.h"

struct idle_executor {
    struct executor executor;
    enum room room;        /* what every request is told: ROOM_BUSY or ROOM_REFUSED */
    struct executor *real; /* what it refuses is refused; or NULL */
};

/* Fills *out, which needs no close. */
void idle_executor(enum room room, struct executor *real, struct idle_executor *out);

#endif
