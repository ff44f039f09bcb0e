/* claim: byte-range locks on one file. Start at claim_try. */
#include "engine/results/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum status claims_open(const char *path, struct claims *out, struct error *err)
{
    out->path = path;
    out->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    return out->fd < 0 ? error_system(err, path, "open") : OK;
}

void claims_close(struct claims *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static struct flock range_of(const struct chain *chain, int n, short type)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_len = n};
    unsigned long long offset = 0;

    for (int i = 0; i < 8; i++)
        offset = offset << 8 | chain->root.bytes[i];
    range.l_start = (off_t)(offset >> 3) + chain->first; /* far below the largest offset */
    return range;
}

/* Of the first n units, how many come before the first that another process holds. Which lock the
 * kernel names first is its affair, so the answer is tried. */
static enum status count_free(const struct claims *c, const struct chain *chain, int *n,
                              struct error *err)
{
    struct flock held = range_of(chain, *n, F_WRLCK);
    const off_t start = held.l_start;

    if (fcntl(c->fd, F_OFD_GETLK, &held) != 0)
        return error_system(err, c->path, "look at a lock");
    if (held.l_type != F_UNLCK)
        *n = held.l_start > start ? (int)(held.l_start - start) : 0;
    return OK;
}

enum status claim_try(const struct claims *c, const struct chain *chain, int *taken,
                      struct error *err)
{
    *taken = chain->n;
    while (*taken > 0) {
        struct flock range = range_of(chain, *taken, F_WRLCK);
        if (fcntl(c->fd, F_OFD_SETLK, &range) == 0)
            break;
        if (errno != EAGAIN && errno != EACCES)
            return error_system(err, c->path, "lock");
        TRY(count_free(c, chain, taken, err));
    }
    return OK;
}

void claim_release(const struct claims *c, const struct chain *chain)
{
    struct flock range = range_of(chain, chain->n, F_UNLCK);

    if (chain->n > 0) /* a length of 0 would mean all the rest */
        (void)fcntl(c->fd, F_OFD_SETLK, &range);
}
