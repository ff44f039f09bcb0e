/* ranks: a barrier that can fail; a thread that looks whether anyone is late; one that tells of a
 * failure, for that may take long or for ever. */
#include "kernels/ranks.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

struct rank {
    void *shown;
    void (*stop)(void *context);
    void *context;
    int64_t beat; /* when it came further, by the watcher's clock */
    bool meeting; /* it waits for the others */
    enum ranks_rest rest;
};

struct ranks {
    size_t n, arrived;
    unsigned long meeting; /* the number of the next */
    pthread_mutex_t mutex;
    pthread_cond_t all_came, closing, failed, stopped;
    pthread_t watcher, stopper;
    bool watched, told, ended, closed;
    size_t stopping; /* the rank whose stop is being called; n: none */
    int64_t seconds, grace;
    int64_t clock; /* seconds that were watched: none of those in which the program stood still */
    int64_t failed_at;
    void (*stuck)(enum status status, const struct error *error);
    enum status failure;
    struct error error;
    struct rank rank[];
};

/* With the mutex held. */
static void fail(struct ranks *r, enum status status, const struct error *error)
{
    if (r->failure != OK)
        return;
    r->failure = status;
    r->error = *error;
    r->failed_at = r->clock;
    (void)pthread_cond_broadcast(&r->all_came);
    (void)pthread_cond_broadcast(&r->failed);
}

