/*
 * source: a digest is that of the bytes, however recently they were written; what is believed is
 * not read again, and what changed is never believed. What is left out is not there.
 */
#include "cache/content/blob.h"
#include "cache/content/filter.h"
#include "cache/content/listing.h"
#include "cache/content/source.h"
#include "tests/unit/cache/place.h"

static char *absolute(struct place *p, const char *name)
{
    char *path = file_join(p->arena, p->folder, name);

    assert_non_null(path);
    return path;
}

static struct source find(struct place *p, const char *name)
{
    struct source source;

    assert_ok(p, source_digest(p->store, absolute(p, name), NULL, p->arena, &source, &p->err));
    return source;
}

static bool unchanged(struct place *p, const char *name, const struct source *source)
{
    bool same;

    assert_ok(p, source_unchanged(p->store, absolute(p, name), source, &same, &p->err));
    return same;
}

static void a_file_has_the_digest_of_its_bytes(void **state)
{
    struct place *p = *state;
    const struct digest expected = digest_of(p, "hello");
    struct source source;

    put_file("f", "hello");
    source = find(p, "f");
    assert_false(source.folder || source.executable);
    assert_int_equal(source.size, 5);
    assert_true(digest_equal(&source.digest, &expected));
    assert_int_equal(chmod("f", 0755), 0);
    assert_true(find(p, "f").executable);
    assert_int_equal(symlink("f", "l"), 0);
    source = find(p, "l");
    assert_true(digest_equal(&source.digest, &expected));
}

/* The rule's hard case: the same size, again and again, within one tick of the clock. */
static void changes_within_a_tick_are_seen(void **state)
{
    struct place *p = *state;

    for (int i = 0; i < 300; i++) {
        char bytes[16];
        struct digest expected;
        struct source source;
        (void)snprintf(bytes, sizeof bytes, "%06d", i);
        put_file("f", bytes);
        expected = digest_of(p, bytes);
        source = find(p, "f");
        assert_true(digest_equal(&source.digest, &expected));
        assert_true(unchanged(p, "f", &source));
        if (i % 100 == 99)
            let_time_pass();
    }
}

/* What is remembered is used: a digest planted in the index is believed while nothing changes. */
static void an_old_file_is_not_read_again(void **state)
{
    struct place *p = *state;
    const struct digest expected = digest_of(p, "hello");
    struct source source;

    put_file("f", "hello");
    let_time_pass();
    source = find(p, "f");
    assert_true(source.stamps[0].settled);
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    source = find(p, "f");
    assert_true(digest_equal(&source.digest, &expected));
    assert_false(store_is_dirty(p->store)); /* nothing new to remember */
    assert_ok(p, source_preload(p->store, p->folder, &p->err));
    source = find(p, "f");
    assert_true(digest_equal(&source.digest, &expected));
    assert_false(store_is_dirty(p->store));
}

static void a_file_just_written_is_not_remembered(void **state)
{
    struct place *p = *state;
    struct source source;

    put_file("f", "hello");
    source = find(p, "f");
    assert_false(source.stamps[0].settled);
    assert_false(store_is_dirty(p->store));
    let_time_pass();
    source = find(p, "f");
    assert_true(source.stamps[0].settled);
    assert_true(store_is_dirty(p->store));
}

static void a_file_from_the_future_is_read_each_time(void **state)
{
    struct place *p = *state;
    const struct timespec future[2] = {{4000000000, 0}, {4000000000, 0}};
    struct source source;

    put_file("f", "one");
    assert_int_equal(utimensat(AT_FDCWD, "f", future, 0), 0);
    let_time_pass();
    source = find(p, "f");
    assert_false(source.stamps[0].settled);
    assert_false(store_is_dirty(p->store));
}

/* Old times put back after a write: the inode's time of change tells. */
static void times_put_back_do_not_deceive(void **state)
{
    struct place *p = *state;
    struct source before, after;

    put_file("f", "one");
    make_old("f");
    let_time_pass();
    before = find(p, "f");
    put_file("f", "two");
    make_old("f");
    assert_false(unchanged(p, "f", &before));
    after = find(p, "f");
    assert_false(digest_equal(&before.digest, &after.digest));
}

