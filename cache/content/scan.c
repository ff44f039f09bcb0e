/* scan: the one loop that hashes files, and the threads that share it. Start at scan_files. */
#include "cache/content/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "cache/watch.h"

#ifdef HPO_SMALL
enum { BUFFER = 7, BUFFER_LEAST = 1, BYTES_A_THREAD = 100, FILES_A_THREAD = 2 };
#else
enum {
    BUFFER = 1024 * 1024,
    BUFFER_LEAST = 4096,
    BYTES_A_THREAD = 1024 * 1024, /* another thread pays off above this, or */
    FILES_A_THREAD = 64,          /* this many files */
};
#endif
enum { MAX_THREADS = 64, TRIES = 3 };

/* What the threads of one scan share. */
struct work {
    struct scan *files;
    size_t n;
    const struct watch *watch;
    atomic_size_t next;
};

struct worker {
    struct work *work;
    struct hasher *hasher;
    unsigned char *buffer;
    size_t buffer_size;
    pthread_t thread;
    enum status status; /* of the hasher */
    struct error error;
};

int64_t scan_time_ns(const struct timespec *t)
{
    const int64_t last = INT64_MAX / 1000000000 - 1;
    const int64_t s = t->tv_sec > last ? last : t->tv_sec < -last ? -last : t->tv_sec;

    return s * 1000000000 + t->tv_nsec;
}

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return scan_time_ns(&t);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Adds all bytes of fd to the hasher; false with errno where it cannot be read (ECANCELED: where it
 * is broken off). */
static bool add_all(int fd, struct hasher *hasher, unsigned char *buffer, size_t buffer_size,
                    const struct watch *watch, int64_t *size)
{
    for (*size = 0;;) {
        if (watch_interrupted(watch)) {
            errno = ECANCELED;
            return false;
        }
        const ssize_t n = read(fd, buffer, buffer_size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            return true;
        hasher_add(hasher, buffer, (size_t)n);
        *size += n;
    }
}

static void refuse(struct scan *file)
{
    file->refusal = errno;
    file->outcome = errno == ENOENT || errno == ENOTDIR ? SCAN_ABSENT
                    : errno == ELOOP                    ? SCAN_NOT_REGULAR
                                                        : SCAN_REFUSED;
}

static void scan_open_file(struct worker *w, struct scan *file, int fd)
{
    struct stat after;
    int64_t size;

    if (fstat(fd, &file->st) != 0) {
        refuse(file);
        return;
    }
    if (!S_ISREG(file->st.st_mode)) {
        file->outcome = SCAN_NOT_REGULAR;
        return;
    }
    file->begun_ns = now_ns();
    if (!add_all(fd, w->hasher, w->buffer, w->buffer_size, w->work->watch, &size) ||
        fstat(fd, &after) != 0) {
        if (errno == ECANCELED && w->status == OK)
            w->status = error_set(&w->error, ERR_INTERRUPTED, file->path, "interrupted");
        refuse(file);
        size = -1;
    }
    if (w->status == OK)
        w->status = hasher_finish(w->hasher, &file->digest, &w->error);
    if (size >= 0)
        file->outcome =
            same_file(&file->st, &after) && size == after.st_size ? SCAN_DONE : SCAN_CHANGED;
}

/* A file whose inode changed meanwhile (a new link, another mode) may stand still the next time. */
static void scan_one(struct worker *w, struct scan *file)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (file->follow ? 0 : O_NOFOLLOW);
    const int fd = open(file->path, flags);

    if (fd < 0) {
        refuse(file);
        return;
    }
    for (int tries = 0; tries < TRIES; tries++) {
        scan_open_file(w, file, fd);
        if (file->outcome != SCAN_CHANGED || lseek(fd, 0, SEEK_SET) != 0)
            break;
    }
    close(fd);
}

static void *run_worker(void *argument)
{
    struct worker *w = argument;

    for (;;) {
        const size_t i = atomic_fetch_add(&w->work->next, 1);
        if (i >= w->work->n || w->status != OK)
            return NULL;
        scan_one(w, &w->work->files[i]);
    }
}

