/* fetch: a made-up fetcher in place of the program's table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/lock.h"
#include "engine/fetch/fetcher.h"
#include "engine/graph/pins.h"
#include "engine/options.h"
#include "engine/process/capture.h"
#include "engine/process/runner.h"

#define ANSWER "0123456789012345678901234567890123456789"
#define OTHER "9876543210987654321098765432109876543210"

static enum status knows_fixed(const struct fetch_context *c, const struct fetch *what,
                               const char **identity, struct error *err)
{
    (void)c;
    (void)err;
    if (strcmp(what->rev, "fixed") == 0)
        *identity = "fixed";
    return OK;
}

/* A shell stands for the program: it answers, and leaves a line in the file `asked`. */
static void ask_shell(const struct fetch_context *c, const struct fetch *what, struct words *argv)
{
    (void)c;
    words_add(argv, "sh");
    words_add(argv, "-c");
    words_add(argv, "echo $1 >> asked; test $1 != gone && echo " ANSWER);
    words_add(argv, "sh");
    words_add(argv, what->rev);
}

static void take_words(const struct fetch_context *c, const struct fetch *what,
                       const char *identity, const char *into, struct words *argv)
{
    (void)c;
    words_add(argv, "take");
    words_add(argv, identity);
    words_add(argv, into);
    for (size_t i = 0; i < what->n_paths; i++)
        words_add(argv, what->paths[i]);
}

static const struct fetcher made_up = {"made-up", "shell", knows_fixed, ask_shell, take_words};
static const struct fetcher *const table[] = {&made_up, NULL};

static const struct patience calm = {NULL, NULL, NULL};

struct fixture {
    char folder[64];
    struct arena *arena;
    struct reaper reaper;
    struct capture capture;
    struct options options;
    struct fetch fetch;
    struct action action;
    struct fetch_context context;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char *lock;

    strcpy(f->folder, "/tmp/hpo-fetch-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->arena = arena_open();
    f->capture = (struct capture){&f->reaper, -1, 60};
    f->options.program = "/bin/sh";
    f->fetch = (struct fetch){.url = "made:up", .rev = "main"};
    f->action = (struct action){.kind = "made-up", .fetch = &f->fetch};
    f->context = (struct fetch_context){.fetchers = table,
                                        .options = &f->options,
                                        .recipe = f->folder,
                                        .work = f->folder,
                                        .capture = &f->capture,
                                        .patience = &calm,
                                        .may_ask = true,
                                        .may_pin = true,
                                        .arena = f->arena};
    lock = file_join(f->arena, f->folder, "hpo.lock");
    assert_int_equal(pins_open(lock, &f->context.pins, &f->err), OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    runner_end(&f->reaper);
    pins_close(f->context.pins);
    assert_int_equal(file_remove(f->folder, &f->err), OK);
    arena_close(f->arena);
    free(f);
    return 0;
}

/* What the server was asked, a line each time. */
static const char *asked(struct fixture *f)
{
    char *bytes, *path = file_join(f->arena, f->folder, "asked");
    enum status s = file_read(path, 1000, f->arena, &bytes, NULL, &f->err);

    return s == OK ? bytes : "";
}

static const char *identity_of(struct fixture *f)
{
    const char *identity = NULL;

    assert_int_equal(fetch_identity(&f->context, &f->action, &identity, &f->err), OK);
    return identity;
}

static void what_the_fetcher_knows_is_neither_asked_nor_pinned(void **state)
{
    struct fixture *f = *state;

    f->fetch.rev = "fixed";
    assert_string_equal(identity_of(f), "fixed");
    assert_string_equal(asked(f), "");
    assert_null(pins_get(f->context.pins, "shell", "made:up", "fixed"));
}

static void a_moving_name_is_asked_once_and_pinned(void **state)
{
    struct fixture *f = *state;
    const char *identity = "";

    assert_int_equal(fetch_known(&f->context, &f->action, &identity, &f->err), OK);
    assert_null(identity);
    assert_string_equal(identity_of(f), ANSWER);
    assert_string_equal(identity_of(f), ANSWER);
    assert_string_equal(asked(f), "main\n");
    assert_string_equal(pins_get(f->context.pins, "shell", "made:up", "main"), ANSWER);
    assert_int_equal(fetch_known(&f->context, &f->action, &identity, &f->err), OK);
    assert_string_equal(identity, ANSWER);
}

static void update_asks_although_there_is_a_pin(void **state)
{
    struct fixture *f = *state;

    f->options.update = true;
    assert_int_equal(pins_set(f->context.pins, "shell", "made:up", "main", OTHER, &f->err), OK);
    assert_string_equal(identity_of(f), ANSWER);
    assert_string_equal(asked(f), "main\n");
}

static void cached_only_asks_nobody(void **state)
{
    struct fixture *f = *state;
    const char *identity;

    f->context.may_ask = false;
    assert_int_equal(fetch_identity(&f->context, &f->action, &identity, &f->err), ERR_INPUT);
    assert_string_equal(f->err.text, "main of made:up is not pinned in hpo.lock");
    assert_string_equal(asked(f), "");
}

static void a_dry_run_writes_no_pin(void **state)
{
    struct fixture *f = *state;

    f->context.may_pin = false;
    assert_string_equal(identity_of(f), ANSWER);
    assert_int_not_equal(access(file_join(f->arena, f->folder, "hpo.lock"), F_OK), 0);
}

static void a_refusal_pins_nothing(void **state)
{
    struct fixture *f = *state;
    const char *identity;

    f->fetch.rev = "gone";
    assert_int_equal(fetch_identity(&f->context, &f->action, &identity, &f->err), ERR_FAILED);
    assert_string_equal(f->err.where, "made:up");
    assert_null(pins_get(f->context.pins, "shell", "made:up", "gone"));
}

static void a_process_takes_the_files(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = {"a", "b"}, *expected[] = {"take", ANSWER, "/into", "a", "b"};
    struct command command = {.folder = "kept"};
    size_t n_temporary = 0;

    f->fetch.paths = paths;
    f->fetch.n_paths = 2;
    assert_int_equal(setenv("TMPDIR", "/the/user's", 1), 0);
    assert_int_equal(setenv("HPO_FETCH_TEST", "a proxy", 1), 0);
    assert_int_equal(fetch_command(&f->context, &f->action, ANSWER, "/into", "/scratch", f->arena,
                                   &command, &f->err),
                     OK);
    assert_string_equal(command.program, "/bin/sh");
    assert_string_equal(command.folder, "kept");
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(command.argv[i], expected[i]);
    assert_null(command.argv[5]);
    for (char *const *entry = command.env; *entry; entry++) {
        assert_string_not_equal(*entry, "TMPDIR=/the/user's");
        n_temporary += strcmp(*entry, "TMPDIR=/scratch") == 0;
        n_temporary += strcmp(*entry, "HPO_FETCH_TEST=a proxy") == 0;
    }
    assert_int_equal(n_temporary, 2);
}

static void an_unknown_kind_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *identity;

    f->action.kind = "clone";
    assert_int_equal(fetch_identity(&f->context, &f->action, &identity, &f->err), ERR_INPUT);
    assert_string_equal(f->err.where, "clone");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_fetcher_knows_is_neither_asked_nor_pinned),
        TEST(a_moving_name_is_asked_once_and_pinned),
        TEST(update_asks_although_there_is_a_pin),
        TEST(cached_only_asks_nobody),
        TEST(a_dry_run_writes_no_pin),
        TEST(a_refusal_pins_nothing),
        TEST(a_process_takes_the_files),
        TEST(an_unknown_kind_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
