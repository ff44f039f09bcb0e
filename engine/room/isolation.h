/* isolation: what the kernel lets this user do to hide files from a process. */
#ifndef ENGINE_ROOM_ISOLATION_H
#define ENGINE_ROOM_ISOLATION_H

#include <stdbool.h>

struct isolation {
    bool namespaces; /* user and mount namespaces without being root */
    int landlock;    /* the version of its interface; 0: it is not there */
};

/* Finds out by trying: this process then is in namespaces of its own, so it is the last thing that
 * a program does. */
void isolation_try(struct isolation *out);

#endif
