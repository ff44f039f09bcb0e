/* partial: which folder a trainer may name, and when what it named may be taken. */
#include "engine/results/partial.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/store.h"

/* A store with the folder of one run in it. */
struct place {
    char folder[64];
    struct arena *arena;
    struct store *store;
    const char *run, *out; /* STORE/work/NAME-FRESH, and its HPO_CHECKPOINT_OUT */
};

static const struct digest key = {{7}};

static const char *inside(const struct place *p, const char *above, const char *name)
{
    const char *path = file_join(p->arena, above, name);

    assert_non_null(path);
    return path;
}

static void make_folder(const char *path)
{
    struct error err;

    assert_int_equal(file_make_folders(path, &err), OK);
}

static void put(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), OK);
}

static int enter(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    struct error err;

    if (!p || !(p->arena = arena_open()))
        return -1;
    *state = p;
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/partial-XXXXXX");
    if (!mkdtemp(p->folder) ||
        store_open(inside(p, p->folder, "store"), STORE_WRITE, NULL, &p->store, &err) != OK)
        return -1;
    p->run = inside(p, store_work(p->store), "name-fresh");
    p->out = inside(p, p->run, "out");
    make_folder(p->out);
    return 0;
}

static int leave(void **state)
{
    struct place *p = *state;
    struct error err;
    const enum status s = file_remove(p->folder, &err);

    store_close(p->store);
    arena_close(p->arena);
    free(p);
    return s == OK ? 0 : -1;
}

/* ---- the folder that a line names ---- */

static void refused(const struct place *p, const char *name, const char *why)
{
    const char *folder;
    struct error err;

    assert_int_equal(partial_folder(p->out, name, p->arena, &folder, &err),
                     strcmp(why, "is not there") == 0 ? ERR_NOT_FOUND : ERR_FAILED);
    if (!strstr(err.text, why))
        fail_msg("of \"%s\" was said: %s", name, err.text);
    if (!strstr(err.text, name))
        fail_msg("it does not name \"%s\": %s", name, err.text);
}

static void accepted(const struct place *p, const char *name, const char *expected)
{
    const char *folder;
    struct error err = {.text = ""};

    if (partial_folder(p->out, name, p->arena, &folder, &err) != OK)
        fail_msg("\"%s\": %s", name, err.text);
    assert_string_equal(folder, expected);
}

static void a_folder_inside_is_accepted(void **state)
{
    const struct place *p = *state;
    const char *deep = inside(p, p->out, "a/b");

    make_folder(deep);
    accepted(p, "a", inside(p, p->out, "a"));
    accepted(p, "a/b", deep);
    accepted(p, deep, deep); /* an absolute path of it */
}

static void slashes_and_dots_that_mean_nothing_are_passed_over(void **state)
{
    const struct place *p = *state;
    const char *folder = inside(p, p->out, "a");

    make_folder(folder);
    accepted(p, "a/", folder);
    accepted(p, "a//", folder);
    accepted(p, "./a", folder);
    accepted(p, ".//a/./", folder);
    accepted(p, arena_printf(p->arena, "%s/", folder), folder);
}

static void the_whole_folder_is_none(void **state)
{
    const struct place *p = *state;
    const char *why = "is HPO_CHECKPOINT_OUT itself: expected a folder inside it";

    refused(p, ".", why);
    refused(p, "./", why);
    refused(p, "", why);
    refused(p, p->out, why);
    refused(p, arena_printf(p->arena, "%s/", p->out), why);
    refused(p, arena_printf(p->arena, "%s/.", p->out), why);
}

static void what_lies_outside_is_refused(void **state)
{
    const struct place *p = *state;

    make_folder(inside(p, p->run, "dir"));
    make_folder(inside(p, p->run, "out2"));
    make_folder(inside(p, p->out, "a"));
    refused(p, "..", "is outside");
    refused(p, "../dir", "is outside");
    refused(p, "a/../../dir", "is outside");
    refused(p, inside(p, p->run, "dir"), "is outside");
    refused(p, inside(p, p->run, "out2"), "is outside"); /* its path begins alike */
    refused(p, "/", "is outside");
}

static void what_is_no_folder_is_refused(void **state)
{
    const struct place *p = *state;

    put(inside(p, p->out, "file"), "x");
    refused(p, "file", "is a file: a checkpoint is a folder");
    refused(p, "file/", "is a file: a checkpoint is a folder");
    refused(p, "absent", "is not there");
    refused(p, "file/inner", "is a file");
}

static void no_step_may_be_a_link(void **state)
{
    const struct place *p = *state;

    make_folder(inside(p, p->run, "elsewhere/inner"));
    make_folder(inside(p, p->out, "a"));
    assert_int_equal(symlink(inside(p, p->run, "elsewhere"), inside(p, p->out, "link")), 0);
    assert_int_equal(symlink("a", inside(p, p->out, "near")), 0);
    refused(p, "link", "is a symbolic link");
    refused(p, "link/inner", "is a symbolic link, or lies behind one");
    refused(p, "near", "is a symbolic link");
    refused(p, inside(p, p->out, "link/inner"), "is a symbolic link, or lies behind one");
}