/* Calls every stop, once there is a failure. */
static void *tell(void *argument)
{
    struct ranks *r = argument;

    (void)pthread_mutex_lock(&r->mutex);
    while (r->failure == OK && !r->ended)
        (void)pthread_cond_wait(&r->failed, &r->mutex);
    for (size_t i = 0; i < r->n && r->failure != OK; i++) {
        if (!r->rank[i].stop)
            continue;
        r->stopping = i;
        (void)pthread_mutex_unlock(&r->mutex);
        r->rank[i].stop(r->rank[i].context);
        (void)pthread_mutex_lock(&r->mutex);
        r->rank[i].stop = NULL;
        r->stopping = r->n;
        (void)pthread_cond_broadcast(&r->stopped);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return NULL;
}

void ranks_fail(struct ranks *r, enum status status, const struct error *error)
{
    (void)pthread_mutex_lock(&r->mutex);
    fail(r, status, error);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* The rank that came furthest behind, if it is late. */
static void look(struct ranks *r)
{
    size_t late = r->n;
    bool writes = false;
    struct error error;

    for (size_t i = 0; i < r->n; i++) {
        const struct rank *m = &r->rank[i];
        const bool slow = r->clock - m->beat > r->seconds;
        writes |= m->rest == RANKS_WRITES && !slow;
        if (slow && !m->meeting && m->rest != RANKS_LISTENS &&
            (late == r->n || m->beat < r->rank[late].beat))
            late = i;
    }
    if (r->failure != OK && r->clock - r->failed_at > r->grace && !writes)
        r->stuck(r->failure, &r->error);
    if (late == r->n)
        return;
    (void)error_set(&error, ERR_FAILED, "ranks",
                    "rank %zu did not answer the others for %lld seconds", late,
                    (long long)r->seconds);
    fail(r, ERR_FAILED, &error);
}

static void *watch(void *argument)
{
    struct ranks *r = argument;

    (void)pthread_mutex_lock(&r->mutex);
    while (!r->closed) {
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
        r->clock += pthread_cond_timedwait(&r->closing, &r->mutex, &until) == ETIMEDOUT;
        look(r);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return NULL;
}

enum status ranks_open(size_t n, void (*stuck)(enum status status, const struct error *error),
                       struct ranks **out, struct error *err)
{
    const char *seconds = getenv("HPO_RANK_SECONDS");
    struct ranks *r = calloc(1, sizeof *r + n * sizeof *r->rank);
    enum status s = OK;

    if (!r)
        return error_memory(err);
    r->n = n;
    r->stuck = stuck;
    r->seconds = RANKS_SECONDS;
    r->grace = RANKS_GRACE;
    (void)pthread_mutex_init(&r->mutex, NULL);
    (void)pthread_cond_init(&r->all_came, NULL);
    (void)pthread_cond_init(&r->closing, NULL);
    (void)pthread_cond_init(&r->failed, NULL);
    (void)pthread_cond_init(&r->stopped, NULL);
    if (seconds)
        s = text_parse_integer(seconds, "HPO_RANK_SECONDS", 1, 1 << 20, &r->seconds, err);
    if (seconds)
        r->grace = r->seconds;
    r->stopping = n;
    if (s == OK && !(r->told = pthread_create(&r->stopper, NULL, tell, r) == 0))
        s = error_set(err, ERR_SYSTEM, "ranks", "cannot start a thread");
    if (s == OK && !(r->watched = pthread_create(&r->watcher, NULL, watch, r) == 0))
        s = error_set(err, ERR_SYSTEM, "ranks", "cannot start a thread");
    if (s != OK) {
        ranks_close(r);
        return s;
    }
    *out = r;
    return OK;
}

static void set(struct ranks *r, bool *flag, pthread_cond_t *cond)
{
    (void)pthread_mutex_lock(&r->mutex);
    *flag = true;
    (void)pthread_cond_broadcast(cond);
    (void)pthread_mutex_unlock(&r->mutex);
}

void ranks_close(struct ranks *r)
{
    if (!r)
        return;
    set(r, &r->ended, &r->failed);
    if (r->told) /* the watcher sees to it if this takes too long */
        (void)pthread_join(r->stopper, NULL);
    set(r, &r->closed, &r->closing);
    if (r->watched)
        (void)pthread_join(r->watcher, NULL);
    (void)pthread_cond_destroy(&r->stopped);
    (void)pthread_cond_destroy(&r->failed);
    (void)pthread_cond_destroy(&r->closing);
    (void)pthread_cond_destroy(&r->all_came);
    (void)pthread_mutex_destroy(&r->mutex);
    free(r);
}

size_t ranks_count(const struct ranks *r)
{
    return r->n;
}

enum status ranks_meet(struct ranks *r, size_t rank, struct error *err)
{
    enum status s;

    (void)pthread_mutex_lock(&r->mutex);
    const unsigned long meeting = r->meeting;
    if (++r->arrived == r->n) {
        r->arrived = 0;
        r->meeting++;
        (void)pthread_cond_broadcast(&r->all_came);
    }
    r->rank[rank].meeting = true;
    while (r->failure == OK && r->meeting == meeting)
        (void)pthread_cond_wait(&r->all_came, &r->mutex);
    r->rank[rank].meeting = false;
    r->rank[rank].beat = r->clock;
    if ((s = r->failure) != OK)
        *err = r->error;
    (void)pthread_mutex_unlock(&r->mutex);
    return s;
}

void ranks_show(struct ranks *r, size_t rank, void *what)
{
    r->rank[rank].shown = what;
}

void *ranks_shown(const struct ranks *r, size_t rank)
{
    return r->rank[rank].shown;
}

void ranks_beat(struct ranks *r, size_t rank)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->rank[rank].beat = r->clock;
    (void)pthread_mutex_unlock(&r->mutex);
}

void ranks_rest(struct ranks *r, size_t rank, enum ranks_rest rest)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->rank[rank].rest = rest;
    r->rank[rank].beat = r->clock;
    (void)pthread_mutex_unlock(&r->mutex);
}

enum status ranks_failure(struct ranks *r, struct error *err)
{
    enum status s;

    (void)pthread_mutex_lock(&r->mutex);
    if ((s = r->failure) != OK)
        *err = r->error;
    (void)pthread_mutex_unlock(&r->mutex);
    return s;
}

void ranks_on_failure(struct ranks *r, size_t rank, void (*stop)(void *context), void *context)
{
    (void)pthread_mutex_lock(&r->mutex);
    while (r->stopping == rank)
        (void)pthread_cond_wait(&r->stopped, &r->mutex);
    r->rank[rank].stop = stop;
    r->rank[rank].context = context;
    (void)pthread_mutex_unlock(&r->mutex);
}
