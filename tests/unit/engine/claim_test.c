/* claim: two processes, one key; the kernel lets go with the holder. */
#include "engine/results/claim.h"

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
    const struct chain chain = {.root = {{first}}, .n = 1};
    struct error err;
    int taken;

    assert_int_equal(claim_try(c, &chain, &taken, &err), OK);
    return taken == 1;
}

static void one_holder_a_key(void **state)
{
    struct claims a, b;
    const struct chain chain = {.root = {{1}}, .n = 1};
    struct error err;

    (void)state;
    assert_int_equal(claims_open(path, &a, &err), OK);
    assert_int_equal(claims_open(path, &b, &err), OK);
    assert_true(take(&a, 1));
    assert_true(take(&a, 1)); /* ours already */
    assert_false(take(&b, 1));
    assert_true(take(&b, 2));
    assert_false(take(&a, 2));
    claim_release(&a, &chain);
    assert_true(take(&b, 1));
    claims_close(&b);
    assert_true(take(&a, 2)); /* closing lets all go */
    claims_close(&a);
}

static int take_units(const struct claims *c, int first, int n)
{
    const struct chain chain = {.root = {{9}}, .first = first, .n = n};
    struct error err;
    int taken;

    assert_int_equal(claim_try(c, &chain, &taken, &err), OK);
    return taken;
}

static void units_of_a_chain_are_claimed_in_order(void **state)
{
    const struct chain third = {.root = {{9}}, .first = 3, .n = 1};
    struct claims a, b;
    struct error err;

    (void)state;
    assert_int_equal(claims_open(path, &a, &err), OK);
    assert_int_equal(claims_open(path, &b, &err), OK);
    assert_int_equal(take_units(&a, 3, 2), 2);
    assert_int_equal(take_units(&b, 1, 10), 2); /* up to the first that is held */
    assert_int_equal(take_units(&b, 3, 1), 0);
    claim_release(&a, &third);
    assert_int_equal(take_units(&b, 3, 5), 1);
    assert_int_equal(take_units(&b, 5, 100000), 100000);
    assert_int_equal(take_units(&a, 1, 100), 0);
    claims_close(&a);
    claims_close(&b);
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
        cmocka_unit_test_setup_teardown(units_of_a_chain_are_claimed_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_holder_leaves_nothing, setup, teardown),
        cmocka_unit_test(a_folder_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
