/* looks: stamps of paths, as lines "@DEV INO SIZE MTIME CTIME PATH" in hexadecimal, or "!PATH". */
#include "engine/process/looks.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "cache/content/stamp.h"
#include "cache/filesystem.h"

struct look {
    const char *path;
    bool there;
    struct stamp stamp;
};

int64_t looks_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

enum status looks_at(struct looks *l, const char *path, bool *there, struct error *err)
{
    struct look look = {.path = path};
    struct look *last;
    struct statfs fs;
    struct stat st;

    *there = look.there = stat(path, &st) == 0;
    if (look.there && statfs(path, &fs) != 0)
        return error_system(err, path, "look at the file system of");
    if (look.there) {
        look.stamp = stamp_of(&st);
        l->unsettled |= !stamp_is_settled(&look.stamp, l->begun_ns,
                                          filesystem_tick_ns((unsigned long)fs.f_type));
    }
    if (!(last = arena_push(l->arena, l->list, l->n, l->capacity)))
        return error_memory(err);
    *last = look;
    return OK;
}

bool looks_write(const struct looks *l, struct text *t)
{
    if (l->unsettled)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        const struct look *look = &l->list[i];
        const struct stamp *s = &look->stamp;
        if (strchr(look->path, '\n'))
            return false;
        if (look->there)
            text_printf(t, "@%" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %s\n",
                        (uint64_t)s->dev, (uint64_t)s->ino, (uint64_t)s->size,
                        (uint64_t)s->mtime_ns, (uint64_t)s->ctime_ns, look->path);
        else
            text_printf(t, "!%s\n", look->path);
    }
    return true;
}

/* The number at *at, and the space behind it. */
static int64_t read_number(const char **at)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t x = 0;
    const char *digit;

    for (; **at && (digit = strchr(digits, **at)); (*at)++)
        x = x << 4 | (uint64_t)(digit - digits);
    *at += **at == ' ';
    return (int64_t)x;
}

bool looks_hold(const char **line, struct arena *arena)
{
    const char *at = *line;
    const size_t n = strcspn(at, "\n");
    const bool there = *at++ == '@';
    struct stamp stamp = {0}, now;
    const char *path;
    struct stat st;

    if (there) {
        stamp.dev = read_number(&at);
        stamp.ino = read_number(&at);
        stamp.size = read_number(&at);
        stamp.mtime_ns = read_number(&at);
        stamp.ctime_ns = read_number(&at);
    }
    if (at > *line + n || !(path = arena_copy(arena, at, (size_t)(*line + n - at))))
        return false;
    *line += n + ((*line)[n] == '\n');
    if (stat(path, &st) != 0)
        return !there;
    now = stamp_of(&st);
    return there && stamp_same(&stamp, &now);
}
