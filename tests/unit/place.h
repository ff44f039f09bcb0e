/* place: a folder of its own for each test, entered before it and removed behind it. */
#ifndef TESTS_UNIT_PLACE_H
#define TESTS_UNIT_PLACE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

struct place {
    struct arena *arena;
    struct error err;
    int home; /* the folder that the program was started in */
    char folder[64];
};

/* For cmocka's set-up: an empty folder is the working folder, *state is a struct place. */
static inline int place_enter(void **state)
{
    static struct place p;

    p = (struct place){.arena = arena_open(), .home = open(".", O_RDONLY | O_DIRECTORY)};
    (void)snprintf(p.folder, sizeof p.folder, "/tmp/hpo_unit_test.XXXXXX");
    *state = &p;
    return p.arena && p.home >= 0 && mkdtemp(p.folder) && chdir(p.folder) == 0 ? 0 : -1;
}

/* For its tear-down. */
static inline int place_leave(void **state)
{
    struct place *p = *state;
    int failed = fchdir(p->home) != 0 || file_remove(p->folder, &p->err) != OK;

    close(p->home);
    arena_close(p->arena);
    return failed ? -1 : 0;
}

#endif
