/*
 * preload: which runs are forked from an interpreter that has their libraries loaded, and from
 * which. engine/process/interpreter.h is one of these.
 *
 * Which      A run of a task that trains, whose program is Python and whose first argument is a
 *            script, without `preload = false`. Runs share an interpreter that have the same
 *            Python, script, inputs, variables, cpus and modules to preload.
 * Life       A server is started for the first run that could use it, and ended when the executor
 *            is closed, or earlier where many others are used. One that cannot be had is said once,
 *            and its runs are started fresh.
 * Folder     A server has a folder of its own. The inputs are put there where modules among them
 *            are to be loaded; else it reads only the script, in the folder of its first run.
 */
#ifndef ENGINE_EXECUTOR_PRELOAD_H
#define ENGINE_EXECUTOR_PRELOAD_H

#include "engine/executor/workspace.h"
#include "engine/process/interpreter.h"

struct local_machine;
struct request;

struct preload; /* opaque: the servers of an executor */

struct server {
    struct server *next;
    struct interpreter interpreter;
    struct workspace workspace;
    const char *key;    /* text: what runs have in common that share it */
    size_t n_script;    /* bytes of it that say which script, run by which Python */
    const char *script; /* for people */
    bool is_script;     /* of its runs all that is printed may be reports: see execution/script.h */
    char *said;         /* what it wrote to standard error until it was ready */
    size_t n_said;
    int64_t unforked_ns; /* by the executor's clock: when it was last seen not to fork */
    long used;           /* a count, of the last run that was given to it */
    int n_children;      /* runs that were given to it, and are not closed */
    bool closed;         /* its process is reaped: its runs are started fresh */
    bool retired;        /* it made room for others: a run that wants it gets a new one */
};

/* Both are borrowed, as long as it is open. */
enum status preload_open(const struct local_machine *machine, struct leftovers *left,
                         struct arena *arena, struct preload **out, struct error *err) MUST_CHECK;

/* Ends them, and removes their folders. NULL is allowed. */
void preload_close(struct preload *p);

/*
 * The server of a run that would be started by this command (its env is that of a run, its folder
 * is filled); NULL: it is to be started fresh. Give it back with preload_leave.
 */
enum status preload_find(struct preload *p, const struct request *r, const struct command *command,
                         struct server **out, struct error *err) MUST_CHECK;
void preload_leave(struct server *s);

/* Looks what has come from it; one that is gone is closed, and what follows is said. */
enum status preload_look(struct preload *p, struct server *s, struct error *err) MUST_CHECK;

/* It does not answer. */
enum status preload_give_up(struct preload *p, struct server *s, const char *why,
                            struct error *err) MUST_CHECK;

struct server *preload_servers(struct preload *p);

/* How many processes of these are our children. */
int preload_count(const struct preload *p);
bool preload_has(const struct preload *p, int pid);

#endif
