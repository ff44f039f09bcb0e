/*
 * file: what is read is what was written, bounded; a name is replaced or left alone; removing and
 * listing never leave the folder. Works in a folder of its own under the system's temporary one.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "tests/unit/place.h"

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void put(struct place *p, const char *path, const char *string)
{
    assert_int_equal(file_write(path, string, strlen(string), &p->err), OK);
}

static void what_is_written_is_read(void **state)
{
    struct place *p = *state;
    char *bytes;
    size_t n;

    put(p, "a", "first");
    assert_int_equal(file_write("a", "b\0c", 3, &p->err), OK);
    assert_int_equal(file_read("a", 3, p->arena, &bytes, &n, &p->err), OK);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, "b\0c", 4);
    assert_int_equal(file_write("empty", NULL, 0, &p->err), OK);
    assert_int_equal(file_read("empty", 0, p->arena, &bytes, &n, &p->err), OK);
    assert_int_equal(n, 0);
    assert_string_equal(bytes, "");
    assert_int_equal(file_read("a", 100, p->arena, &bytes, NULL, &p->err), OK);
}

static void the_end_of_a_file_is_read(void **state)
{
    struct place *p = *state;
    char *bytes;
    size_t n;

    put(p, "a", "0123456789");
    assert_int_equal(file_read_end("a", 4, p->arena, &bytes, &n, &p->err), OK);
    assert_int_equal(n, 4);
    assert_string_equal(bytes, "6789");
    assert_int_equal(file_read_end("a", 11, p->arena, &bytes, &n, &p->err), OK);
    assert_int_equal(n, 10);
    assert_string_equal(bytes, "0123456789");
    assert_int_equal(truncate("a", (off_t)1 << 40), 0); /* a hole: nothing of it is held */
    assert_int_equal(file_read_end("a", 3, p->arena, &bytes, &n, &p->err), OK);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, "\0\0\0", 4);
    assert_int_equal(file_read_end("absent", 3, p->arena, &bytes, &n, &p->err), ERR_NOT_FOUND);
    assert_int_equal(file_read_end(".", 3, p->arena, &bytes, &n, &p->err), ERR_INPUT);
}

