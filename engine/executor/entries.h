/*
 * entries: in which order a file system lists what is in a folder. Some list by name or by a hash
 * of it, others by when it was put there: with those the order can be another.
 */
#ifndef ENGINE_EXECUTOR_ENTRIES_H
#define ENGINE_EXECUTOR_ENTRIES_H

#include <stdbool.h>

#include "base/error.h"

struct arena;

/*
 * Puts what is in a folder, and in the folders in it, there anew, so that it is listed in another
 * order where that can be. spare: a path that is free, on the same file system. *turned: whether
 * some folder is listed otherwise now. On error part of it may be lost.
 */
enum status entries_turn(const char *folder, const char *spare, struct arena *arena, bool *turned,
                         struct error *err) MUST_CHECK;

/* Whether it can be in a file system, tried in a folder of it. */
enum status entries_can_turn(const char *folder, struct arena *arena, bool *can,
                             struct error *err) MUST_CHECK;

#endif
