/*
 * The n-th allocation fails, for every n, once and for good, in whole commands: init, forward,
 * train, evaluate. Each says ERR_MEMORY and a sentence, leaves its folder empty or whole (a report
 * may fail behind a checkpoint) and nothing beside it, and afterwards the command works.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "tests/faults/words.h"
#include "trainer/commands/commands.h"

#ifdef HPO_FAULTS
enum { CALLS_MAX = 20000 };

static void put(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), OK);
}

static void nothing(const char *path)
{
    struct error err;

    assert_int_equal(file_remove(path, &err), OK);
}

/* `out`, if the command writes a folder, has its last file or none after each failure. */
static void fail_everywhere(command *c, const char *line, const char *out, const char *last)
{
    for (int persistent = 0; persistent < 2; persistent++)
        for (long n = 1;; n++) {
            struct error err = {.text = ""};
            enum status s;
            assert_true(n < CALLS_MAX);
            if (out)
                nothing(out);
            arena_fail_at(n, persistent);
            s = run(c, line, &err);
            arena_fail_at(0, 0);
            if (s == OK)
                break;
            assert_int_equal(s, ERR_MEMORY);
            assert_true(err.text[0] != '\0');
            if (out && rmdir(out) != 0 && access(out, F_OK) == 0)
                assert_int_equal(access(last, F_OK), 0);
        }
}

static void test_commands(void **state)
{
    char folder[] = "/tmp/hpo-train-alloc-XXXXXX";
    struct error err;
    DIR *here;
    int entries = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    put("config.json", "{\"hidden_size\": 8, \"n_layer\": 1, \"n_head\": 2, \"vocab_size\": 20}");
    put("batch.json", "{\"input_ids\": [[1, 2, 3]], \"labels\": [[1, 2, 3]]}");
    put("data.jsonl", "{\"input_ids\": [1, 2, 3], \"labels\": [1, 2, 3]}\n"
                      "{\"input_ids\": [4, 5], \"labels\": [4, 5]}\n");
    fail_everywhere(command_init, "init --config config.json --out model", "model",
                    "model/model.safetensors");
    fail_everywhere(command_forward,
                    "forward --model model --batch batch.json --gradients g --threads 1", NULL,
                    NULL);
    fail_everywhere(command_train,
                    "train --model model --data data.jsonl --lr 0.1 --batch-size 1 --epochs 1 "
                    "--out out --threads 1",
                    "out", "out/trainer_state.json");
    fail_everywhere(command_evaluate,
                    "evaluate --model out --data data.jsonl --out scores.json --threads 1", NULL,
                    NULL);
    assert_non_null(here = opendir("."));
    while (readdir(here))
        entries++;
    assert_int_equal(closedir(here), 0);
    assert_int_equal(entries, 2 + 7); /* three inputs, two models, gradients, scores */
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(file_remove(folder, &err), OK);
}

#else

static void test_commands(void **state)
{
    (void)state;
    print_message("SKIP: built without HPO_FAULTS\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_commands)};

    /* The commands' own lines are not the test's. */
    if (!freopen("/dev/null", "w", stdout))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