static void changes_are_told(void **state)
{
    struct place *p = *state;
    struct source source;

    put_file("f", "one");
    let_time_pass();
    source = find(p, "f");
    assert_true(unchanged(p, "f", &source));
    assert_int_equal(link("f", "second name"), 0); /* the inode changes, not the file */
    assert_true(unchanged(p, "f", &source));
    assert_int_equal(chmod("f", 0755), 0);
    assert_false(unchanged(p, "f", &source));
    assert_int_equal(chmod("f", 0644), 0);
    assert_true(unchanged(p, "f", &source));
    put_file("f", "one"); /* what was in it meanwhile is not known */
    assert_false(unchanged(p, "f", &source));
    source = find(p, "f");
    assert_int_equal(unlink("f"), 0);
    assert_false(unchanged(p, "f", &source));
    assert_int_equal(mkdir("f", 0777), 0);
    assert_false(unchanged(p, "f", &source));
}

static bool holds(const struct source *source, const char *name)
{
    struct stat st;

    assert_int_equal(stat(name, &st), 0);
    return stamp_holds(source->stamps, &st);
}

static void a_stamp_holds_only_when_it_is_sure(void **state)
{
    struct place *p = *state;
    struct source source;

    put_file("f", "one");
    source = find(p, "f");
    assert_false(holds(&source, "f")); /* a write in the same tick would look the same */
    let_time_pass();
    source = find(p, "f");
    assert_true(holds(&source, "f"));
    assert_int_equal(chmod("f", 0755), 0);
    assert_false(holds(&source, "f"));
    let_time_pass();
    source = find(p, "f");
    assert_int_equal(rename("f", "g"), 0);
    put_file("f", "two");
    assert_false(holds(&source, "f"));
    assert_false(holds(&source, "."));
}

static void make_folder(struct place *p)
{
    assert_ok(p, file_make_folders("d/sub/empty", &p->err));
    put_file("d/a", "first");
    put_file("d/sub/b", "second");
    put_bytes("d/sub/large", "third", 70000);
    assert_int_equal(chmod("d/sub/b", 0755), 0);
    assert_int_equal(symlink("sub/b", "d/link"), 0);
}

static void a_folder_has_the_digest_of_its_tree(void **state)
{
    struct place *p = *state;
    struct source source, again;
    struct tree_entry entries[5];
    struct tree expected;

    make_folder(p);
    source = find(p, "d");
    assert_true(source.folder);
    assert_int_equal(source.tree->n, 5);
    assert_int_equal(source.size, 5 + 6 + 70000);
    memcpy(entries, source.tree->entries, sizeof entries);
    assert_ok(p, listing_make(entries, 5, p->arena, &expected, &p->err));
    assert_true(digest_equal(&source.digest, &expected.digest));
    let_time_pass();
    again = find(p, "d");
    assert_true(digest_equal(&source.digest, &again.digest));
    assert_ok(p, store_sync(p->store, &p->err));
    reopen(p);
    again = find(p, "d");
    assert_true(digest_equal(&source.digest, &again.digest));
    assert_false(store_is_dirty(p->store));
}

static void expect_changed(struct place *p, const struct source *source)
{
    struct source now;

    assert_false(unchanged(p, "d", source));
    now = find(p, "d");
    assert_false(digest_equal(&now.digest, &source->digest));
}

static void changes_of_a_folder_are_told(void **state)
{
    struct place *p = *state;
    struct source source;

    make_folder(p);
    source = find(p, "d");
    assert_true(unchanged(p, "d", &source));
    let_time_pass();
    source = find(p, "d");
    assert_true(unchanged(p, "d", &source));
    put_file("d/new", "");
    expect_changed(p, &source);
    assert_int_equal(unlink("d/new"), 0);
    assert_true(unchanged(p, "d", &source));
    assert_int_equal(rename("d/sub/empty", "d/sub/full"), 0);
    expect_changed(p, &source);
    assert_int_equal(rename("d/sub/full", "d/sub/empty"), 0);
    assert_int_equal(unlink("d/link"), 0);
    assert_int_equal(symlink("sub/c", "d/link"), 0);
    expect_changed(p, &source);
    assert_int_equal(unlink("d/link"), 0);
    assert_int_equal(symlink("sub/b", "d/link"), 0);
    assert_int_equal(chmod("d/a", 0755), 0);
    expect_changed(p, &source);
    assert_int_equal(chmod("d/a", 0644), 0);
    assert_true(unchanged(p, "d", &source)); /* read again: the same */
    put_file("d/sub/b", "SECOND");
    expect_changed(p, &source);
}

