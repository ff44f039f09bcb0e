/*
 * stamp: how a file looked when it was read: whether a later look shows the same file, untouched.
 *
 * Rule       A file is what it was when device, inode, size and its times of change of content
 *            (mtime) and of inode (ctime) are as they were, and both times lie before the moment it
 *            was read by more than a tick (see filesystem.h): then any later write would have
 *            given another time. A file that was written just now, or whose times lie in the
 *            future, is never known by its look.
 *            What writes without a new time is not seen: a program that has the file mapped since
 *            before (the kernel gives the time of its first write only), or a clock set back.
 */
#ifndef CACHE_CONTENT_STAMP_H
#define CACHE_CONTENT_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct stamp {
    int64_t dev, ino, size, mtime_ns, ctime_ns;
    bool settled; /* older than its reading by more than a tick */
};

struct stat;

/* Not settled: that depends on when the file was read. */
struct stamp stamp_of(const struct stat *st);

/* Whether its times lie before the moment by more than a tick; all in ns, since 1970. */
bool stamp_is_settled(const struct stamp *stamp, int64_t moment_ns, int64_t tick_ns);

/* All five numbers. */
bool stamp_same(const struct stamp *a, const struct stamp *b);

/* All but the time of change of the inode, which a new name or mode gives. */
bool stamp_same_content(const struct stamp *a, const struct stamp *b);

/* Whether a file that now looks like this surely holds what it held when it was stamped. */
bool stamp_holds(const struct stamp *stamp, const struct stat *now);

#endif
