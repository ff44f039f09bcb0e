/*
 * blob: bytes come back, or a status says why not; damage is found, taken away, and healed by the
 * next commit; files are moved in and never shared with who could write them.
 */
#include <sys/mman.h>

#include "cache/content/blob.h"
#include "cache/database.h"
#include "tests/unit/cache/place.h"

static const size_t sizes[] = {0,    1,    6,    7,     8,     15,    16,     17,
                               4095, 4096, 4097, 65535, 65536, 65537, 1000000};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static unsigned char *pattern(struct place *p, size_t n)
{
    unsigned char *bytes = arena_alloc(p->arena, n + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    return bytes;
}

static void check(struct place *p, const struct digest *d, const void *bytes, size_t n)
{
    void *found;
    size_t found_n;
    bool there;

    assert_ok(p, blob_read(p->store, d, n, p->arena, &found, &found_n, &p->err));
    assert_int_equal(found_n, n);
    assert_memory_equal(found, bytes, n);
    assert_int_equal(((char *)found)[n], 0);
    assert_ok(p, blob_exists(p->store, d, &there, &p->err));
    assert_true(there);
}

static void bytes_come_back(void **state)
{
    struct place *p = *state;

    for (int i = 0; i < N_SIZES; i++) {
        const unsigned char *bytes = pattern(p, sizes[i]);
        struct blob_writer *w;
        struct digest d, expected, again;
        assert_ok(p, blob_begin(p->store, &w, &p->err));
        for (size_t k = 0; k < sizes[i]; k += 1000)
            blob_write(w, bytes + k, sizes[i] - k < 1000 ? sizes[i] - k : 1000);
        blob_write(w, bytes, 0);
        assert_ok(p, blob_commit(w, &d, &p->err));
        assert_ok(p, digest_bytes(bytes, sizes[i], &expected, &p->err));
        assert_true(digest_equal(&d, &expected));
        check(p, &d, bytes, sizes[i]);
        assert_ok(p, blob_put(p->store, bytes, sizes[i], &again, &p->err));
        assert_true(digest_equal(&d, &again));
        assert_int_equal(exists(blob_path(p, &d)), sizes[i] > BLOB_INLINE);
        assert_ok(p, store_sync(p->store, &p->err));
        reopen(p);
        check(p, &d, bytes, sizes[i]);
    }
}

static void blobs_are_read_only(void **state)
{
    struct place *p = *state;
    struct stat st;
    struct digest d;

    assert_ok(p, blob_put(p->store, pattern(p, 10000), 10000, &d, &p->err));
    assert_int_equal(stat(blob_path(p, &d), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444);
}

static void what_is_abandoned_leaves_nothing(void **state)
{
    struct place *p = *state;
    struct blob_writer *w;
    char **names;
    size_t n;

    assert_ok(p, blob_begin(p->store, &w, &p->err));
    blob_write(w, pattern(p, 100000), 100000);
    blob_abandon(w);
    blob_abandon(NULL);
    assert_ok(p, file_list("store/tmp", p->arena, &names, &n, &p->err));
    assert_int_equal(n, 0);
    assert_false(store_is_dirty(p->store));
}

static void absent_and_too_large(void **state)
{
    struct place *p = *state;
    struct digest d = digest_of(p, "nobody wrote this");
    void *bytes;
    size_t n;
    bool there;

    assert_int_equal(blob_read(p->store, &d, 10, p->arena, &bytes, &n, &p->err), ERR_NOT_FOUND);
    assert_int_equal(blob_place(p->store, &d, 3, "out", false, &p->err), ERR_NOT_FOUND);
    assert_int_equal(blob_place(p->store, &d, 30000, "out", false, &p->err), ERR_NOT_FOUND);
    assert_false(exists("out"));
    assert_ok(p, blob_exists(p->store, &d, &there, &p->err));
    assert_false(there);
    for (int i = 1; i < N_SIZES; i++) {
        assert_ok(p, blob_put(p->store, pattern(p, sizes[i]), sizes[i], &d, &p->err));
        assert_int_equal(blob_read(p->store, &d, sizes[i] - 1, p->arena, &bytes, &n, &p->err),
                         ERR_INPUT);
    }
    assert_ok(p, blob_remove(p->store, &d, &p->err));
    assert_ok(p, blob_remove(p->store, &d, &p->err));
    assert_int_equal(blob_read(p->store, &d, 1 << 20, p->arena, &bytes, &n, &p->err),
                     ERR_NOT_FOUND);
}

/* A damaged blob is an error once, then absent, then whole again by a commit. */
static void expect_healing(struct place *p, const struct digest *d, const void *bytes, size_t n)
{
    void *found;
    size_t found_n;
    bool there;
    struct digest again;

    assert_int_equal(blob_read(p->store, d, n + 100, p->arena, &found, &found_n, &p->err),
                     ERR_CORRUPT);
    assert_non_null(strstr(p->err.text, "damaged"));
    assert_ok(p, blob_exists(p->store, d, &there, &p->err));
    assert_false(there);
    assert_int_equal(blob_read(p->store, d, n, p->arena, &found, &found_n, &p->err), ERR_NOT_FOUND);
    assert_ok(p, blob_put(p->store, bytes, n, &again, &p->err));
    check(p, d, bytes, n);
}

static void damaged_files_are_found_and_healed(void **state)
{
    struct place *p = *state;
    const unsigned char *bytes = pattern(p, 20000);
    struct digest d;

    assert_ok(p, blob_put(p->store, bytes, 20000, &d, &p->err));
    damage(blob_path(p, &d));
    expect_healing(p, &d, bytes, 20000);
    assert_int_equal(chmod(blob_path(p, &d), 0644), 0);
    assert_int_equal(truncate(blob_path(p, &d), 19999), 0);
    expect_healing(p, &d, bytes, 20000);
    assert_int_equal(chmod(blob_path(p, &d), 0644), 0);
    assert_int_equal(truncate(blob_path(p, &d), 0), 0);
    assert_int_equal(blob_place(p->store, &d, 20000, "out", false, &p->err), ERR_CORRUPT);
    assert_false(exists("out"));
    assert_false(exists(blob_path(p, &d)));
    /* A commit replaces what is there, whatever it is. */
    assert_ok(p, blob_put(p->store, bytes, 20000, &d, &p->err));
    assert_ok(p, store_sync(p->store, &p->err));
    damage(blob_path(p, &d));
    assert_ok(p, blob_put(p->store, bytes, 20000, &d, &p->err));
    check(p, &d, bytes, 20000);
}

static void damaged_rows_are_found_and_healed(void **state)
{
    struct place *p = *state;
    struct digest d;
    struct statement *st;

    assert_ok(p, blob_put(p->store, "small", 5, &d, &p->err));
    for (int i = 0; i < 2; i++) {
        assert_ok(p, store_write_begin(p->store, &p->err));
        st = database_statement(store_database(p->store),
                                "UPDATE inline_blob SET bytes = CAST('smell' AS BLOB)");
        assert_ok(p, statement_run(st, &p->err));
        if (i == 0)
            expect_healing(p, &d, "small", 5);
    }
    assert_int_equal(blob_place(p->store, &d, 5, "out", false, &p->err), ERR_CORRUPT);
    assert_ok(p, blob_put(p->store, "small", 5, &d, &p->err));
    check(p, &d, "small", 5);
}

static void files_are_taken(void **state)
{
    struct place *p = *state;

    for (int i = 0; i < N_SIZES; i++) {
        const unsigned char *bytes = pattern(p, sizes[i]);
        const char *path = in_work(p, "file");
        struct digest d;
        int64_t size;
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, sizes[i], file), sizes[i]);
        assert_int_equal(fclose(file), 0);
        assert_ok(p, blob_take(p->store, path, &d, &size, &p->err));
        assert_false(exists(path));
        assert_int_equal(size, sizes[i]);
        check(p, &d, bytes, sizes[i]);
    }
}

