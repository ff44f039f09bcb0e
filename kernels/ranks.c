/* ranks: a barrier that can fail, and a thread that looks whether anyone waits too long. */
#include "kernels/ranks.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

struct rank {
    void *shown;
    void (*stop)(void *context);
    void *context;
    time_t waits_since; /* 0: it does not wait */
};

struct ranks {
    size_t n, arrived;
    unsigned long meeting; /* the number of the next */
    pthread_mutex_t mutex;
    pthread_cond_t all_came, closing;
    pthread_t watcher;
    bool watched, closed;
    int64_t seconds, grace;
    time_t failed_at;
    void (*stuck)(enum status status, const struct error *error);
    enum status failure;
    struct error error;
    struct rank rank[];
};

static time_t now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* With the mutex held. */
static void fail(struct ranks *r, enum status status, const struct error *error)
{
    if (r->failure != OK)
        return;
    r->failure = status;
    r->error = *error;
    r->failed_at = now();
    (void)pthread_cond_broadcast(&r->all_came);
    for (size_t i = 0; i < r->n; i++)
        if (r->rank[i].stop)
            r->rank[i].stop(r->rank[i].context);
}

void ranks_fail(struct ranks *r, enum status status, const struct error *error)
{
    (void)pthread_mutex_lock(&r->mutex);
    fail(r, status, error);
    (void)pthread_mutex_unlock(&r->mutex);
}

/* The first rank that is not waiting, while another has waited too long. */
static void look(struct ranks *r)
{
    const time_t at = now();
    bool late = false;
    size_t missing = r->n;
    struct error error;

    for (size_t i = 0; i < r->n; i++) {
        if (r->rank[i].waits_since == 0)
            missing = missing == r->n ? i : missing;
        else
            late |= at - r->rank[i].waits_since > r->seconds;
    }
    if (r->failure != OK && at - r->failed_at > r->grace)
        r->stuck(r->failure, &r->error);
    if (!late)
        return;
    if (missing < r->n)
        (void)error_set(&error, ERR_FAILED, "ranks",
                        "rank %zu did not answer the others for %lld seconds", missing,
                        (long long)r->seconds);
    else
        (void)error_set(&error, ERR_FAILED, "ranks",
                        "the devices of all ranks did not answer for %lld seconds",
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
        (void)pthread_cond_timedwait(&r->closing, &r->mutex, &until);
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
    if (seconds)
        s = text_parse_integer(seconds, "HPO_RANK_SECONDS", 1, 1 << 20, &r->seconds, err);
    if (seconds)
        r->grace = r->seconds;
    if (s == OK && pthread_create(&r->watcher, NULL, watch, r) != 0)
        s = error_set(err, ERR_SYSTEM, "ranks", "cannot start a thread");
    r->watched = s == OK;
    if (s != OK) {
        ranks_close(r);
        return s;
    }
    *out = r;
    return OK;
}

void ranks_close(struct ranks *r)
{
    if (!r)
        return;
    (void)pthread_mutex_lock(&r->mutex);
    r->closed = true;
    (void)pthread_cond_broadcast(&r->closing);
    (void)pthread_mutex_unlock(&r->mutex);
    if (r->watched)
        (void)pthread_join(r->watcher, NULL);
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
    r->rank[rank].waits_since = now() + 1; /* never 0 */
    while (r->failure == OK && r->meeting == meeting)
        (void)pthread_cond_wait(&r->all_came, &r->mutex);
    r->rank[rank].waits_since = 0;
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

void ranks_wait(struct ranks *r, size_t rank)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->rank[rank].waits_since = now() + 1;
    (void)pthread_mutex_unlock(&r->mutex);
}

void ranks_waited(struct ranks *r, size_t rank)
{
    (void)pthread_mutex_lock(&r->mutex);
    r->rank[rank].waits_since = 0;
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
    r->rank[rank].stop = stop;
    r->rank[rank].context = context;
    if (stop && r->failure != OK)
        stop(context);
    (void)pthread_mutex_unlock(&r->mutex);
}
