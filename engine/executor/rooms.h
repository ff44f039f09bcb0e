/*
 * rooms: the rooms of an executor (engine/room/room.h), one for each action that runs. One that is
 * idle is taken by the next action that sees the same places; of idle ones few are kept.
 */
#ifndef ENGINE_EXECUTOR_ROOMS_H
#define ENGINE_EXECUTOR_ROOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct reaper;
struct room;
struct room_view;

struct rooms; /* opaque */

/* most: so many are kept that nobody uses. */
enum status rooms_open(struct reaper *reaper, size_t most, struct rooms **out,
                       struct error *err) MUST_CHECK;

/* Closes them, idle or not. NULL is allowed. */
void rooms_close(struct rooms *rooms);

/* ERR_FAILED: the kernel refuses rooms; then it is not asked again. ERR_SYSTEM: none can be had
 * now. */
enum status rooms_take(struct rooms *rooms, const struct room_view *view, struct room **out,
                       struct error *err) MUST_CHECK;

/* Its action has ended. whole: the room has not. */
void rooms_give(struct rooms *rooms, struct room *room, bool whole);

/* Closes those that nobody uses. */
void rooms_drop_idle(struct rooms *rooms);

/* Whether a child of ours is a room's, and how many are. rooms may be NULL. */
bool rooms_has(const struct rooms *rooms, pid_t pid);
int rooms_count(const struct rooms *rooms);

#endif
