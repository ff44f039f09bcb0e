/*
 * environment: what a task sees of the world besides its folder. A clean one: of the caller's
 * PATH and what the action passes, and nothing else.
 */
#ifndef ENGINE_EXECUTOR_ENVIRONMENT_H
#define ENGINE_EXECUTOR_ENVIRONMENT_H

#include "base/error.h"

struct arena;
struct request;
struct task;

/* Where the files of a task that trains are, and its share of the machine. */
struct surroundings {
    const struct task *task;
    const char *params;     /* a file, or NULL */
    const char *checkpoint; /* HPO_CHECKPOINT_IN, or NULL */
    const char *modules;    /* the end of PYTHONPATH, or NULL: it is in no key */
    int cpus;
    unsigned varies;       /* enum variation */
    const char *gpus;      /* names of CUDA_VISIBLE_DEVICES, or "" */
    const char *libraries; /* the folder of CUDA's, or NULL */
};

/* NULL-terminated, in the arena; NULL: no memory. */
char **environment_of(const struct request *r, const struct surroundings *s, struct arena *arena);

#endif