static void a_written_file_is_ordinary(void **state)
{
    struct place *p = *state;
    struct stat st;
    char **names;
    size_t n;

    (void)umask(077);
    put(p, "a", "x");
    (void)umask(022);
    assert_int_equal(stat("a", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(file_list(".", p->arena, &names, &n, &p->err), OK);
    assert_int_equal(n, 1); /* nothing temporary is left */
}

static void reading_is_bounded_and_says_why(void **state)
{
    struct place *p = *state;
    char *bytes;

    put(p, "a", "12345");
    assert_int_equal(file_read("a", 4, p->arena, &bytes, NULL, &p->err), ERR_INPUT);
    assert_string_equal(p->err.where, "a");
    assert_string_equal(p->err.text, "expected at most 4 bytes, found 5");
    assert_int_equal(file_read("b", 4, p->arena, &bytes, NULL, &p->err), ERR_NOT_FOUND);
    assert_string_equal(p->err.where, "b");
    assert_int_equal(file_read("a/b", 4, p->arena, &bytes, NULL, &p->err), ERR_NOT_FOUND);
    assert_int_equal(file_read(".", 4, p->arena, &bytes, NULL, &p->err), ERR_INPUT);
    assert_string_equal(p->err.text, "expected a regular file");
    assert_int_equal(mkfifo("pipe", 0600), 0); /* and does not wait for a writer */
    assert_int_equal(file_read("pipe", 4, p->arena, &bytes, NULL, &p->err), ERR_INPUT);
    assert_int_equal(symlink("round", "round"), 0);
    assert_int_equal(file_read("round", 4, p->arena, &bytes, NULL, &p->err), ERR_SYSTEM);
}

static void a_write_that_fails_leaves_what_was(void **state)
{
    struct place *p = *state;
    char **names;
    size_t n;

    assert_int_equal(file_write("no/such/a", "x", 1, &p->err), ERR_SYSTEM);
    assert_string_equal(p->err.where, "no/such/a"); /* the name that was asked for */
    assert_int_equal(mkdir("a", 0777), 0);
    put(p, "a/inside", "x");
    assert_int_equal(file_write("a", "y", 1, &p->err), ERR_SYSTEM);
    assert_string_equal(p->err.where, "a");
    assert_int_equal(file_list(".", p->arena, &names, &n, &p->err), OK);
    assert_int_equal(n, 1);
    assert_true(exists("a/inside"));
}

static void a_full_device_is_said(void **state)
{
    struct place *p = *state;
    int fd = open("/dev/full", O_WRONLY);

    if (fd < 0)
        skip();
    assert_int_equal(file_write_all(fd, "/dev/full", "x", 1, &p->err), ERR_SYSTEM);
    assert_string_equal(p->err.text, "cannot write: No space left on device");
    close(fd);
}

static void folders_with_their_parents(void **state)
{
    struct place *p = *state;

    assert_int_equal(file_make_folders("a/b//c/", &p->err), OK);
    assert_int_equal(file_make_folders("a/b/c", &p->err), OK);
    assert_true(exists("a/b/c"));
    assert_int_equal(file_make_folders(p->folder, &p->err), OK);
    assert_int_equal(file_make_folders("/", &p->err), OK);
    assert_int_equal(file_make_folders(".", &p->err), OK);
    put(p, "file", "x");
    assert_int_equal(file_make_folders("file", &p->err), ERR_SYSTEM);
    assert_int_equal(file_make_folders("file/a", &p->err), ERR_SYSTEM);
    assert_int_equal(file_make_folders("", &p->err), ERR_SYSTEM);
}

static void lists_are_sorted_by_bytes(void **state)
{
    static const char *const want[] = {".hidden", "A", "a", "a b", "a-b", "b", "\xc3\xa9"};
    struct place *p = *state;
    char **names;
    size_t n;

    for (size_t i = 7; i-- > 0;)
        put(p, want[i], "x");
    assert_int_equal(file_list(".", p->arena, &names, &n, &p->err), OK);
    assert_int_equal(n, 7);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(names[i], want[i]);
    assert_int_equal(mkdir("empty", 0777), 0);
    assert_int_equal(file_list("empty", p->arena, &names, &n, &p->err), OK);
    assert_int_equal(n, 0);
    assert_int_equal(file_list("none", p->arena, &names, &n, &p->err), ERR_NOT_FOUND);
    assert_int_equal(file_list("a/none", p->arena, &names, &n, &p->err), ERR_NOT_FOUND);
    assert_int_equal(file_list("a", p->arena, &names, &n, &p->err), ERR_NOT_FOUND);
}

static void a_large_folder_is_listed_whole(void **state)
{
    struct place *p = *state;
    char **names;
    size_t n;

    for (int i = 0; i < 3000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%04d", i * 7 % 3000);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(file_list(".", p->arena, &names, &n, &p->err), OK);
    assert_int_equal(n, 3000);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(strtol(names[i], NULL, 10), i);
}

static void removing_never_follows_a_link(void **state)
{
    struct place *p = *state;

    assert_int_equal(file_make_folders("outside/deep", &p->err), OK);
    put(p, "outside/deep/kept", "x");
    assert_int_equal(file_make_folders("gone/deep", &p->err), OK);
    put(p, "gone/deep/file", "x");
    assert_int_equal(symlink("../outside", "gone/folder"), 0);
    assert_int_equal(symlink("../outside/deep/kept", "gone/file"), 0);
    assert_int_equal(symlink("nowhere", "gone/nothing"), 0);
    assert_int_equal(file_remove("gone", &p->err), OK);
    assert_false(exists("gone"));
    assert_true(exists("outside/deep/kept"));
    assert_int_equal(symlink("outside", "link"), 0);
    assert_int_equal(file_remove("link", &p->err), OK);
    assert_false(exists("link"));
    assert_true(exists("outside/deep/kept"));
    assert_int_equal(file_remove("gone", &p->err), OK); /* absent is fine */
    assert_int_equal(file_remove("gone/deeper", &p->err), OK);
    assert_int_equal(file_remove("outside/deep/kept/below", &p->err), OK);
}

/* A folder that nobody may write to or read: removed all the same, by its owner. */
static void removing_what_is_closed(void **state)
{
    struct place *p = *state;

    assert_int_equal(file_make_folders("a/b", &p->err), OK);
    assert_int_equal(mkdir("a/shut", 0), 0);
    put(p, "a/b/file", "x");
    assert_int_equal(chmod("a/b/file", 0444), 0);
    assert_int_equal(chmod("a/b", 0555), 0);
    assert_int_equal(chmod("a", 0555), 0);
    if (geteuid() == 0) { /* root may everything: look with other eyes */
        assert_int_equal(chown(p->folder, 65534, 65534), 0);
        assert_int_equal(chown("a", 65534, 65534), 0);
        assert_int_equal(chown("a/b", 65534, 65534), 0);
        assert_int_equal(chown("a/shut", 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    const enum status s = file_remove("a", &p->err);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    if (s != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    assert_false(exists("a"));
}

/* A mount is no part of what is removed: not another file system, nor the same one bound there. */
static void what_is_mounted_is_not_removed(void **state)
{
    struct place *p = *state;
    static const char *const mounted[] = {"a/b/m", "a/b/file", "m"};

    assert_int_equal(file_make_folders("a/b/m", &p->err), OK);
    assert_int_equal(file_make_folders("m", &p->err), OK);
    assert_int_equal(file_make_folders("user", &p->err), OK);
    put(p, "user/precious", "x");
    put(p, "a/b/file", "");
    for (int i = 0; i < 3; i++) {
        if (mount(i == 1 ? "user/precious" : "user", mounted[i], NULL, MS_BIND, NULL) != 0) {
            print_message("SKIP: it takes root to mount\n");
            skip();
        }
        enum status s = file_remove(i == 2 ? "m" : "a", &p->err);
        assert_int_equal(umount2(mounted[i], MNT_DETACH), 0);
        assert_int_equal(s, ERR_SYSTEM);
        assert_non_null(strstr(p->err.where, mounted[i]));
        assert_non_null(strstr(p->err.text, "mounted"));
        assert_true(exists("user/precious"));
        (void)mkdir("a/b/m", 0777);
        put(p, "a/b/file", "");
    }
    assert_int_equal(file_remove("a", &p->err), OK);
    assert_int_equal(file_remove("m", &p->err), OK);
    assert_true(exists("user/precious") && !exists("a") && !exists("m"));
}

static void a_deep_folder_is_removed(void **state)
{
    struct place *p = *state;
    int at = open(".", O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < 500; i++) {
        assert_int_equal(mkdirat(at, "d", 0777), 0);
        int inner = openat(at, "d", O_RDONLY | O_DIRECTORY);
        close(at);
        at = inner;
        assert_true(at >= 0);
    }
    close(at);
    const enum status s = file_remove("d", &p->err);
    if (s != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    assert_false(exists("d"));
}

static void paths_are_joined(void **state)
{
    struct place *p = *state;

    assert_string_equal(file_join(p->arena, "a", "b"), "a/b");
    assert_string_equal(file_join(p->arena, "a/", "b"), "a/b");
    assert_string_equal(file_join(p->arena, "/", "b"), "/b");
}

static void inner_paths(void **state)
{
    static const char *const good[] = {"a", "a/b", ".a", "..a", "a..", "a/.b/c", "...", "a b"};
    static const char *const bad[] = {"",    "/",    "/a",  ".",    "..",    "a/",     "a//b",
                                      "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "a/b/"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(file_is_inner_path(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(file_is_inner_path(bad[i]));
}

static void folders_are_synced(void **state)
{
    struct place *p = *state;

    put(p, "a", "x");
    assert_int_equal(file_sync_folder(".", &p->err), OK);
    assert_int_equal(file_sync_folder("none", &p->err), ERR_SYSTEM);
    assert_int_equal(file_sync_folder("a", &p->err), ERR_SYSTEM);
}

#ifdef HPO_FAULTS
/* Every call fails at its 1st, 2nd, ... allocation with a clear status, until it gets through. */
static void memory_runs_out_anywhere(void **state)
{
    struct place *p = *state;
    enum status s = ERR_MEMORY;
    char *bytes, **names;
    size_t n;

    assert_int_equal(file_make_folders("a/b", &p->err), OK);
    put(p, "a/c", "old");
    for (long k = 1; s != OK; k++) {
        arena_fail_at(k, 1);
        s = file_write("a/c", "new", 3, &p->err);
        arena_fail_at(0, 0);
        assert_true(s == OK || s == ERR_MEMORY);
        assert_int_equal(file_read("a/c", 9, p->arena, &bytes, NULL, &p->err), OK);
        assert_string_equal(bytes, s == OK ? "new" : "old");
    }
    s = ERR_MEMORY;
    for (long k = 1; s != OK; k++) {
        arena_fail_at(k, 0);
        s = file_list("a", p->arena, &names, &n, &p->err);
        if (s == OK)
            s = file_read("a/c", 9, p->arena, &bytes, NULL, &p->err);
        if (s == OK)
            s = file_make_folders("a/d", &p->err);
        if (s == OK)
            s = file_remove("a/d", &p->err);
        arena_fail_at(0, 0);
        assert_true(s == OK || s == ERR_MEMORY);
    }
    assert_int_equal(n, 2);
}
#endif

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, place_enter, place_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_is_written_is_read),
        IN_A_FOLDER(the_end_of_a_file_is_read),
        IN_A_FOLDER(a_written_file_is_ordinary),
        IN_A_FOLDER(reading_is_bounded_and_says_why),
        IN_A_FOLDER(a_write_that_fails_leaves_what_was),
        IN_A_FOLDER(a_full_device_is_said),
        IN_A_FOLDER(folders_with_their_parents),
        IN_A_FOLDER(lists_are_sorted_by_bytes),
        IN_A_FOLDER(a_large_folder_is_listed_whole),
        IN_A_FOLDER(removing_never_follows_a_link),
        IN_A_FOLDER(removing_what_is_closed),
        IN_A_FOLDER(what_is_mounted_is_not_removed),
        IN_A_FOLDER(a_deep_folder_is_removed),
        IN_A_FOLDER(paths_are_joined),
        IN_A_FOLDER(inner_paths),
        IN_A_FOLDER(folders_are_synced),
#ifdef HPO_FAULTS
        IN_A_FOLDER(memory_runs_out_anywhere),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
