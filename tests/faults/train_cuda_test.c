/*
 * The n-th call of CUDA fails in a training on a GPU, for many n (with HPO_LONG for every n): a
 * status and a sentence, no hang, and the out folder holds the right checkpoint or none. Memory
 * that runs out once may be made up for elsewhere; nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <cuda_runtime.h>

#include "base/arena.h"
#include "base/file.h"
#include "tests/faults/words.h"
#include "trainer/commands/commands.h"

enum { WEIGHTS_MAX = 1 << 20, FIRST = 24, STEP = 41, SECONDS = 100 };

struct weights {
    char *bytes;
    size_t n;
};

static struct weights weights_of(const char *folder, struct arena *arena)
{
    struct weights w;
    struct error err;

    assert_int_equal(file_read(file_join(arena, folder, "model.safetensors"), WEIGHTS_MAX, arena,
                               &w.bytes, &w.n, &err),
                     OK);
    return w;
}

/* What failed: once, or from then on. */
struct fault {
    cudaError_t error;
    int sticky;
    enum status statuses[3]; /* that are right; unused ones repeat */
};

static const char *line; /* of the training */

/* The last call is that of closing, when everything is done; whether training still waits for its
 * snapshot moves it by one. */
static void fail_at(long n, bool last, const struct fault *f, const struct weights *good)
{
    struct arena *arena = arena_open();
    enum status s;
    struct error err;

    assert_int_equal(file_remove("out", &err), OK);
    (void)emulated_fail_at(n, f->error, f->sticky);
    (void)alarm(SECONDS); /* a hang ends the test */
    s = run(command_train, line, &err);
    (void)alarm(0);
    (void)emulated_fail_at(0, cudaSuccess, 0);
    if (!(last && s == OK) && s != f->statuses[0] && s != f->statuses[1] && s != f->statuses[2])
        fail_msg("call %ld, error %d: status %d: %s: %s", n, (int)f->error, (int)s, err.where,
                 err.text);
    assert_true(s == OK || err.text[0] != '\0');
    if (s == ERR_DEVICE && !strstr(err.where, "device 0"))
        fail_msg("call %ld: no device in \"%s: %s\"", n, err.where, err.text);
    if (access("out/trainer_state.json", F_OK) == 0) {
        const struct weights w = weights_of("out", arena);
        assert_int_equal(w.n, good->n);
        if (memcmp(w.bytes, good->bytes, w.n) != 0)
            fail_msg("call %ld, error %d: status %d: a wrong checkpoint", n, (int)f->error, (int)s);
    } else if (s == OK) {
        fail_msg("call %ld: no checkpoint", n);
    }
    arena_close(arena);
}

static const struct fault faults[] = {
    {cudaErrorLaunchFailure, 1, {ERR_SYSTEM, ERR_SYSTEM, ERR_SYSTEM}},
    {cudaErrorECCUncorrectable, 1, {ERR_DEVICE, ERR_DEVICE, ERR_DEVICE}},
    {cudaErrorMemoryAllocation, 1, {ERR_BUSY, ERR_MEMORY, ERR_BUSY}},
    {cudaErrorMemoryAllocation, 0, {ERR_BUSY, ERR_MEMORY, OK}},
};

static void fail_each(const char *what)
{
    struct arena *arena = arena_open();
    const bool all = getenv("HPO_LONG") != NULL;
    struct weights good;
    enum status s;
    struct error err;
    long calls;

    line = what;
    (void)emulated_fail_at(0, cudaSuccess, 0);
    assert_int_equal(file_remove("out", &err), OK);
    s = run(command_train, line, &err);
    if (s != OK)
        fail_msg("%s: %s", err.where, err.text);
    calls = emulated_fail_at(0, cudaSuccess, 0);
    good = weights_of("out", arena);
    print_message("%ld calls\n", calls);
    assert_true(calls > 100);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (long n = 1; n <= calls; n += all || n < FIRST || n > calls - 8 ? 1 : STEP)
            fail_at(n, n + 1 >= calls, &faults[i], &good);
    arena_close(arena);
}

static void put(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), OK);
}

static void test_train(void **state)
{
    char folder[] = "/tmp/hpo-train-cuda-XXXXXX";
    enum status s;
    struct error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    put("config.json", "{\"hidden_size\": 8, \"n_layer\": 1, \"n_head\": 2, \"vocab_size\": 20}");
    put("data.jsonl", "{\"input_ids\": [1, 2, 3], \"labels\": [1, 2, 3]}\n"
                      "{\"input_ids\": [1, 4], \"labels\": [1, 4]}\n");
    s = run(command_init, "init --config config.json --out model", &err);
    assert_int_equal(s, OK);
    fail_each("train --model model --data data.jsonl --lr 0.1 --batch-size 1 --accumulate 2 "
              "--epochs 1 --out out --backend cuda");
    fail_each("train --model model --data data.jsonl --lr 0.1 --batch-size 1 --epochs 1 --out out "
              "--backend cuda --precision bf16");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(file_remove(folder, &err), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_train)};

    if (!freopen("/dev/null", "w", stdout)) /* the command's own lines are not the test's */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
