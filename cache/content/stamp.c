/* stamp: five numbers of a file's inode. Start at stamp_holds. */
#include "cache/content/stamp.h"

#include <sys/stat.h>

#include "cache/content/scan.h"

struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){
        .dev = (int64_t)st->st_dev,
        .ino = (int64_t)st->st_ino,
        .size = st->st_size,
        .mtime_ns = scan_time_ns(&st->st_mtim),
        .ctime_ns = scan_time_ns(&st->st_ctim),
    };
}

bool stamp_is_settled(const struct stamp *stamp, int64_t moment_ns, int64_t tick_ns)
{
    const int64_t newest = stamp->mtime_ns > stamp->ctime_ns ? stamp->mtime_ns : stamp->ctime_ns;

    return newest < moment_ns - tick_ns;
}

bool stamp_same_content(const struct stamp *a, const struct stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

bool stamp_same(const struct stamp *a, const struct stamp *b)
{
    return stamp_same_content(a, b) && a->ctime_ns == b->ctime_ns;
}

bool stamp_holds(const struct stamp *stamp, const struct stat *now)
{
    const struct stamp looks = stamp_of(now);

    return S_ISREG(now->st_mode) && stamp->settled && stamp_same(stamp, &looks);
}
