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
#include "engine/sandbox.h"

struct command;
struct devices;
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
    const char *modules; /* a folder that Python finds modules in, or NULL */
    int cpus;
    struct devices *devices;   /* asked for cards by the first task that wants one */
    int64_t memory;            /* bytes that tasks may declare together */
    struct progress *progress; /* told of folders that cannot be removed */
    int64_t most_logged; /* bytes of a task's output that its log holds; the rest is dropped */
    enum sandbox sandbox;
    const char **system; /* folders that are shown all the same */
    size_t n_system;
    unsigned varies;  /* enum variation */
    bool fresh;       /* no interpreter is loaded ahead */
    bool keep_failed; /* folders of earlier failures of an action stay */
    int wake; /* a descriptor that is readable when something outside asks for attention; or -1 */
};

/* Lives in the arena. What the machine points to is borrowed. */
enum status local_executor_open(const struct local_machine *machine, struct arena *arena,
                                struct executor **out, struct error *err) MUST_CHECK;

/*
 * The folder of a request, with its inputs, and what would run there; for people to look at, not
 * to run. Errors and *outcome as of executor_start. What is left in it goes with local_visit_close.
 */
enum status local_visit_open(struct executor *x, const struct request *r,
                             const struct command **command, struct task **task,
                             enum start_outcome *outcome, size_t *lost,
                             struct error *err) MUST_CHECK;
void local_visit_close(struct executor *x, struct task *task);

/* Ends and closes all that is left. NULL is allowed. */
void local_executor_close(struct executor *x);

#endif
