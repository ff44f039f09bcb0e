/* saver: a thread, and a flag that it sets at its end. */
#include "trainer/training/saver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "trainer/model/network.h"

struct saver {
    struct arena *arena; /* this struct lives in it */
    struct save save;
    struct snapshot *snapshot;
    pthread_t thread;
    atomic_bool ended;
    enum status status;
    struct error error;
};

static void *work(void *argument)
{
    struct saver *s = argument;

    s->status = checkpoint_write(s->save.folder, s->save.model, s->save.network, s->snapshot,
                                 &s->save.at, &s->error);
    atomic_store(&s->ended, true);
    return NULL;
}

/* The thread owns the snapshot, once there is one. */
static enum status start(struct saver *s, struct error *err)
{
    struct backend *be = s->save.network->be;
    int failed;

    TRY(be->ops->snapshot(be, &s->snapshot, err));
    if ((failed = pthread_create(&s->thread, NULL, work, s)) == 0)
        return OK;
    be->ops->release(s->snapshot);
    return error_set(err, ERR_SYSTEM, s->save.folder, "cannot start a thread to write it: %s",
                     strerror(failed));
}

enum status saver_start(const struct save *save, struct saver **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct saver *s = arena ? arena_alloc(arena, sizeof *s) : NULL;
    enum status status = s ? OK : error_memory(err);

    if (s) {
        *s = (struct saver){.arena = arena, .save = *save};
        status = start(s, err);
    }
    if (status != OK) {
        arena_close(arena);
        return status;
    }
    *out = s;
    return OK;
}

bool saver_ended(struct saver *s)
{
    return atomic_load(&s->ended);
}

enum status saver_finish(struct saver *s, struct error *err)
{
    enum status status;

    (void)pthread_join(s->thread, NULL);
    if ((status = s->status) != OK)
        *err = s->error;
    arena_close(s->arena);
    return status;
}
