/* isolation: what the kernel lets a process do, by doing it. */
#include "engine/room/isolation.h"

#include <sched.h>

#include "engine/room/landlock.h"

void isolation_try(struct isolation *out)
{
    *out = (struct isolation){.namespaces = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0,
                              .landlock = landlock_version()};
}
