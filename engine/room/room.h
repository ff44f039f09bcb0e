/*
 * room: where one action after another runs and sees only what it is shown: namespaces of users,
 * mounts, processes, IPC, names and network, made once. Its first process (inside.h) starts what
 * runs, signals it and reaps all that it leaves behind.
 *
 * Seen       /proc, a /dev of its own, an empty /tmp and /dev/shm for each action, what the view
 *            names, and the folder of the action. That may be written to, and what the view
 *            says so of.
 * Users      The caller's, with the same numbers; where the caller may map users (root) all are.
 *            Whoever is root keeps what a program expects of root with files, and no more.
 * Network    The loopback device alone, unless the view has the network.
 * Life       A room ends with its program, however that ends: then the kernel ends what is in it.
 */
#ifndef ENGINE_ROOM_ROOM_H
#define ENGINE_ROOM_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/process/runner.h"

struct arena;

/* What every action in a room sees, besides its own folder. */
struct room_view {
    const char *const *places; /* absolute paths, none in another */
    size_t n;
    const char *const *written; /* the same, that may be written to; they may lie in places */
    size_t n_written;
    bool network;
};

struct room; /* opaque */

/* The name by which this program is started as a room's first process: see main.c. */
extern const char room_name[];

/* ERR_FAILED: the kernel refuses it; the error names the step. ERR_SYSTEM: it could be had at
 * another time. */
enum status room_open(struct reaper *reaper, const struct room_view *view, struct room **out,
                      struct error *err) MUST_CHECK;

/* Lets it end by itself: nothing more is asked of it but room_close. */
void room_dismiss(struct room *room);

/* Ends all that runs there. NULL is allowed. */
void room_close(struct room *room);

/* Of its process that is our child. */
pid_t room_pid(const struct room *room);

/* What whoever is root in a room may do, as bits of capabilities. */
extern const uint64_t room_rights;

/* Shows the folder to a process that comes in by itself (room.py), through these namespaces, which
 * are the caller's to close. It stays a child of ours; room_end ends what it leaves behind. */
enum { ROOM_WAYS = 6 };
enum status room_await(struct room *room, const char *shown, int ways[ROOM_WAYS],
                       struct error *err) MUST_CHECK;

/* Has a command run in a folder of `shown`, which may be written. One at a time: it begins as soon
 * as the room has cleared up behind the last, and nobody waits for that. watched: room_asked knows
 * for what it asks. streams: of runner_streams, which stay the caller's, for another room if this
 * one is gone before it has begun. p->pidfd is readable when room_poll has news. */
enum { ROOM_STREAMS = 3 };
enum status room_start(struct room *room, const struct command *command, const char *shown,
                       bool watched, const int streams[ROOM_STREAMS], struct process *p,
                       struct error *err) MUST_CHECK;

/* As of the last room_poll. */
bool room_has_begun(const struct room *room);

/* Whether it lies in /tmp, or another folder of which every room has its own. */
bool room_is_its_own(const char *path);

/* What a command has asked for that is hidden from it. */
struct room_asked {
    const char *what; /* an absolute path, or "the network (10.0.0.1:53)" */
    bool makes;       /* it was to be made there */
};

/* Up to the last room_poll. The list lives until room_start, or room_close. */
size_t room_asked(const struct room *room, const struct room_asked **list);

/* Whether it has been found dead. */
bool room_is_gone(const struct room *room);

void room_signal(struct room *room, int signal);

/* Looks whether it has ended; *p then says how, and its streams are the caller's to close. On error
 * it has ended too, and had not begun: what keeps it from that, or room_is_gone. */
enum status room_poll(struct room *room, struct process *p, struct error *err) MUST_CHECK;

/* Ends it, and waits for that. False: the room is gone, and it with it. */
bool room_end(struct room *room, struct process *p);

#endif
