/*
 * idle: executors that start nothing.
 *
 * dry        nothing has slot, for ever: a build then ends where it would start its first process.
 * refusing   what is not known already is refused: --cached-only.
 */
#ifndef ENGINE_EXECUTOR_IDLE_H
#define ENGINE_EXECUTOR_IDLE_H

#include "engine/executor/executor.h"

struct idle_executor {
    struct executor executor;
    enum slot slot;        /* what every request is told: SLOT_BUSY or SLOT_REFUSED */
    struct executor *real; /* what it refuses is refused; or NULL */
};

/* Fills *out, which needs no close. */
void idle_executor(enum slot slot, struct executor *real, struct idle_executor *out);

#endif
