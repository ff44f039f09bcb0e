/* claim: byte-range locks on one file. Start at claim_try. */
#include "engine/execution/claim.h"

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

static struct flock range_of(const struct digest *key, short type)
{
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};
    unsigned long long offset = 0;

    for (int i = 0; i < 8; i++)
        offset = offset << 8 | key->bytes[i];
    range.l_start = (off_t)(offset >> 2);
    return range;
}

enum status claim_try(const struct claims *c, const struct digest *key, bool *taken,
                      struct error *err)
{
    struct flock range = range_of(key, F_WRLCK);

    *taken = fcntl(c->fd, F_OFD_SETLK, &range) == 0;
    if (!*taken && errno != EAGAIN && errno != EACCES)
        return error_system(err, c->path, "lock");
    return OK;
}

void claim_release(const struct claims *c, const struct digest *key)
{
    struct flock range = range_of(key, F_UNLCK);

    (void)fcntl(c->fd, F_OFD_SETLK, &range);
}
