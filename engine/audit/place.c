/* place: made, locked, found again. Start at place_open. */
#include "engine/audit/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"

static const char done[] = "done", nonce_name[] = "nonce";

static enum status lock(struct place *p, struct error *err)
{
    p->lock = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->lock < 0)
        return error_system(err, p->folder, "open");
    if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return OK;
    if (errno != EWOULDBLOCK)
        return error_system(err, p->folder, "lock");
    return error_set(err, ERR_INPUT, p->folder, "another audit of this is running");
}

/* What an ended audit has left. */
static enum status clear(const struct place *p, struct arena *arena, struct error *err)
{
    char **names;
    size_t n;

    TRY(file_list(p->folder, arena, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(arena, p->folder, names[i]);
        if (!path)
            return error_memory(err);
        TRY(file_remove(path, err));
    }
    return OK;
}

/* Draws the nonce, or reads the one of the audit that goes on. */
static enum status take_nonce(struct place *p, struct arena *arena, struct error *err)
{
    char *path = file_join(arena, p->folder, nonce_name), *bytes;
    size_t n;
    enum status s = path ? file_read(path, NONCE_BYTES, arena, &bytes, &n, err) : error_memory(err);

    p->goes_on = s == OK && n == NONCE_BYTES;
    if (p->goes_on) {
        memcpy(p->nonce, bytes, NONCE_BYTES);
        return OK;
    }
    if (s != OK && s != ERR_NOT_FOUND)
        return s;
    if (getrandom(p->nonce, NONCE_BYTES, 0) != NONCE_BYTES)
        return error_system(err, "", "draw random bytes");
    return file_write(path, p->nonce, NONCE_BYTES, err);
}

enum status place_open(const char *parent, const char *question, struct arena *arena,
                       struct place *out, struct error *err)
{
    struct digest id;
    char hex[DIGEST_HEX + 1], *mark, *folder;

    *out = (struct place){.lock = -1};
    TRY(digest_bytes(question, strlen(question), &id, err));
    digest_hex(&id, hex);
    if (!(folder = arena_printf(arena, "%s/%.16s", parent, hex)))
        return error_memory(err);
    TRY(file_make_folders(folder, err));
    TRY(file_absolute(folder, arena, &folder, err));
    out->folder = folder;
    if (!(out->room = file_join(arena, folder, "room")) || !(mark = file_join(arena, folder, done)))
        return error_memory(err);
    TRY(lock(out, err));
    if (access(mark, F_OK) == 0)
        TRY(clear(out, arena, err));
    return take_nonce(out, arena, err);
}

enum status place_finish(struct place *p, bool keep, struct error *err)
{
    struct arena *arena = arena_open();
    char *mark = arena ? file_join(arena, p->folder, done) : NULL;
    enum status s = mark ? OK : error_memory(err);

    if (s == OK && keep)
        s = file_write(mark, "", 0, err);
    else if (s == OK)
        s = file_remove(p->folder, err);
    arena_close(arena);
    return s;
}

enum status place_collect(const char *parent, struct arena *arena, struct error *err)
{
    char **names;
    size_t n;
    enum status s = parent ? file_list(parent, arena, &names, &n, err) : error_memory(err);

    if (s == ERR_NOT_FOUND)
        return OK;
    TRY(s);
    for (size_t i = 0; i < n && s == OK; i++) {
        struct place p = {.folder = file_join(arena, parent, names[i]), .lock = -1};
        struct error runs;
        if (!p.folder)
            return error_memory(err);
        if (lock(&p, &runs) == OK)
            s = file_remove(p.folder, err);
        place_close(&p);
    }
    return s;
}

void place_close(struct place *p)
{
    if (p->lock >= 0)
        close(p->lock);
    p->lock = -1;
}