static void many_files_are_taken(void **state)
{
    struct place *p = *state;
    enum { N = 200 };
    struct blob_file files[N];

    for (int i = 0; i < N; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%d", i);
        files[i].path = in_work(p, name);
        (void)snprintf(name, sizeof name, "%d-", i % 50);
        put_bytes(files[i].path, name, (size_t)(i % 50) * 997);
    }
    assert_ok(p, blob_take_many(p->store, files, N, &p->err));
    for (int i = 0; i < N; i++) {
        void *bytes;
        size_t n;
        assert_false(exists(files[i].path));
        assert_int_equal(files[i].size, i % 50 * 997);
        assert_ok(p, blob_read(p->store, &files[i].digest, 1 << 20, p->arena, &bytes, &n, &p->err));
        assert_true(digest_equal(&files[i].digest, &files[i % 50].digest));
    }
    assert_ok(p, blob_take_many(p->store, files, 0, &p->err));
}

static void a_file_with_two_names_is_copied(void **state)
{
    struct place *p = *state;
    const char *path = in_work(p, "file"), *other = in_work(p, "other");
    struct digest d;
    int64_t size;
    void *bytes;
    size_t n;

    put_bytes(path, "abc", 50000);
    assert_int_equal(link(path, other), 0);
    assert_ok(p, blob_take(p->store, path, &d, &size, &p->err));
    assert_false(exists(path));
    damage(other);
    assert_ok(p, blob_read(p->store, &d, 50000, p->arena, &bytes, &n, &p->err));
}

