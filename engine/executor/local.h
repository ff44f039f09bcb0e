/*
 * local: the executor of this machine: processes that are our children, in slots of cpus and GPUs,
 * each in a folder of STORE/work.
 *
 * Folder     is locked (flock) from the start to the end of its process: nobody takes a checkpoint
 *            out of a run that lives.
 * Strays     Whatever a task leaves running ends with it, also what has a session of its own.
 */
#ifndef ENGINE_EXECUTOR_LOCAL_H
#define ENGINE_EXECUTOR_LOCAL_H

#include "engine/executor/executor.h"

struct fetch_context;
struct progress;
struct reaper;
struct store;
struct tools;

struct local_machine {
    struct store *store;
    struct reaper *reaper; /* shared with the short commands of the build; see runner.h */
    struct tools *tools;   /* where programs are found */
    const char *preload;   /* our program for interpreters: see preload.h */
    const struct fetch_context *fetch;
    int cpus, gpus;
    const char *const *gpu_names; /* of CUDA_VISIBLE_DEVICES */
    struct progress *progress;    /* told of folders that cannot be removed */
    int64_t most_logged; /* bytes of a task's output that its log holds; the rest is dropped */
    int wake; /* a descriptor that is readable when something outside asks for attention; or -1 */
};

/* Lives in the arena. What the machine points to is borrowed. */
enum status local_executor_open(const struct local_machine *machine, struct arena *arena,
                                struct executor **out, struct error *err) MUST_CHECK;

/* Ends and closes all that is left. NULL is allowed. */
void local_executor_close(struct executor *x);

#endif
