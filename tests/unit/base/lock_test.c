/* lock: one holder at a time; who waits says so once, and can be called off. */
#include "base/lock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int enter(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/lock-XXXXXX");
    if ((fd = mkstemp(path)) < 0)
        return -1;
    close(fd);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    return unlink(path);
}

static int opened(void)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* What was said while one waited; the lock is let go then, or the waiting called off. */
struct ear {
    int times, holder;
    volatile sig_atomic_t *interrupted;
    char where[64];
};

static void hear(void *to, const char *where)
{
    struct ear *ear = to;

    ear->times++;
    (void)snprintf(ear->where, sizeof ear->where, "%s", where);
    if (ear->interrupted)
        *ear->interrupted = 1;
    else
        close(ear->holder);
}

static void a_free_one_is_had_at_once(void **state)
{
    volatile sig_atomic_t interrupted = 1; /* nobody has to wait */
    const struct patience patience = {&interrupted, NULL, NULL};
    const int fd = opened(), other = opened();
    struct error err;

    (void)state;
    assert_int_equal(lock_wait(fd, path, &patience, &err), OK);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    close(fd);
    assert_int_equal(lock_wait(other, path, &patience, &err), OK);
    close(other);
}

static void who_waits_says_for_what_and_gets_it(void **state)
{
    struct ear ear = {.holder = opened()};
    const struct patience patience = {NULL, hear, &ear};
    const int fd = opened();
    struct error err;

    (void)state;
    assert_int_equal(flock(ear.holder, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(lock_wait(fd, path, &patience, &err), OK);
    assert_int_equal(ear.times, 1);
    assert_string_equal(ear.where, path);
    close(fd);
}

static void who_waits_can_be_called_off(void **state)
{
    volatile sig_atomic_t interrupted = 0;
    struct ear ear = {.holder = opened(), .interrupted = &interrupted};
    const struct patience patience = {&interrupted, hear, &ear};
    const int fd = opened();
    struct error err;

    (void)state;
    assert_int_equal(flock(ear.holder, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(lock_wait(fd, path, &patience, &err), ERR_INTERRUPTED);
    assert_int_equal(ear.times, 1);
    close(fd);
    close(ear.holder);
}

static void what_is_not_open_is_an_error(void **state)
{
    const struct patience patience = {NULL, NULL, NULL};
    struct error err;

    (void)state;
    assert_int_equal(lock_wait(-1, path, &patience, &err), ERR_SYSTEM);
    assert_string_equal(err.where, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_free_one_is_had_at_once, enter, leave),
        cmocka_unit_test_setup_teardown(who_waits_says_for_what_and_gets_it, enter, leave),
        cmocka_unit_test_setup_teardown(who_waits_can_be_called_off, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_not_open_is_an_error, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