static void only_regular_files_are_taken(void **state)
{
    struct place *p = *state;
    struct digest d;
    int64_t size;

    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_int_equal(symlink("/etc/passwd", "link"), 0);
    assert_int_equal(blob_take(p->store, "fifo", &d, &size, &p->err), ERR_FAILED);
    assert_int_equal(blob_take(p->store, "link", &d, &size, &p->err), ERR_FAILED);
    assert_int_equal(blob_take(p->store, ".", &d, &size, &p->err), ERR_FAILED);
    assert_int_equal(blob_take(p->store, "absent", &d, &size, &p->err), ERR_NOT_FOUND);
    assert_true(exists("fifo") && exists("link"));
}

static void blobs_are_placed(void **state)
{
    struct place *p = *state;

    for (int i = 0; i < N_SIZES; i++)
        for (int executable = 0; executable < 2; executable++) {
            const unsigned char *bytes = pattern(p, sizes[i]);
            struct digest d;
            struct stat st;
            assert_ok(p, blob_put(p->store, bytes, sizes[i], &d, &p->err));
            assert_ok(p, blob_place(p->store, &d, (int64_t)sizes[i], "out", executable, &p->err));
            assert_memory_equal(content(p, "out"), bytes, sizes[i]);
            assert_int_equal(stat("out", &st), 0);
            assert_int_equal(st.st_mode & 07777, executable ? 0755 : 0644);
            assert_int_equal(st.st_nlink, 1);
            assert_int_equal(
                blob_place(p->store, &d, (int64_t)sizes[i], "out", executable, &p->err),
                ERR_SYSTEM);
            assert_memory_equal(content(p, "out"), bytes, sizes[i]);
            assert_int_equal(unlink("out"), 0);
        }
}

/* Above BLOB_LARGE: believed by its looks, read again when they changed; always an inode of its
 * own, with the blob's holes. */
