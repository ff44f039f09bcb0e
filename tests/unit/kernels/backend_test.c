/* backend and threads: what can be opened, what memory says, every index once. */
#include "kernels/backend.h"
#include "kernels/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/cpu/threads.h"

static void test_open(void **state)
{
    struct error err;
    struct backend *be;
    const struct ops *ops;

    (void)state;
    assert_int_equal(unsetenv("HPO_CPU"), 0);
    assert_int_equal(backend_open("abacus", 1, &be, &ops, &err), ERR_INPUT);
    assert_int_equal(backend_open("cpu", 0, &be, &ops, &err), ERR_INPUT);
    assert_int_equal(backend_open("cpu", 10000, &be, &ops, &err), ERR_INPUT);
    assert_int_equal(setenv("HPO_CPU", "z80", 1), 0);
    assert_int_equal(backend_open("cpu", 1, &be, &ops, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "z80"));
    assert_int_equal(setenv("HPO_CPU", "portable", 1), 0);
    assert_int_equal(backend_open("cpu", 1, &be, &ops, &err), OK);
    assert_string_equal(ops->name, "portable");
    backend_close(be);
    backend_close(NULL);
    assert_true(host_processors() >= 1);
}

static void test_memory(void **state)
{
    struct error err;
    struct backend *be;
    const struct ops *ops;
    char *bytes;
    void *out;

    (void)state;
    assert_int_equal(backend_open("cpu", 1, &be, &ops, &err), OK);
    assert_int_equal(ops->allocate(be, 5 << 20, &out, &err), OK);
    bytes = out;
    for (size_t i = 0; i < 5 << 20; i += 4096)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(ops->allocate(be, (size_t)1 << 60, &out, &err), ERR_MEMORY);
    assert_non_null(strstr(err.text, "1152921504606846976 bytes"));
    backend_close(be);
}

struct count {
    atomic_int times[1000];
    atomic_int workers[16];
};

static void count(void *context, size_t index, size_t worker)
{
    struct count *c = context;

    (void)atomic_fetch_add(&c->times[index], 1);
    (void)atomic_fetch_add(&c->workers[worker], 1);
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 16; n = n * 2 + 1) {
        struct error err;
        struct threads *t;
        static struct count c;
        memset(&c, 0, sizeof c);
        assert_int_equal(threads_open(n, &t, &err), OK);
        assert_int_equal(threads_count(t), n);
        for (int round = 0; round < 300; round++)
            threads_run(t, round % 2 ? 1000 : (size_t)round % 5, count, &c);
        for (size_t i = 0; i < 1000; i++)
            assert_int_equal(c.times[i], 150 + (i < 4 ? 30 * (4 - (int)i) : 0));
        for (size_t w = n; w < 16; w++)
            assert_int_equal(c.workers[w], 0);
        threads_close(t);
    }
    threads_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