static size_t count_threads(const struct scan *files, size_t n)
{
    cpu_set_t cpus;
    size_t cores = 1, worth = 1 + n / FILES_A_THREAD;
    int64_t bytes = 0;

    if (n <= 1)
        return n;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0)
        cores = (size_t)CPU_COUNT(&cpus);
    for (size_t i = 0; i < n; i++)
        bytes += files[i].size;
    worth += (size_t)(bytes / BYTES_A_THREAD);
    if (cores > MAX_THREADS)
        cores = MAX_THREADS;
    if (worth > n)
        worth = n;
    return worth < cores ? worth : cores;
}

/* Large enough for the largest file and the empty read behind it, within reason. */
static size_t choose_buffer(const struct scan *files, size_t n)
{
    int64_t size = BUFFER_LEAST;

    for (size_t i = 0; i < n; i++)
        if (files[i].size >= size)
            size = files[i].size + 1;
    return size < BUFFER ? (size_t)size : BUFFER;
}

/* The first worker is this thread; one that cannot be started leaves its share to the others. */
static void share_work(struct worker *workers, size_t n)
{
    bool started[MAX_THREADS] = {false};

    for (size_t i = 1; i < n; i++)
        started[i] = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) == 0;
    (void)run_worker(&workers[0]);
    for (size_t i = 1; i < n; i++)
        if (started[i])
            (void)pthread_join(workers[i].thread, NULL);
}

enum status scan_files(struct scan *files, size_t n, const struct watch *watch, struct error *err)
{
    struct work work = {files, n, watch, 0};
    const size_t n_threads = count_threads(files, n);
    struct arena *arena = arena_open();
    struct worker *workers = arena ? arena_array(arena, n_threads, sizeof *workers) : NULL;
    const size_t buffer_size = choose_buffer(files, n);
    enum status s = OK;

    if (!workers) {
        arena_close(arena);
        return error_memory(err);
    }
    for (size_t i = 0; s == OK && i < n_threads; i++) {
        workers[i].work = &work;
        workers[i].buffer_size = buffer_size;
        if (!(workers[i].buffer = arena_alloc(arena, buffer_size)))
            s = error_memory(err);
        else
            s = hasher_open(&workers[i].hasher, err);
    }
    if (s == OK && n > 0)
        share_work(workers, n_threads);
    for (size_t i = 0; i < n_threads; i++) {
        if (s == OK && workers[i].status != OK) {
            s = workers[i].status;
            *err = workers[i].error;
        }
        hasher_close(workers[i].hasher);
    }
    arena_close(arena);
    return s;
}

enum status scan_status(const struct scan *file, struct error *err)
{
    switch (file->outcome) {
    case SCAN_DONE:
        return OK;
    case SCAN_ABSENT:
        return error_set(err, ERR_NOT_FOUND, file->path, "there is no such file");
    case SCAN_NOT_REGULAR:
        return error_set(err, ERR_FAILED, file->path, "expected a regular file");
    case SCAN_CHANGED:
        return error_set(err, ERR_FAILED, file->path, "the file changes while it is read");
    default:
        return error_set(err, ERR_SYSTEM, file->path, "cannot read: %s", strerror(file->refusal));
    }
}

enum status scan_descriptor(int fd, const char *where, const struct watch *watch,
                            struct digest *digest, int64_t *size, struct error *err)
{
    struct arena *arena = arena_open();
    unsigned char *buffer = arena ? arena_alloc(arena, BUFFER) : NULL;
    struct hasher *hasher = NULL;
    enum status s = buffer ? hasher_open(&hasher, err) : error_memory(err);

    if (s == OK && !add_all(fd, hasher, buffer, BUFFER, watch, size))
        s = errno == ECANCELED ? error_set(err, ERR_INTERRUPTED, where, "interrupted")
                               : error_system(err, where, "read");
    if (s == OK)
        s = hasher_finish(hasher, digest, err);
    hasher_close(hasher);
    arena_close(arena);
    return s;
}