static void large_blobs_are_believed(void **state)
{
    struct place *p = *state;
    const size_t n = (size_t)BLOB_LARGE + 1;
    struct stat blob, placed;
    struct digest d, whole;
    int64_t size;

    put_bytes(in_work(p, "large"), "0123456789", 10);
    assert_int_equal(truncate(in_work(p, "large"), (off_t)n), 0);
    assert_ok(p, blob_take(p->store, in_work(p, "large"), &d, &size, &p->err));
    assert_int_equal(stat(blob_path(p, &d), &blob), 0);
    for (int looks = 0; looks < 3; looks++) {
        struct hasher *hasher;
        assert_ok(p, blob_place(p->store, &d, size, "out", looks == 2, &p->err));
        assert_int_equal(stat("out", &placed), 0);
        assert_int_not_equal(blob.st_ino, placed.st_ino);
        assert_int_equal(placed.st_mode & 07777, looks == 2 ? 0755 : 0644);
        assert_int_equal(placed.st_size, (off_t)n);
        if (n > 1 << 20)
            assert_true(placed.st_blocks < 1 << 10);
        assert_ok(p, hasher_open(&hasher, &p->err));
        hasher_add(hasher, content(p, "out"), n);
        assert_ok(p, hasher_finish(hasher, &whole, &p->err));
        hasher_close(hasher);
        assert_true(digest_equal(&whole, &d));
        put_bytes("out", "written by whoever it was given to", 34);
        assert_int_equal(unlink("out"), 0);
        if (looks == 0)
            make_old(blob_path(p, &d)); /* another time: read again, found right, believed again */
    }
    damage(blob_path(p, &d));
    assert_int_equal(blob_place(p->store, &d, size, "out", false, &p->err), ERR_CORRUPT);
    assert_false(exists("out"));
    assert_int_equal(blob_place(p->store, &d, size, "out", false, &p->err), ERR_NOT_FOUND);
}

/* Who still has it open, or mapped, writes to a file of his own. */
static void a_file_that_is_open_for_writing_is_copied(void **state)
{
    struct place *p = *state;
    const size_t n = BLOB_INLINE + 1000;

    for (int mapped = 0; mapped < 2; mapped++) {
        const char *path = in_work(p, "written");
        char *map = NULL, *before;
        struct digest d;
        int64_t size;
        int fd;
        put_bytes(path, mapped ? "mapped" : "open", n);
        before = content(p, path);
        assert_true((fd = open(path, O_RDWR | O_CLOEXEC)) >= 0);
        if (mapped) {
            map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            assert_true(map != MAP_FAILED);
            close(fd);
        }
        assert_ok(p, blob_take(p->store, path, &d, &size, &p->err));
        assert_false(exists(path));
        if (mapped) {
            memcpy(map, "changed", 7);
            assert_int_equal(munmap(map, n), 0);
        } else {
            assert_int_equal(pwrite(fd, "changed", 7, 0), 7);
            close(fd);
        }
        assert_memory_equal(content(p, blob_path(p, &d)), before, n);
    }
}

static void a_writer_keeps_its_first_failure(void **state)
{
    struct place *p = *state;
    struct blob_writer *w;
    struct digest d;

    assert_ok(p, blob_begin(p->store, &w, &p->err));
    assert_ok(p, file_remove("store/tmp", &p->err));
    blob_write(w, pattern(p, 100000), 100000);
    assert_int_equal(mkdir("store/tmp", 0777), 0);
    blob_write(w, "more", 4);
    assert_int_equal(blob_commit(w, &d, &p->err), ERR_SYSTEM);
    assert_ok(p, blob_put(p->store, pattern(p, 100000), 100000, &d, &p->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_come_back, enter, leave),
        cmocka_unit_test_setup_teardown(blobs_are_read_only, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_abandoned_leaves_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(absent_and_too_large, enter, leave),
        cmocka_unit_test_setup_teardown(damaged_files_are_found_and_healed, enter, leave),
        cmocka_unit_test_setup_teardown(damaged_rows_are_found_and_healed, enter, leave),
        cmocka_unit_test_setup_teardown(files_are_taken, enter, leave),
        cmocka_unit_test_setup_teardown(many_files_are_taken, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_with_two_names_is_copied, enter, leave),
        cmocka_unit_test_setup_teardown(only_regular_files_are_taken, enter, leave),
        cmocka_unit_test_setup_teardown(blobs_are_placed, enter, leave),
        cmocka_unit_test_setup_teardown(large_blobs_are_believed, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_that_is_open_for_writing_is_copied, enter, leave),
        cmocka_unit_test_setup_teardown(a_writer_keeps_its_first_failure, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