/* ---- holding and taking ---- */

static const char *held(const struct place *p)
{
    const char *folder = inside(p, p->out, "t1");
    struct error err;

    make_folder(inside(p, folder, "deep"));
    put(inside(p, folder, "weights"), "w");
    put(inside(p, folder, "deep/more"), "m");
    assert_int_equal(partial_hold(p->store, &key, folder, &err), OK);
    return folder;
}

/* What may be taken, NULL: nothing. Whoever may, keeps all others away meanwhile. */
static const char *found(const struct place *p)
{
    const char *folder, *second;
    struct error err;
    int lock, other;

    assert_int_equal(partial_find(p->store, &key, p->arena, &folder, &lock, &err), OK);
    assert_int_equal(folder != NULL, lock >= 0);
    if (lock >= 0) {
        assert_int_equal(partial_find(p->store, &key, p->arena, &second, &other, &err), OK);
        assert_null(second);
        assert_int_equal(other, -1);
        close(lock);
    }
    return folder;
}

static void what_was_never_held_is_not_found(void **state)
{
    assert_null(found(*state));
}

static void what_looks_as_it_did_is_found(void **state)
{
    const struct place *p = *state;
    const char *folder = held(p);

    assert_string_equal(found(p), folder);
    partial_drop(p->store, &key);
    assert_null(found(p));
    partial_drop(p->store, &key);
}

static void the_folder_that_was_held_last_is_found(void **state)
{
    const struct place *p = *state;
    const char *second = inside(p, p->out, "t2");
    struct error err;

    (void)held(p);
    make_folder(second);
    assert_int_equal(partial_hold(p->store, &key, second, &err), OK);
    assert_string_equal(found(p), second);
}

static void what_changed_is_not_found(void **state)
{
    const struct place *p = *state;
    const char *folder = held(p);

    put(inside(p, folder, "deep/more"), "n"); /* of the same size */
    assert_null(found(p));
    (void)held(p);
    assert_non_null(found(p));
    put(inside(p, folder, "new"), "");
    assert_null(found(p));
    assert_int_equal(unlink(inside(p, folder, "new")), 0);
    (void)held(p);
    assert_int_equal(unlink(inside(p, folder, "weights")), 0);
    assert_null(found(p));
}

static void what_is_gone_is_not_found(void **state)
{
    const struct place *p = *state;
    const char *folder = held(p);
    struct error err;

    assert_int_equal(file_remove(folder, &err), OK);
    assert_null(found(p));
    assert_int_equal(file_remove(p->run, &err), OK);
    assert_null(found(p));
}

static void a_living_run_keeps_its_own(void **state)
{
    const struct place *p = *state;
    const char *folder = held(p);
    const int run = open(p->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(run >= 0);
    assert_int_equal(flock(run, LOCK_EX | LOCK_NB), 0);
    assert_null(found(p));
    close(run);
    assert_string_equal(found(p), folder);
}

static void a_folder_that_is_not_there_cannot_be_held(void **state)
{
    const struct place *p = *state;
    struct error err;

    assert_int_equal(partial_hold(p->store, &key, inside(p, p->out, "absent"), &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "changed after it was named"));
    assert_null(found(p));
}

/* Whatever stands in a note: nothing outside the store's working folders is taken. */
static void a_note_that_is_none_is_passed_over(void **state)
{
    static const char *const notes[] = {"", "checkpoint 1\n", "checkpoint 2\n",
                                        "checkpoint 1\nab\n/\n"};
    const struct place *p = *state;
    char hex[DIGEST_HEX + 1];

    digest_hex(&key, hex);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        put(inside(p, store_work(p->store), arena_printf(p->arena, "%s.checkpoint", hex)),
            notes[i]);
        assert_null(found(p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_inside_is_accepted, enter, leave),
        cmocka_unit_test_setup_teardown(slashes_and_dots_that_mean_nothing_are_passed_over, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(the_whole_folder_is_none, enter, leave),
        cmocka_unit_test_setup_teardown(what_lies_outside_is_refused, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_no_folder_is_refused, enter, leave),
        cmocka_unit_test_setup_teardown(no_step_may_be_a_link, enter, leave),
        cmocka_unit_test_setup_teardown(what_was_never_held_is_not_found, enter, leave),
        cmocka_unit_test_setup_teardown(what_looks_as_it_did_is_found, enter, leave),
        cmocka_unit_test_setup_teardown(the_folder_that_was_held_last_is_found, enter, leave),
        cmocka_unit_test_setup_teardown(what_changed_is_not_found, enter, leave),
        cmocka_unit_test_setup_teardown(what_is_gone_is_not_found, enter, leave),
        cmocka_unit_test_setup_teardown(a_living_run_keeps_its_own, enter, leave),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_cannot_be_held, enter, leave),
        cmocka_unit_test_setup_teardown(a_note_that_is_none_is_passed_over, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
