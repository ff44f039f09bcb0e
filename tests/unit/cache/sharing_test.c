/* sharing: a store for a group, readers that leave nothing, and waiting that can be broken off. */
#include <signal.h>

#include "cache/content/blob.h"
#include "cache/content/source.h"
#include "cache/database.h"
#include "cache/schema.h"
#include "cache/watch.h"
#include "tests/unit/cache/place.h"

static void put_answer(struct place *p, const char *text)
{
    struct digest d;

    assert_ok(p, blob_put(p->store, text, strlen(text), &d, &p->err));
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void its_files_have_the_mode_of_its_folder(void **state)
{
    struct place *p = *state;
    const mode_t mask = umask(077);
    struct digest d;
    char *large = arena_alloc(p->arena, BLOB_INLINE + 2), *folder;

    memset(large, 'x', BLOB_INLINE + 1);
    store_close(p->store);
    p->store = NULL;
    assert_int_equal(mkdir("group", 0777), 0);
    assert_int_equal(chmod("group", 0770), 0);
    assert_ok(p, store_open("group", STORE_WRITE, NULL, &p->store, &p->err));
    assert_ok(p, blob_put(p->store, large, BLOB_INLINE + 1, &d, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_int_equal(mode_of("group/index.db"), 0660);
    assert_int_equal(mode_of("group/index.db-wal"), 0660);
    assert_int_equal(mode_of("group/index.db-shm"), 0660);
    assert_int_equal(mode_of("group/lock"), 0660);
    assert_int_equal(mode_of("group/claims"), 0660);
    assert_int_equal(mode_of("group/version"), 0660);
    assert_int_equal(mode_of("group/blobs"), 0770);
    folder = blob_path(p, &d);
    folder[strlen("store/blobs/ab")] = '\0';
    assert_int_equal(mode_of(format(p, "group", folder + strlen("store"))), 0770);
    (void)umask(mask);
}

static void a_reader_leaves_nothing(void **state)
{
    struct place *p = *state;

    put_answer(p, "x");
    assert_ok(p, store_sync(p->store, &p->err));
    store_close(p->store);
    assert_false(exists("store/index.db-wal"));
    assert_ok(p, store_open("store", STORE_READ, NULL, &p->store, &p->err));
    store_close(p->store);
    p->store = NULL;
    assert_false(exists("store/index.db-wal") || exists("store/index.db-shm"));
}

struct told {
    int times;
    volatile sig_atomic_t interrupted;
    const struct store *writer; /* which is waited for */
};

/* Somebody who is told often enough loses patience. */
static void note_wait(void *context, const char *what, int64_t ms)
{
    struct told *told = context;

    assert_non_null(strstr(what, "another process"));
    assert_true(ms > 0);
    assert_true(store_is_awaited(told->writer));
    if (++told->times == 2)
        told->interrupted = 1;
}

static void who_waits_to_write_says_so_and_can_be_interrupted(void **state)
{
    struct place *p = *state;
    struct told told = {.writer = p->store};
    const struct watch watch = {&told.interrupted, note_wait, &told};
    struct store *other;

    assert_ok(p, store_open("store", STORE_WRITE, &watch, &other, &p->err));
    assert_false(store_is_awaited(p->store));
    put_answer(p, "x"); /* a transaction that does not end */
    assert_false(store_is_awaited(p->store));
    assert_int_equal(store_write_begin(other, &p->err), ERR_INTERRUPTED);
    assert_true(told.times >= 2);
    assert_false(store_is_awaited(p->store)); /* any more */
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, store_write_begin(other, &p->err)); /* nothing is spoilt by it */
    assert_ok(p, store_sync(other, &p->err));
    store_close(other);
}

/* A row that says something else about a file, as if it had been written through an old mapping. */
static void rehashing_does_not_trust_what_is_remembered(void **state)
{
    struct place *p = *state;
    char *path = format(p, p->folder, "/file");
    const struct digest hello = digest_of(p, "hello");
    struct source source;

    put_file("file", "hello");
    make_old("file");
    let_time_pass();
    assert_ok(p, source_digest(p->store, path, NULL, p->arena, &source, &p->err));
    assert_ok(p, statement_run(database_statement(store_database(p->store),
                                                  "UPDATE stat SET " ROW_SET(
                                                      STAT, "content = zeroblob(32)",
                                                      "path, dev, ino, size, mtime_ns, ctime_ns, "
                                                      "zeroblob(32), hashed_day")),
                               &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    assert_ok(p, source_digest(p->store, path, NULL, p->arena, &source, &p->err));
    assert_false(digest_equal(&source.digest, &hello));
    store_close(p->store);
    assert_ok(p, store_open("store", STORE_REHASH, NULL, &p->store, &p->err));
    assert_ok(p, source_digest(p->store, path, NULL, p->arena, &source, &p->err));
    assert_true(digest_equal(&source.digest, &hello));
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p); /* and it is remembered anew */
    assert_ok(p, source_digest(p->store, path, NULL, p->arena, &source, &p->err));
    assert_true(digest_equal(&source.digest, &hello));
}

static void a_folder_with_a_blobs_name_is_named(void **state)
{
    struct place *p = *state;
    char *large = arena_alloc(p->arena, BLOB_INLINE + 2);
    struct digest d;
    bool there;

    memset(large, 'x', BLOB_INLINE + 1);
    assert_ok(p, blob_put(p->store, large, BLOB_INLINE + 1, &d, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_int_equal(unlink(blob_path(p, &d)), 0);
    assert_int_equal(mkdir(blob_path(p, &d), 0777), 0);
    put_file(format(p, blob_path(p, &d), "/mine"), "x");
    assert_ok(p, blob_exists(p->store, &d, &there, &p->err));
    assert_false(there);
    assert_int_equal(blob_put(p->store, large, BLOB_INLINE + 1, &d, &p->err), ERR_SYSTEM);
    assert_non_null(strstr(p->err.text, "blobs/"));
    assert_non_null(strstr(p->err.hint, "hpo cache gc"));
    assert_int_equal(unlink(format(p, blob_path(p, &d), "/mine")), 0);
    assert_ok(p, blob_put(p->store, large, BLOB_INLINE + 1, &d, &p->err)); /* now it is empty */
    assert_ok(p, blob_exists(p->store, &d, &there, &p->err));
    assert_true(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_files_have_the_mode_of_its_folder, enter, leave),
        cmocka_unit_test_setup_teardown(a_reader_leaves_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(who_waits_to_write_says_so_and_can_be_interrupted, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(rehashing_does_not_trust_what_is_remembered, enter, leave),
        cmocka_unit_test_setup_teardown(a_folder_with_a_blobs_name_is_named, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
