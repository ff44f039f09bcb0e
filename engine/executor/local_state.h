/*
 * local_state: the structs of the local executor, shared by local.c, local_folder.c and
 * local_start.c. Nobody else includes it.
 */
#ifndef ENGINE_EXECUTOR_LOCAL_STATE_H
#define ENGINE_EXECUTOR_LOCAL_STATE_H

#include "engine/executor/executor.h"
#include "engine/executor/local.h"
#include "engine/executor/preload.h"
#include "engine/executor/slots.h"
#include "engine/executor/workspace.h"
#include "engine/process/runner.h"

enum { READ_BYTES = 64 * 1024 };

struct surroundings;

struct child {
    struct task task; /* first: a task is its child */
    struct child *next;
    struct arena *arena;
    struct workspace workspace;
    struct process process;
    struct command command;
    struct server *server; /* the interpreter that it is a child of, or NULL */
    struct birth birth;
    int64_t asked_ns; /* when a child was asked for, or its server began to load */
    bool unborn;      /* it has no process yet: see local_start.c */
    struct share share;
    int log;         /* of a task that trains: what it prints goes there, wherever its name leads */
    int64_t kill_ns; /* when it is ended by force, by now(); 0: nobody asked it to end */
    int64_t logged;  /* bytes of its output that are in its log */
    size_t late;     /* bytes that came after its end */
    bool rests;      /* it waits for a word, and others have its share */
    bool told;       /* its EVENT_EXIT has been given */
    bool ready;      /* something may be read from it, or it may have ended */
};

struct local {
    struct executor executor;
    struct local_machine machine;
    struct slots slots;
    struct child *children;
    int children_list; /* the kernel's: see strays.h */
    struct preload *preload;
    int64_t real_ns, now_ns; /* when time was last looked at, and what it was by our own count */
    char bytes[READ_BYTES];
};

/* Makes the folder with all that the task will find in it. */
enum status local_fill_folder(struct local *l, struct child *c, const struct request *r,
                              struct surroundings *s, enum start_outcome *outcome, size_t *lost,
                              struct error *err) MUST_CHECK;

/* Starts its process, or asks for one. */
enum status local_begin(struct local *l, struct child *c, const struct request *r,
                        struct surroundings *s, struct error *err) MUST_CHECK;

/* Goes on with all that are unborn. */
enum status local_begin_more(struct local *l, struct error *err) MUST_CHECK;

/* The reply for one has come: it is born. */
enum status local_bear(struct local *l, struct child *c, struct error *err) MUST_CHECK;

/* It ends before it was born. */
void local_abandon(struct child *c);

#endif
