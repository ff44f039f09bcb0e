/*
 * threads: a round is a task and a count of indices. Its number goes up under the mutex; workers
 * that see a new number take indices from a shared counter until none is left, then count
 * themselves out. Start at threads_run.
 */
#include "kernels/cpu/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SPINS = 2000 };

struct worker {
    pthread_t thread;
    struct threads *pool;
    size_t number;
};

struct threads {
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    atomic_size_t round;   /* number of rounds begun */
    atomic_size_t next;    /* next index to take */
    atomic_size_t working; /* workers that have not finished this round */
    atomic_bool closing;
    size_t n_indices;
    threads_task *task;
    void *context;
    size_t n; /* with the caller */
    size_t started;
    struct worker workers[];
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_indices(struct threads *t, size_t worker)
{
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
        if (i >= t->n_indices)
            return;
        t->task(t->context, i, worker);
    }
}

/* Returns when a round after `seen` has begun or the pool closes. */
static void wait_for_round(struct threads *t, size_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&t->round) != seen || atomic_load(&t->closing))
            return;
        pause_briefly();
    }
    (void)pthread_mutex_lock(&t->mutex);
    while (atomic_load(&t->round) == seen && !atomic_load(&t->closing))
        (void)pthread_cond_wait(&t->wake, &t->mutex);
    (void)pthread_mutex_unlock(&t->mutex);
}

static void *work(void *argument)
{
    struct worker *w = argument;
    struct threads *t = w->pool;

    for (size_t seen = 0;; seen++) {
        wait_for_round(t, seen);
        if (atomic_load(&t->closing))
            return NULL;
        take_indices(t, w->number);
        if (atomic_fetch_sub(&t->working, 1) != 1)
            continue;
        (void)pthread_mutex_lock(&t->mutex);
        (void)pthread_cond_signal(&t->done);
        (void)pthread_mutex_unlock(&t->mutex);
    }
}

enum status threads_open(size_t n, struct threads **out, struct error *err)
{
    struct threads *t = calloc(1, sizeof *t + (n - 1) * sizeof t->workers[0]);

    if (!t)
        return error_memory(err);
    t->n = n;
    (void)pthread_mutex_init(&t->mutex, NULL);
    (void)pthread_cond_init(&t->wake, NULL);
    (void)pthread_cond_init(&t->done, NULL);
    for (size_t i = 0; i + 1 < n; i++, t->started++) {
        struct worker *w = &t->workers[i];
        int failed;
        w->pool = t;
        w->number = i + 1;
        if ((failed = pthread_create(&w->thread, NULL, work, w)) != 0) {
            threads_close(t);
            return error_set(err, ERR_SYSTEM, NULL, "cannot start thread %zu of %zu: %s", i + 2, n,
                             strerror(failed));
        }
    }
    *out = t;
    return OK;
}

void threads_close(struct threads *t)
{
    if (!t)
        return;
    (void)pthread_mutex_lock(&t->mutex);
    atomic_store(&t->closing, true);
    (void)pthread_cond_broadcast(&t->wake);
    (void)pthread_mutex_unlock(&t->mutex);
    for (size_t i = 0; i < t->started; i++)
        (void)pthread_join(t->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&t->wake);
    (void)pthread_cond_destroy(&t->done);
    (void)pthread_mutex_destroy(&t->mutex);
    free(t);
}

size_t threads_count(const struct threads *t)
{
    return t->n;
}

/* Until every worker has counted itself out of the round. */
static void wait_until_done(struct threads *t)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&t->working) == 0)
            return;
        pause_briefly();
    }
    (void)pthread_mutex_lock(&t->mutex);
    while (atomic_load(&t->working) != 0)
        (void)pthread_cond_wait(&t->done, &t->mutex);
    (void)pthread_mutex_unlock(&t->mutex);
}

void threads_run(struct threads *t, size_t n, threads_task *task, void *context)
{
    if (t->n == 1 || n <= 1) {
        for (size_t i = 0; i < n; i++)
            task(context, i, 0);
        return;
    }
    t->task = task;
    t->context = context;
    t->n_indices = n;
    atomic_store(&t->next, 0);
    atomic_store(&t->working, t->n - 1);
    (void)pthread_mutex_lock(&t->mutex);
    atomic_fetch_add(&t->round, 1);
    (void)pthread_cond_broadcast(&t->wake);
    (void)pthread_mutex_unlock(&t->mutex);
    take_indices(t, 0);
    wait_until_done(t);
}
