/*
 * scratch: a temporary folder that a killed process does not leave behind for good.
 *
 * The folder is locked while its process and the processes forked from that live: the kernel
 * releases the lock with the last of them. Opening one first removes those in the same place that
 * belong to the same user and that no process holds. Where a file system has no such locks, none
 * is removed.
 */
#ifndef ENGINE_CLONE_SCRATCH_H
#define ENGINE_CLONE_SCRATCH_H

#include "base/error.h"

struct arena;

struct scratch {
    char *path; /* PARENT/hpo-clone-XXXXXX; NULL: there is none */
    int lock;   /* descriptor of the folder */
};

/* The parent is an existing folder. Close with scratch_close. */
enum status scratch_open(const char *parent, struct arena *arena, struct scratch *out,
                         struct error *err) MUST_CHECK;

/* Removes the folder and what is in it. */
enum status scratch_close(struct scratch *scratch, struct error *err) MUST_CHECK;

#endif