static void what_is_no_source_is_refused(void **state)
{
    struct place *p = *state;
    struct source source;

    assert_int_equal(
        source_digest(p->store, absolute(p, "absent"), NULL, p->arena, &source, &p->err),
        ERR_NOT_FOUND);
    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_int_equal(source_digest(p->store, absolute(p, "fifo"), NULL, p->arena, &source, &p->err),
                     ERR_FAILED);
    assert_int_equal(mkdir("d", 0777), 0);
    assert_int_equal(rename("fifo", "d/fifo"), 0);
    assert_int_equal(source_digest(p->store, absolute(p, "d"), NULL, p->arena, &source, &p->err),
                     ERR_FAILED);
    assert_int_equal(unlink("d/fifo"), 0);
    assert_int_equal(symlink("../store", "d/out"), 0);
    assert_int_equal(source_digest(p->store, absolute(p, "d"), NULL, p->arena, &source, &p->err),
                     ERR_FAILED);
    assert_string_equal(p->err.where, "out");
}

static enum status place(struct place *p, const char *name, const struct source *source,
                         const char *dest)
{
    return source_place(p->store, absolute(p, name), source, dest, &p->err);
}

static void sources_are_placed(void **state)
{
    struct place *p = *state;
    struct source source;
    struct pick pick;
    struct stat st;

    put_file("f", "hello");
    assert_int_equal(chmod("f", 0700), 0);
    source = find(p, "f");
    assert_ok(p, place(p, "f", &source, "copy"));
    assert_string_equal(content(p, "copy"), "hello");
    assert_int_equal(stat("copy", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    make_folder(p);
    source = find(p, "d");
    assert_ok(p, place(p, "d", &source, "copied"));
    assert_string_equal(content(p, "copied/link"), "second");
    assert_true(exists("copied/sub/empty"));
    assert_ok(p, tree_pick(source.tree, "link", p->arena, &pick, &p->err));
    assert_ok(p, source_place_pick(p->store, absolute(p, "d"), "link", &pick, "picked", &p->err));
    assert_string_equal(content(p, "picked"), "second");
    assert_ok(p, tree_pick(source.tree, "sub", p->arena, &pick, &p->err));
    assert_ok(p, source_place_pick(p->store, absolute(p, "d"), "sub", &pick, "folder", &p->err));
    assert_int_equal(strlen(content(p, "folder/large")), 70000);
}

static void a_changed_source_is_not_placed(void **state)
{
    struct place *p = *state;
    struct source source;

    put_file("f", "hello");
    source = find(p, "f");
    put_file("f", "HELLO");
    assert_int_equal(place(p, "f", &source, "copy"), ERR_FAILED);
    assert_non_null(strstr(p->err.text, "changed"));
    assert_false(exists("copy"));
    assert_int_equal(unlink("f"), 0);
    assert_int_equal(place(p, "f", &source, "copy"), ERR_FAILED);
}

/* Written through the copy, the user's file stays; what is a hole takes no room. */
static void a_large_source_is_copied(void **state)
{
    const off_t n = (off_t)BLOB_LARGE + 1;
    struct place *p = *state;
    struct source source, again;
    struct stat st, copy;

    put_file("f", "hello");
    assert_int_equal(truncate("f", n), 0);
    source = find(p, "f");
    assert_ok(p, place(p, "f", &source, "copy"));
    assert_int_equal(stat("f", &st), 0);
    assert_int_equal(lstat("copy", &copy), 0);
    assert_true(S_ISREG(copy.st_mode));
    assert_int_not_equal(copy.st_ino, st.st_ino);
    assert_int_equal(copy.st_size, n);
    assert_true(copy.st_blocks < 1 << 10);
    again = find(p, "copy");
    assert_true(digest_equal(&again.digest, &source.digest));
    assert_int_equal(unlink("copy"), 0);
    assert_int_equal(truncate("f", n + 1), 0);
    assert_int_equal(place(p, "f", &source, "copy"), ERR_FAILED);
    assert_false(exists("copy"));
}

/* It leaves out what is called "out", and the folder "sub" where nothing is left in it. */
static enum status leaves_out(const void *of, const char *path, bool folder, bool *out,
                              struct error *err)
{
    const char *slash = strrchr(path, '/');

    (void)of, (void)folder, (void)err;
    *out = strcmp(slash ? slash + 1 : path, "out") == 0;
    return OK;
}

static bool leaves_out_empty(const void *of, const char *path)
{
    (void)of;
    return strcmp(path, "sub") == 0;
}

static const struct filter filter = {NULL, leaves_out, leaves_out_empty};

static struct source find_filtered(struct place *p, const char *name)
{
    struct source source;

    assert_ok(p, source_digest(p->store, absolute(p, name), &filter, p->arena, &source, &p->err));
    return source;
}

static void what_is_left_out_is_absent(void **state)
{
    struct place *p = *state;
    struct source source, plain;
    struct pick pick;

    make_folder(p);
    plain = find(p, "d");
    let_time_pass();
    source = find_filtered(p, "d");
    assert_true(digest_equal(&source.digest, &plain.digest));
    assert_int_equal(mkdir("d/out", 0777), 0); /* with what would be refused in it, and beside it */
    assert_int_equal(mkfifo("d/out/fifo", 0666), 0);
    assert_int_equal(mkfifo("d/sub/out", 0666), 0);
    assert_true(unchanged(p, "d", &source));
    source = find_filtered(p, "d");
    assert_true(digest_equal(&source.digest, &plain.digest));
    assert_ok(p, place(p, "d", &source, "copied"));
    assert_true(exists("copied/sub/b") && !exists("copied/out") && !exists("copied/sub/out"));
    assert_int_equal(tree_pick(source.tree, "out", p->arena, &pick, &p->err), ERR_NOT_FOUND);
    assert_ok(p, tree_pick(source.tree, "sub", p->arena, &pick, &p->err));
    assert_ok(p, source_place_pick(p->store, absolute(p, "d"), "sub", &pick, "picked", &p->err));
    assert_true(exists("picked/b") && !exists("picked/out"));
    put_file("d/sub/new", "");
    assert_false(unchanged(p, "d", &source));
}

/* Where nothing is left in a folder it is an empty one, unless the filter leaves that out too. */
static void folders_in_which_nothing_is_left(void **state)
{
    struct place *p = *state;
    struct source before, after;

    assert_int_equal(mkdir("d", 0777), 0);
    put_file("d/a", "a");
    before = find_filtered(p, "d");
    assert_int_equal(mkdir("d/sub", 0777), 0);
    after = find_filtered(p, "d");
    assert_true(digest_equal(&before.digest, &after.digest));
    put_file("d/sub/out", "x");
    assert_true(unchanged(p, "d", &before));
    assert_int_equal(mkdir("d/other", 0777), 0);
    before = find_filtered(p, "d");
    assert_non_null(listing_find(before.tree, "other"));
    put_file("d/other/out", "x");
    after = find_filtered(p, "d");
    assert_true(digest_equal(&before.digest, &after.digest));
}

static void a_folder_of_which_nothing_is_left_is_refused(void **state)
{
    struct place *p = *state;
    struct source source;

    assert_int_equal(mkdir("d", 0777), 0);
    source = find_filtered(p, "d"); /* it has always been empty */
    assert_int_equal(source.tree->n, 0);
    put_file("d/out", "x");
    assert_int_equal(source_digest(p->store, absolute(p, "d"), &filter, p->arena, &source, &p->err),
                     ERR_INPUT);
    assert_string_equal(p->err.where, absolute(p, "d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_has_the_digest_of_its_bytes, enter, leave),
        cmocka_unit_test_setup_teardown(changes_within_a_tick_are_seen, enter, leave),
        cmocka_unit_test_setup_teardown(an_old_file_is_not_read_again, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_just_written_is_not_remembered, enter, leave),
        cmocka_unit_test_setup_teardown(a_file_from_the_future_is_read_each_time, enter, leave),
        cmocka_unit_test_setup_teardown(times_put_back_do_not_deceive, enter, leave),
        cmocka_unit_test_setup_teardown(a_stamp_holds_only_when_it_is_sure, enter, leave),
        cmocka_unit_test_setup_teardown(changes_are_told, enter, leave),
        cmocka_unit_test_setup_teardown(a_folder_has_the_digest_of_its_tree, enter, leave),
        cmocka_unit_test_setup_teardown(changes_of_a_folder_are_told, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_no_source_is_refused, enter, leave),
        cmocka_unit_test_setup_teardown(sources_are_placed, enter, leave),
        cmocka_unit_test_setup_teardown(a_changed_source_is_not_placed, enter, leave),
        cmocka_unit_test_setup_teardown(a_large_source_is_copied, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_left_out_is_absent, enter, leave),
        cmocka_unit_test_setup_teardown(folders_in_which_nothing_is_left, enter, leave),
        cmocka_unit_test_setup_teardown(a_folder_of_which_nothing_is_left_is_refused, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
