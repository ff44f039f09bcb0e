/* Workspaces: what is left over goes, unless somebody takes something out of it. */
#include "engine/executor/workspace.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/store.h"

static struct store *store;
static struct arena *arena;
static char folder[64];

static int setup(void **state)
{
    struct error err;

    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/workspaces-XXXXXX");
    arena = arena_open();
    return arena && mkdtemp(folder) && store_open(folder, 0, NULL, &store, &err) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct error err;

    (void)state;
    store_close(store);
    arena_close(arena);
    return file_remove(folder, &err) == OK ? 0 : -1;
}

static struct workspace make(struct leftovers *left)
{
    struct workspace w;
    struct error err;

    assert_int_equal(workspace_make(&w, store, "name", left, arena, &err), OK);
    return w;
}

static bool is_there(const struct workspace *w)
{
    return access(w->log, F_OK) == 0 || access(w->dir, F_OK) == 0;
}

/* What another build does that takes a checkpoint out of it: see engine/results/partial.h. */
static int take_lock(const char *path)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void what_is_left_goes(void **state)
{
    struct leftovers now = {.arena = arena}, later = {.arena = arena};
    struct workspace first = make(&now), second = make(&now), third, other;
    struct error err;
    const char *older = file_join(arena, store_work(store), "name"); /* of an older program */

    (void)state;
    assert_non_null(older);
    assert_int_equal(mkdir(older, 0777), 0);
    assert_int_equal(workspace_make(&other, store, "namesake", &now, arena, &err), OK);
    workspace_leave(&first);
    workspace_leave(&other);
    assert_int_equal(workspace_remove(&second, &err), OK);
    assert_false(is_there(&second));
    second = make(NULL);
    assert_true(is_there(&first));
    assert_int_equal(workspace_remove(&second, &err), OK);
    second = make(&now); /* which does not know of the first */
    assert_true(is_there(&first));
    third = make(&later);
    assert_false(is_there(&first));
    assert_int_equal(access(older, F_OK), -1);
    assert_true(is_there(&second)); /* a run is in it */
    assert_int_equal(workspace_remove(&third, &err), OK);
    assert_int_equal(workspace_remove(&second, &err), OK);
    assert_true(is_there(&other));
    assert_int_equal(workspace_remove(&other, &err), OK);
}

static void what_another_takes_from_stays(void **state)
{
    struct workspace w = make(NULL);
    struct error err;
    int lock;

    (void)state;
    workspace_leave(&w);
    assert_true((lock = take_lock(w.folder)) >= 0);
    assert_int_equal(workspace_remove(&w, &err), OK);
    assert_true(is_there(&w));
    close(lock);
    assert_int_equal(workspace_remove(&w, &err), OK);
    assert_false(is_there(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_goes),
        cmocka_unit_test(what_another_takes_from_stays),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
