/*
 * store: made whole or refused with a reason; what was not synced is gone, what was stays; one
 * writer waits for the other; who cleans is alone.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "cache/content/blob.h"
#include "cache/filesystem.h"
#include "cache/records/history.h"
#include "tests/unit/cache/place.h"

static enum status put_answer(struct place *p, const char *key, const char *answer)
{
    const struct digest d = digest_of(p, key);

    return history_journal_put(p->store, &d, answer, 1, &p->err);
}

static const char *get_answer(struct place *p, const char *key)
{
    const struct digest d = digest_of(p, key);
    const char *answer;

    return history_journal_get(p->store, &d, p->arena, &answer, &p->err) == OK ? answer : NULL;
}

static void a_new_store_has_its_layout(void **state)
{
    struct place *p = *state;

    assert_string_equal(content(p, "store/version"), "hpo store 3\n");
    assert_true(exists("store/index.db") && exists("store/blobs") && exists("store/tmp"));
    assert_true(exists("store/work") && exists("store/claims"));
    assert_int_equal(store_folder(p->store)[0], '/');
    assert_string_equal(strrchr(store_work(p->store), '/'), "/work");
    assert_string_equal(strrchr(store_claims(p->store), '/'), "/claims");
}

static void it_is_found_from_elsewhere(void **state)
{
    struct place *p = *state;

    assert_ok(p, put_answer(p, "k", "a"));
    assert_int_equal(chdir("/"), 0);
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, put_answer(p, "k2", "b"));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_int_equal(chdir(p->folder), 0);
}

static void only_what_was_synced_stays(void **state)
{
    struct place *p = *state;

    assert_false(store_is_dirty(p->store));
    assert_ok(p, put_answer(p, "first", "1"));
    assert_true(store_is_dirty(p->store));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_false(store_is_dirty(p->store));
    assert_ok(p, put_answer(p, "second", "2"));
    reopen(p);
    assert_string_equal(get_answer(p, "first"), "1");
    assert_null(get_answer(p, "second"));
}

static void refuse(struct place *p, enum status expected, const char *text)
{
    struct store *store = NULL;

    assert_int_equal(store_open("other", STORE_WRITE, NULL, &store, &p->err), expected);
    assert_null(store);
    assert_non_null(strstr(p->err.text, text));
}

static void other_folders_are_refused(void **state)
{
    struct place *p = *state;

    assert_int_equal(mkdir("other", 0777), 0);
    put_file("other/thesis.tex", "x");
    refuse(p, ERR_INPUT, "thesis.tex");
    put_file("other/version", "12\n");
    refuse(p, ERR_INPUT, "hpo store 3");
    put_file("other/version", "hpo store x\n");
    refuse(p, ERR_INPUT, "hpo store 3");
    put_file("other/version", "hpo store 4\n");
    refuse(p, ERR_INPUT, "it is 4, this program knows 3");
    assert_non_null(strstr(p->err.text, "newer version"));
    assert_true(p->err.hint[0] != '\0');
    assert_int_equal(unlink("other/version"), 0);
    assert_int_equal(unlink("other/thesis.tex"), 0);
    put_bytes("other/version", "hpo store 3\n", 1000);
    refuse(p, ERR_INPUT, "64 bytes");
    assert_int_equal(unlink("other/version"), 0);
    assert_int_equal(rmdir("other"), 0);
    put_file("other", "a file");
    refuse(p, ERR_SYSTEM, "");
}

static void an_index_that_is_none_is_damage(void **state)
{
    struct place *p = *state;
    struct store *store = NULL;

    assert_int_equal(mkdir("other", 0777), 0);
    put_file("other/version", "hpo store 3\n");
    put_bytes("other/index.db", "this is no database", 8192);
    assert_int_equal(store_open("other", STORE_WRITE, NULL, &store, &p->err), ERR_CORRUPT);
    assert_int_equal(store_open("other", STORE_READ, NULL, &store, &p->err), ERR_CORRUPT);
}

/* The folder of a store whose making was interrupted anywhere is made whole. */
static void half_a_store_is_finished(void **state)
{
    struct place *p = *state;

    store_close(p->store);
    p->store = NULL;
    assert_int_equal(unlink("store/version"), 0);
    assert_int_equal(unlink("store/index.db"), 0);
    assert_int_equal(rmdir("store/work"), 0);
    put_file("store/version.abc123", "hpo st");
    reopen(p);
    assert_string_equal(content(p, "store/version"), "hpo store 3\n");
    assert_true(exists("store/work"));
    put_file("store/index.db-wal", "");
    store_close(p->store);
    p->store = NULL;
    put_file("store/index.db", ""); /* an empty file is what a crash in the first write leaves */
    reopen(p);
    assert_ok(p, put_answer(p, "k", "a"));
    assert_ok(p, store_sync(p->store, &p->err));
}

