/* claim: two processes, one key; the kernel lets go with the holder. */
#include "engine/execution/claim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int setup(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/claims-XXXXXX");
    if ((fd = mkstemp(path)) < 0)
        return -1;
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static bool take(const struct claims *c, unsigned char first)
{
    struct digest key = {{first}};
    struct error err;
    bool taken;

    assert_int_equal(claim_try(c, &key, &taken, &err), OK);
    return taken;
}

static void one_holder_a_key(void **state)
{
    struct claims a, b;
    struct digest key = {{1}};
    struct error err;

    (void)state;
    assert_int_equal(claims_open(path, &a, &err), OK);
    assert_int_equal(claims_open(path, &b, &err), OK);
    assert_true(take(&a, 1));
    assert_true(take(&a, 1)); /* ours already */
    assert_false(take(&b, 1));
    assert_true(take(&b, 2));
    assert_false(take(&a, 2));
    claim_release(&a, &key);
    assert_true(take(&b, 1));
    claims_close(&b);
    assert_true(take(&a, 2)); /* closing lets all go */
    claims_close(&a);
}

static void a_killed_holder_leaves_nothing(void **state)
{
    struct claims ours;
    struct error err;
    int ready[2];
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(claims_open(path, &ours, &err), OK);
    assert_int_equal(pipe(ready), 0);
    if ((child = fork()) == 0) {
        struct claims theirs;
        if (claims_open(path, &theirs, &err) != OK || !take(&theirs, 3) ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_false(take(&ours, 3));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(take(&ours, 3));
    claims_close(&ours);
    close(ready[0]);
    close(ready[1]);
}

static void a_folder_that_is_not_there(void **state)
{
    struct claims c;
    struct error err;

    (void)state;
    assert_int_equal(claims_open("/nowhere/claims", &c, &err), ERR_SYSTEM);
    assert_string_equal(err.where, "/nowhere/claims");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_holder_a_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_holder_leaves_nothing, setup, teardown),
        cmocka_unit_test(a_folder_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
