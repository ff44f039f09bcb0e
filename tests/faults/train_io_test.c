/*
 * The n-th write, sync, rename, … of a training fails, for every n, once and for good: ERR_SYSTEM
 * and a sentence, and the out folder holds a whole checkpoint or nothing.
 */
#include "tests/faults/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "tests/faults/words.h"
#include "trainer/commands/commands.h"

enum { CALLS_MAX = 1000 };

static void put(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), OK);
}

/* The names in a folder, or 0 where there is none. */
static size_t count(const char *folder)
{
    struct arena *arena = arena_open();
    struct error err;
    char **names;
    size_t n = 0;

    if (file_list(folder, arena, &names, &n, &err) != OK)
        n = 0;
    arena_close(arena);
    return n;
}

static const char line[] = "train --model model --data data.jsonl --lr 0.1 --batch-size 1 "
                           "--epochs 1 --out runs/out --threads 1";

static void fail_each(bool persistent)
{
    size_t whole, files;
    struct error err;

    for (long n = 1; n < CALLS_MAX; n++) {
        enum status s;
        assert_int_equal(file_remove("runs", &err), OK);
        err = (struct error){.text = ""};
        io_fail_at(n, persistent);
        s = run(command_train, line, &err);
        if (!io_has_failed()) {
            io_fail_at(0, false);
            assert_int_equal(s, OK);
            print_message("%ld calls\n", n - 1);
            assert_true(n > 15);
            return;
        }
        io_fail_at(0, false);
        if (s != ERR_SYSTEM)
            fail_msg("call %ld: status %d: %s", n, (int)s, err.text);
        assert_true(err.text[0] != '\0');
        files = count("runs/out");
        whole = access("runs/out/trainer_state.json", F_OK) == 0 ? 4 : 0;
        assert_int_equal(files, whole);
        if (strstr(err.hint, "it lies whole in")) /* a result that only lacks its name is kept */
            assert_int_equal(count(strstr(err.hint, "runs/out.part-")), 4);
        else if (!persistent) /* else it could not be removed either */
            assert_true(count("runs") <= 1);
    }
    fail_msg("no end after %d calls", CALLS_MAX);
}

static void test_train(void **state)
{
    char folder[] = "/tmp/hpo-train-io-XXXXXX";
    struct error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    put("config.json", "{\"hidden_size\": 8, \"n_layer\": 1, \"n_head\": 2, \"vocab_size\": 20}");
    put("data.jsonl", "{\"input_ids\": [1, 2, 3], \"labels\": [1, 2, 3]}\n");
    assert_int_equal(run(command_init, "init --config config.json --out model", &err), OK);
    fail_each(false);
    fail_each(true);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(file_remove(folder, &err), OK);
}

/* Every file of a checkpoint is on the disk before the folder gets its name. */
static void test_order(void **state)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "config.json",
                                        "trainer_state.json"};
    char folder[] = "/tmp/hpo-train-io-XXXXXX";
    struct error err;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    put("config.json", "{\"hidden_size\": 8, \"n_layer\": 1, \"n_head\": 2, \"vocab_size\": 20}");
    put("data.jsonl", "{\"input_ids\": [1, 2, 3], \"labels\": [1, 2, 3]}\n");
    assert_int_equal(run(command_init, "init --config config.json --out model", &err), OK);
    io_forget_syncs();
    assert_int_equal(run(command_train, line, &err), OK);
    assert_int_equal(io_find_sync("/runs"), (long)io_count_syncs() - 1);
    /* files are synced under their temporary names: one sync a file, one a rename, one a folder */
    assert_int_equal(io_count_syncs(), 2 * (sizeof files / sizeof *files) + 2);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "runs/out/%s", files[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(file_remove(folder, &err), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_train), cmocka_unit_test(test_order)};

    if (!freopen("/dev/null", "w", stdout)) /* the command's own lines are not the test's */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