static void reading_changes_nothing(void **state)
{
    struct place *p = *state;
    struct store *writer = p->store;
    struct digest d;

    assert_int_equal(store_open("absent", STORE_READ, NULL, &p->store, &p->err), ERR_NOT_FOUND);
    assert_false(exists("absent"));
    assert_int_equal(mkdir("empty", 0777), 0);
    assert_int_equal(store_open("empty", STORE_READ, NULL, &p->store, &p->err), ERR_NOT_FOUND);
    p->store = writer;
    assert_ok(p, put_answer(p, "k", "a"));
    assert_ok(p, store_sync(p->store, &p->err));
    assert_ok(p, store_open("store", STORE_READ, NULL, &p->store, &p->err));
    assert_string_equal(get_answer(p, "k"), "a");
    assert_int_equal(put_answer(p, "k", "b"), ERR_SYSTEM);
    assert_non_null(strstr(p->err.text, "reading only"));
    assert_int_equal(blob_put(p->store, "x", 1, &d, &p->err), ERR_SYSTEM);
    store_close(p->store);
    p->store = writer;
}

/* As a user who may not write; root may always, so a child becomes nobody. */
static int try_as_nobody(struct place *p)
{
    struct store *store = NULL;
    const struct digest d = digest_of(p, "k");
    const char *answer;

    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return 1;
    if (store_open("store", STORE_WRITE, NULL, &store, &p->err) != ERR_SYSTEM)
        return 2;
    if (!strstr(p->err.text, "ermission") || !strstr(p->err.hint, "--cache"))
        return 3;
    if (store_open("store", STORE_READ, NULL, &store, &p->err) != OK)
        return 4;
    if (history_journal_get(store, &d, p->arena, &answer, &p->err) != OK ||
        strcmp(answer, "a") != 0)
        return 5;
    store_close(store);
    return 0;
}

