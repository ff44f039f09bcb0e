/* backend and threads: what can be opened, what memory says, every index once. */
#include "kernels/backend.h"
#include "kernels/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/cpu/threads.h"

static enum status open_backend(const char *name, size_t threads, struct backend **out,
                                struct error *err)
{
    return backend_open(&(struct backend_options){.name = name, .threads = threads}, out, err);
}

static void test_open(void **state)
{
    struct error err;
    struct backend *be;

    (void)state;
    assert_int_equal(unsetenv("HPO_CPU"), 0);
    assert_int_equal(open_backend("abacus", 1, &be, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "abacus"));
    assert_int_equal(open_backend("cpu", 0, &be, &err), ERR_INPUT);
    assert_int_equal(open_backend("cpu", 10000, &be, &err), ERR_INPUT);
    assert_int_equal(setenv("HPO_CPU", "z80", 1), 0);
    assert_int_equal(open_backend("cpu", 1, &be, &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "z80"));
    assert_int_equal(setenv("HPO_CPU", "portable", 1), 0);
    assert_int_equal(open_backend("cpu", 1, &be, &err), OK);
    assert_string_equal(be->ops->name, "portable");
    backend_close(be);
    backend_close(NULL);
    assert_true(host_processors() >= 1);
}

/* What a refusal says: the bytes needed, with those given before, and those there are. */
static void refusal(struct backend *be, size_t bytes, size_t *needed, size_t *available)
{
    struct error err;
    void *out;

    assert_int_equal(be->ops->allocate(be, bytes, &out, &err), ERR_MEMORY);
    assert_int_equal(sscanf(err.text, "needs %zu bytes of memory, %zu are", needed, available), 2);
}

/* Nothing of it is touched: the memory of the machine is not needed. */
static void test_memory_together(void **state)
{
    const size_t absurd = (size_t)1 << 60;
    size_t before, needed, available, half;
    struct backend *be;
    struct error err;
    void *out;

    (void)state;
    assert_int_equal(open_backend("cpu", 1, &be, &err), OK);
    refusal(be, absurd, &needed, &available);
    before = needed - absurd;
    assert_true(before < available);
    half = (available - before) / 2 + 1;
    assert_int_equal(be->ops->allocate(be, half, &out, &err), OK);
    refusal(be, half, &needed, &available); /* alone it would fit */
    assert_int_equal(needed, before + 2 * half);
    assert_int_equal(be->ops->allocate(be, available - before - half, &out, &err), OK);
    refusal(be, 1, &needed, &available);
    assert_int_equal(needed, available + 1);
    assert_int_equal(be->ops->allocate(be, 0, &out, &err), OK);
    refusal(be, SIZE_MAX, &needed, &available); /* more than can be counted */
    assert_int_equal(needed, SIZE_MAX);
    backend_close(be);
}

static void test_memory(void **state)
{
    enum { BYTES = 5 << 20 };
    struct error err;
    struct backend *be;
    char *bytes, copy[100], sent[100];
    void *out;

    (void)state;
    assert_int_equal(open_backend("cpu", 1, &be, &err), OK);
    assert_int_equal(be->ops->allocate(be, BYTES, &out, &err), OK);
    bytes = out;
    for (size_t i = 0; i < BYTES; i += 4096)
        assert_int_equal(bytes[i], 0);
    memset(sent, 7, sizeof sent);
    be->ops->send(be, bytes + 50, sent, sizeof sent);
    memset(sent, 0, sizeof sent); /* free again */
    be->ops->fetch(be, copy, bytes, sizeof copy);
    assert_int_equal(be->ops->sync(be, &err), OK);
    for (size_t i = 0; i < sizeof copy; i++)
        assert_int_equal(copy[i], i < 50 ? 0 : 7);
    assert_int_equal(
        be->ops->allocate(be, be->ops->matrix_bytes(SIZE_MAX / 8, 100, OPS_FP32), &out, &err),
        ERR_MEMORY);
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
        cmocka_unit_test(test_memory_together),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
