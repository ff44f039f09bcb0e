/* place: what every test of this room begins with: an empty folder, a store in it, an arena. */
#ifndef TESTS_UNIT_CACHE_PLACE_H
#define TESTS_UNIT_CACHE_PLACE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "cache/store.h"

struct place {
    struct arena *arena;
    struct error err;
    int home; /* the folder that the program was started in */
    char folder[64];
    struct store *store; /* in "store" */
};

/* Fails with what the error says. */
#define assert_ok(place, call)                                                                     \
    do {                                                                                           \
        if ((call) != OK)                                                                          \
            fail_msg("%s: %s: %s", #call, (place)->err.where, (place)->err.text);                  \
    } while (0)

static inline int enter_below(const char *parent, void **state)
{
    static struct place p;

    p = (struct place){.arena = arena_open(), .home = open(".", O_RDONLY | O_DIRECTORY)};
    (void)snprintf(p.folder, sizeof p.folder, "%s/hpo_cache_test.XXXXXX", parent);
    *state = &p;
    if (!p.arena || p.home < 0 || !mkdtemp(p.folder) || chdir(p.folder) != 0)
        return -1;
    return store_open("store", STORE_WRITE, NULL, &p.store, &p.err) == OK ? 0 : -1;
}

static inline int enter(void **state)
{
    return enter_below("/tmp", state);
}

/* In memory where there is a disk in memory, without a store: for what is done a thousand times. */
static inline int enter_empty(void **state)
{
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    const int rc = enter_below(parent, state);
    struct place *p = *state;

    store_close(p->store);
    p->store = NULL;
    return rc != 0 || file_remove("store", &p->err) != OK;
}

static inline int leave(void **state)
{
    struct place *p = *state;
    int failed;

    store_close(p->store);
    failed = fchdir(p->home) != 0 || file_remove(p->folder, &p->err) != OK;
    close(p->home);
    arena_close(p->arena);
    return failed ? -1 : 0;
}

/* Closes the store without a sync, and opens it again. */
static inline void reopen(struct place *p)
{
    store_close(p->store);
    p->store = NULL;
    assert_ok(p, store_open("store", STORE_WRITE, NULL, &p->store, &p->err));
}

static inline bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static inline char *format(struct place *p, const char *template, const char *string)
{
    char *made = arena_alloc(p->arena, strlen(template) + strlen(string) + 1);

    assert_non_null(made);
    (void)stpcpy(stpcpy(made, template), string);
    return made;
}

/* A file of n bytes that begins with the string and goes on with its last letter. */
static inline void put_bytes(const char *path, const char *string, size_t n)
{
    const size_t given = strlen(string);
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    for (size_t i = 0; i < n; i++)
        assert_true(fputc(string[i < given ? i : given - 1], file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static inline void put_file(const char *path, const char *string)
{
    put_bytes(path, string, strlen(string));
}

/* The path of a file in the store's work folder. */
static inline char *in_work(struct place *p, const char *name)
{
    char *path = file_join(p->arena, store_work(p->store), name);

    assert_non_null(path);
    return path;
}

static inline struct digest digest_of(struct place *p, const char *string)
{
    struct digest d;

    assert_ok(p, digest_bytes(string, strlen(string), &d, &p->err));
    return d;
}

/* Where the file of a blob lies. */
static inline char *blob_path(struct place *p, const struct digest *d)
{
    char name[BLOB_NAME_MAX];

    store_blob_name(d, name);
    return format(p, "store/blobs/", name);
}

/* What a file says, as a string. */
static inline char *content(struct place *p, const char *path)
{
    char *bytes = NULL;

    assert_ok(p, file_read(path, 1 << 30, p->arena, &bytes, NULL, &p->err));
    return bytes;
}

static inline void damage(const char *path)
{
    int fd;

    assert_int_equal(chmod(path, 0644), 0);
    fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "X", 1, 2), 1);
    close(fd);
}

/* So old that its times are believed. */
static inline void make_old(const char *path)
{
    const struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Longer than a tick: what is written next has other times. */
static inline void let_time_pass(void)
{
    const struct timespec t = {0, 30000000};

    (void)nanosleep(&t, NULL);
}

#endif
