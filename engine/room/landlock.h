/*
 * landlock: what hides files where the kernel refuses namespaces: rules for a process and all that
 * it starts, which nobody can lift (landlock(7), Linux 5.13). Files that are hidden are there, and
 * cannot be opened; their modes, owners and times can be changed. The network, /proc and other
 * processes are not hidden; signals do not reach these (Linux 6.12), sockets that are files do.
 * /dev/shm is the machine's.
 */
#ifndef ENGINE_ROOM_LANDLOCK_H
#define ENGINE_ROOM_LANDLOCK_H

#include <stddef.h>

#include "base/error.h"

/* Of its interface; 0: this kernel has none, or refuses it. */
int landlock_version(void);

struct room_view;

/* Rules by which what the view names may be read, or written to, and `shown` be written to, as a
 * descriptor of the caller's for command.ruleset. ERR_SYSTEM: this kernel has none. */
enum status landlock_open(const struct room_view *view, const char *shown, int *out,
                          struct error *err) MUST_CHECK;

#endif