static void a_read_only_store_says_so(void **state)
{
    struct place *p = *state;
    int status;
    pid_t child;

    assert_ok(p, put_answer(p, "k", "a"));
    assert_ok(p, store_sync(p->store, &p->err));
    store_close(p->store);
    p->store = NULL;
    assert_int_equal(chmod(p->folder, 0755), 0);
    assert_int_equal(chmod("store", 0555), 0);
    assert_int_equal(chmod("store/lock", 0444), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(try_as_nobody(p));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(chmod("store", 0755), 0);
    assert_int_equal(chmod("store/lock", 0644), 0);
}

static void network_disks_are_known(void **state)
{
    static const char mounts[] =
        "35 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "99 35 0:52 / /mnt/far rw,nosuid - fuse.sshfs me@host:/data rw,user_id=1000\n"
        "98 35 0:53 / /mnt/merged rw - fuse.mergerfs a:b rw\n"
        "97 35 0:54 / /mnt/drive rw - fuse.rclone drive: rw\n";

    (void)state;
    assert_string_equal(filesystem_network(0x6969), "NFS");
    assert_string_equal(filesystem_network((unsigned long)(int)0xff534d42), "CIFS");
    assert_null(filesystem_network(0xef53));
    assert_null(filesystem_network(0x01021994));
    assert_string_equal(filesystem_network_fuse(mounts, 0, 52), "sshfs");
    assert_string_equal(filesystem_network_fuse(mounts, 0, 54), "rclone");
    assert_null(filesystem_network_fuse(mounts, 0, 53)); /* over a local disk */
    assert_null(filesystem_network_fuse(mounts, 0, 5));
    assert_true(filesystem_tick_ns(0xef53) == 10000000);
    assert_true(filesystem_tick_ns(0x6969) > filesystem_tick_ns(0xef53));
}

static void who_is_alone_is_known(void **state)
{
    struct place *p = *state;
    struct store *other;
    int64_t user;
    bool alone;

    assert_ok(p, store_be_alone(p->store, 0, &alone, &user, &p->err));
    assert_true(alone);
    store_share(p->store);
    assert_ok(p, store_open("store", STORE_WRITE, NULL, &other, &p->err));
    assert_ok(p, store_be_alone(p->store, 20, &alone, &user, &p->err));
    assert_false(alone);
    assert_int_equal(user, getpid());
    store_close(other);
    assert_ok(p, store_be_alone(p->store, 0, &alone, &user, &p->err));
    assert_true(alone);
    store_share(p->store);
    store_share(p->store); /* once too often is harmless */
}

static void leftovers_go_when_nobody_else_is_there(void **state)
{
    struct place *p = *state;
    struct store *other;

    put_file("store/tmp/Xleft", "half a blob");
    assert_ok(p, store_open("store", STORE_WRITE, NULL, &other, &p->err));
    assert_true(exists("store/tmp/Xleft"));
    store_close(other);
    reopen(p);
    assert_false(exists("store/tmp/Xleft"));
}

struct writer {
    const char *folder;
    int n;
    int done;
};

/* Writes again at once after each sync: the worst neighbour. */
static void *write_in_a_loop(void *argument)
{
    struct writer *w = argument;
    struct store *store;
    struct error err;

    if (store_open(w->folder, STORE_WRITE, NULL, &store, &err) != OK)
        return NULL;
    for (int i = 0; i < w->n; i++) {
        struct digest key;
        char name[64];
        (void)snprintf(name, sizeof name, "%p %d", argument, i);
        if (digest_bytes(name, strlen(name), &key, &err) != OK ||
            history_journal_put(store, &key, name, 1, &err) != OK)
            break;
        if (i % 10 == 9 && store_sync(store, &err) != OK)
            break;
        w->done++;
    }
    if (store_sync(store, &err) != OK)
        w->done = 0;
    store_close(store);
    return NULL;
}

static void two_writers_share_fairly(void **state)
{
    struct place *p = *state;
    struct writer writers[2] = {{"store", 400, 0}, {"store", 400, 0}};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_in_a_loop, &writers[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(writers[0].done, 400);
    assert_int_equal(writers[1].done, 400);
    for (int i = 0; i < 400; i += 57) {
        char name[64];
        (void)snprintf(name, sizeof name, "%p %d", (void *)&writers[1], i);
        assert_string_equal(get_answer(p, name), name);
    }
}

/* Many first builds at once: each finds one whole store. */
static void many_may_make_it_at_once(void **state)
{
    struct place *p = *state;
    struct writer writers[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){"fresh", 20, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_in_a_loop, &writers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].done, 20);
    }
    assert_string_equal(content(p, "fresh/version"), "hpo store 3\n");
}

static void what_one_puts_the_other_sees_after_the_sync(void **state)
{
    struct place *p = *state;
    struct store *first = p->store, *second;

    assert_ok(p, store_open("store", STORE_WRITE, NULL, &second, &p->err));
    assert_ok(p, put_answer(p, "k", "a"));
    p->store = second;
    assert_null(get_answer(p, "k"));
    assert_ok(p, store_sync(first, &p->err));
    assert_string_equal(get_answer(p, "k"), "a");
    p->store = first;
    store_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_store_has_its_layout, enter, leave),
        cmocka_unit_test_setup_teardown(it_is_found_from_elsewhere, enter, leave),
        cmocka_unit_test_setup_teardown(only_what_was_synced_stays, enter, leave),
        cmocka_unit_test_setup_teardown(other_folders_are_refused, enter, leave),
        cmocka_unit_test_setup_teardown(an_index_that_is_none_is_damage, enter, leave),
        cmocka_unit_test_setup_teardown(half_a_store_is_finished, enter, leave),
        cmocka_unit_test_setup_teardown(reading_changes_nothing, enter, leave),
        cmocka_unit_test_setup_teardown(a_read_only_store_says_so, enter, leave),
        cmocka_unit_test(network_disks_are_known),
        cmocka_unit_test_setup_teardown(who_is_alone_is_known, enter, leave),
        cmocka_unit_test_setup_teardown(leftovers_go_when_nobody_else_is_there, enter, leave),
        cmocka_unit_test_setup_teardown(two_writers_share_fairly, enter, leave),
        cmocka_unit_test_setup_teardown(many_may_make_it_at_once, enter, leave),
        cmocka_unit_test_setup_teardown(what_one_puts_the_other_sees_after_the_sync, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
