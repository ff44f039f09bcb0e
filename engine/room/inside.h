/*
 * inside: what a room's first process does. It is this program, started by room.c under another
 * name, and never returns to the engine.
 *
 * The root is a file system of its own in memory. What is outside stays mounted below /outside,
 * under a cover that no action can lift: it has no right to unmount, and whoever makes namespaces
 * of its own in there finds both locked together (mount_namespaces(7)). This process alone has a
 * descriptor of what lies under it, to show the next action its folder.
 */
#ifndef ENGINE_ROOM_INSIDE_H
#define ENGINE_ROOM_INSIDE_H

#include <stdbool.h>
#include <stddef.h>

/* Standard input is the socket. Gives the exit status. */
int inside_main(void);

/* ---- mounts.c ---- */

/* Descriptors that no action has. */
struct mounts {
    int outside; /* what is under the cover */
    int root;    /* the root, which can be written to by this way alone */
};

/* Makes the root of the places (SHEET_READS or SHEET_WRITES, and a path), and enters it. On failure
 * errno, and what it was at in `step`. */
bool mounts_make(struct mounts *m, char *const *places, size_t n, char *step);

/* Makes what is the machine's in /proc read-only. */
bool mounts_protect(char *step);

/* Shows a folder for one action, and places that lie in /tmp and /dev/shm; and takes them away
 * again, with all that it has left in these two. */
bool mounts_show(const struct mounts *m, char *const *places, size_t n, const char *folder,
                 char *step);
bool mounts_hide(const struct mounts *m, const char *folder, char *step);

/* ---- hidden.c ---- */

struct watched;

/* Whether a call asks for what is hidden from it: what it reads or runs is there outside, and not
 * here; what it makes would lie in a folder that is; or the network. Its path is then that of
 * outside, with no link in it. */
bool hidden_asked(const struct mounts *m, struct watched *call);

#endif
