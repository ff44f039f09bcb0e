/* saver: two flags under a mutex, each set once. */
#include "trainer/training/saver.h"

#include <pthread.h>
#include <string.h>

#include "base/arena.h"

struct saver {
    struct arena *arena; /* this struct lives in it */
    struct save save;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool read, ended;
    enum status status;
    struct error error;
};

static void set(struct saver *s, bool *flag)
{
    (void)pthread_mutex_lock(&s->mutex);
    *flag = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
}

static void note_read(void *context)
{
    struct saver *s = context;

    set(s, &s->read);
}

static void *work(void *argument)
{
    struct saver *s = argument;

    s->status = checkpoint_write(s->save.folder, s->save.model, s->save.bloom, &s->save.at,
                                 note_read, s, &s->error);
    set(s, &s->read); /* also where it failed before */
    set(s, &s->ended);
    return NULL;
}

static void close_saver(struct saver *s)
{
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->mutex);
    arena_close(s->arena);
}

enum status saver_start(const struct save *save, struct saver **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct saver *s = arena ? arena_alloc(arena, sizeof *s) : NULL;
    int failed;

    if (!s) {
        arena_close(arena);
        return error_memory(err);
    }
    *s = (struct saver){.arena = arena, .save = *save};
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    if ((failed = pthread_create(&s->thread, NULL, work, s)) != 0) {
        close_saver(s);
        return error_set(err, ERR_SYSTEM, save->folder, "cannot start a thread to write it: %s",
                         strerror(failed));
    }
    *out = s;
    return OK;
}

void saver_wait_read(struct saver *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    while (!s->read)
        (void)pthread_cond_wait(&s->changed, &s->mutex);
    (void)pthread_mutex_unlock(&s->mutex);
}

bool saver_ended(struct saver *s)
{
    bool ended;

    (void)pthread_mutex_lock(&s->mutex);
    ended = s->ended;
    (void)pthread_mutex_unlock(&s->mutex);
    return ended;
}

enum status saver_finish(struct saver *s, struct error *err)
{
    enum status status;

    (void)pthread_join(s->thread, NULL);
    if ((status = s->status) != OK)
        *err = s->error;
    close_saver(s);
    return status;
}
