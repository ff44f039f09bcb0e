/*
 * local_state: the structs of the local executor, shared by local.c and the files local_*.c. Nobody
 * else includes it.
 */
#ifndef ENGINE_EXECUTOR_LOCAL_STATE_H
#define ENGINE_EXECUTOR_LOCAL_STATE_H

#include "engine/executor/executor.h"
#include "engine/executor/local.h"
#include "engine/executor/preload.h"
#include "engine/executor/rooms.h"
#include "engine/executor/slots.h"
#include "engine/executor/workspace.h"
#include "engine/process/places.h"
#include "engine/process/runner.h"
#include "engine/room/room.h"

enum { READ_BYTES = 64 * 1024 };

struct surroundings;

struct child {
    struct task task; /* first: a task is its child */
    struct child *next;
    struct arena *arena;
    struct workspace workspace;
    const struct action *action; /* a command's, once that is prepared; NULL: it fetches */
    struct command command;      /* what runs there, with its environment */
    struct process process;
    struct room *room;         /* in which it runs; NULL: in none, or it has ended */
    bool came_in;              /* into it, by itself: it is our child */
    bool again;                /* it is its second room: in the first it had not begun */
    int streams[ROOM_STREAMS]; /* its ends of them, until it has begun there */
    bool watched;              /* what it asks for there is told */
    size_t asked_capacity;     /* of task.asked */
    bool roomy;                /* it has run in one: nothing of it can be left */
    struct server *server;     /* the interpreter that it is a child of, or NULL */
    struct birth birth;
    int64_t asked_ns; /* when a child was asked for, or its server began to load */
    bool unborn;      /* it has no process yet: see local_start.c */
    struct share share;
    int log;         /* of a task that trains: what it prints goes there, wherever its name leads */
    int64_t kill_ns; /* when it is ended by force, by now(); 0: nobody asked it to end */
    int64_t logged;  /* bytes of its output that are in its log */
    size_t late;     /* bytes that came after its end */
    bool found_full; /* it ended as a card had no room */
    bool rests;      /* it waits for a word, and others have its share */
    bool told;       /* its EVENT_EXIT has been given */
    bool ready;      /* something may be read from it, or it may have ended */
};

struct local {
    struct executor executor;
    struct local_machine machine;
    struct slots slots;
    bool has_cards;      /* they were looked for */
    struct arena *arena; /* lives as long as the executor */
    struct leftovers leftovers;
    struct child *children;
    struct child *gone; /* closed: their folders are still to be removed */
    int n_gone;
    int children_list; /* the kernel's: see strays.h */
    bool memory_is_short;
    int64_t ask_memory_ns; /* when to ask again */
    struct preload *preload;
    struct rooms *rooms;     /* NULL: nothing is hidden from tasks */
    struct places system;    /* that all see there */
    bool said_refused;       /* that rooms cannot be had */
    int64_t real_ns, now_ns; /* when time was last looked at, and what it was by our own count */
    char bytes[READ_BYTES];
};

/* Looks for cards, and their classes, where these resources ask for them. */
enum status local_find_cards(struct local *l, const struct resources *r,
                             struct error *err) MUST_CHECK;

/* The value of CUDA_VISIBLE_DEVICES. NULL: no memory. */
const char *local_name_cards(const struct local *l, const struct share *share, struct arena *arena);

struct card_count local_cards(const struct executor *x);
enum status local_blame(struct executor *x, struct task *task, enum card_fault fault,
                        const char *said, const char **cards, struct error *err) MUST_CHECK;

/* Makes the folder with all that the task will find in it. */
enum status local_fill_folder(struct local *l, struct child *c, const struct request *r,
                              struct surroundings *s, enum start_outcome *outcome, size_t *lost,
                              struct error *err) MUST_CHECK;

/* Its command and environment, in c->command. */
enum status local_prepare(struct local *l, struct child *c, const struct request *r,
                          struct surroundings *s, struct error *err) MUST_CHECK;

/* Finds what all tasks see in rooms: once. */
enum status local_find_system(struct local *l, struct error *err) MUST_CHECK;

/* Starts its process, in a room where there are rooms. */
enum status local_start_process(struct local *l, struct child *c, struct error *err) MUST_CHECK;

/* A room where there are rooms, for a process that comes in by itself: ways are the caller's to
 * close. False: it cannot. local_leave: nobody comes. */
bool local_enter(struct local *l, struct child *c, struct entry *entry, int ways[ROOM_WAYS]);
void local_leave(struct local *l, struct child *c);

/* The same of it as of runner.h. */
void local_signal(const struct child *c, int signal);
enum status local_poll_process(struct local *l, struct child *c, struct error *err) MUST_CHECK;
void local_close_process(struct local *l, struct child *c);
void local_close_streams(struct child *c);

/* Prepares it, and starts its process or asks for one. */
enum status local_begin(struct local *l, struct child *c, const struct request *r,
                        struct surroundings *s, struct error *err) MUST_CHECK;

/* Goes on with all that are unborn. */
enum status local_begin_more(struct local *l, struct error *err) MUST_CHECK;

/* The reply for one has come: it is born. */
enum status local_bear(struct local *l, struct child *c, struct error *err) MUST_CHECK;

/* It ends before it was born. */
void local_abandon(struct child *c);

/* Removes its folder or leaves it to people, and frees the rest. */
void local_free_child(struct local *l, struct child *c, bool keep_folder);

/* The same, but what was short waits for local_remove_gone: the next one may start before. False:
 * nothing waits. */
void local_let_go(struct local *l, struct child *c, bool keep_folder);
bool local_remove_gone(struct local *l);

/* The process is gone, and with it whatever it has left running. */
void local_note_end(struct local *l, struct child *c);

/* Those that have ended by themselves. */
void local_reap_orphans(const struct local *l);

#endif
