/*
 * Two builds write to one store and are killed at random instants, again and again: the store
 * verifies each time, also while the other one goes on, and every result that was said to be
 * durable is there with all its files.
 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "cache/content/blob.h"
#include "cache/content/tree.h"
#include "cache/maintenance/gc.h"
#include "cache/maintenance/verify.h"
#include "cache/results/index.h"
#include "tests/unit/cache/place.h"

enum { ROUNDS = 25, MS_MAX = 60, NEWS_WAIT_MS = 60 * 1000 };

/* A build that never ends: tells the number of each result through fd once it is durable. */
struct builder {
    pid_t process;
    int fd; /* the end we read from */
    int id;
};

static void name_result(char name[64], int id, int i)
{
    (void)snprintf(name, 64, "builder %d result %d", id, i);
}

static enum status build_one(struct store *store, int id, int i, struct error *err)
{
    static const char *const names[] = {"large", "small"};
    struct arena *arena = arena_open();
    struct result r = {.kind = i % 3 ? "train" : "unit", .reports = "t 1\n", .has_tree = true};
    char name[64], bytes[9000], *folder, *large, *small;
    enum put_outcome outcome;
    struct tree tree;
    enum status s;

    name_result(name, id, i);
    memset(bytes, 'a' + i % 26, sizeof bytes);
    folder = arena ? file_join(arena, store_work(store), name) : NULL;
    large = folder ? file_join(arena, folder, "large") : NULL;
    small = large ? file_join(arena, folder, "small") : NULL;
    s = small ? file_make_folders(folder, err) : error_memory(err);
    if (s == OK)
        s = file_write(large, bytes, sizeof bytes - (size_t)(i % 4), err); /* some are alike */
    if (s == OK)
        s = file_write(small, name, strlen(name), err);
    if (s == OK)
        s = tree_take(store, folder, names, 2, arena, &tree, err);
    if (s == OK)
        s = digest_bytes(name, strlen(name), &r.key, err);
    r.description = name;
    r.tree = tree.digest;
    if (s == OK)
        s = index_result_put(store, &r, &tree, &outcome, err);
    if (s == OK)
        s = file_remove(folder, err);
    arena_close(arena);
    return s;
}

static void build_for_ever(int id, int first, int fd)
{
    struct store *store;
    struct error err;
    enum status s = store_open("store", STORE_WRITE, NULL, &store, &err);

    for (int i = first, told = first; s == OK; i++) {
        s = build_one(store, id, i, &err);
        if (s == OK && (i * 7 + id) % 3 == 0) {
            s = store_sync(store, &err);
            for (; s == OK && told <= i; told++)
                if (write(fd, &told, sizeof told) != sizeof told)
                    s = ERR_SYSTEM;
        }
        if (s == OK && i % 20 == 19) {
            struct drop_report report;
            s = cache_drop_unwanted(store, &report, &err); /* "unit"s: nobody wants them */
        }
    }
    (void)fprintf(stderr, "builder %d: %s: %s\n", id, err.where, err.text);
    _exit(1);
}

static void start(struct builder *b, int first)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    b->process = fork();
    assert_true(b->process >= 0);
    if (b->process == 0) {
        close(ends[0]);
        build_for_ever(b->id, first, ends[1]);
    }
    close(ends[1]);
    b->fd = ends[0];
}

/* Until it has told something: a busy machine may not let it come so far before it is killed. */
static void wait_for_news(const struct builder *b)
{
    struct pollfd news = {.fd = b->fd, .events = POLLIN};

    if (poll(&news, 1, NEWS_WAIT_MS) != 1)
        fail_msg("builder %d has stored nothing for %d s", b->id, NEWS_WAIT_MS / 1000);
}

/* Kills it; the first number that was not told to be durable, at least first. */
static int kill_builder(struct builder *b, int first)
{
    int told, status;

    assert_int_equal(kill(b->process, SIGKILL), 0);
    while (read(b->fd, &told, sizeof told) == sizeof told)
        first = told + 1;
    assert_int_equal(waitpid(b->process, &status, 0), b->process);
    if (!WIFSIGNALED(status))
        fail_msg("builder %d ended by itself", b->id);
    close(b->fd);
    return first;
}

static void expect_result(struct place *p, struct store *store, int id, int i)
{
    struct arena *arena = arena_open();
    struct result r;
    struct tree tree;
    char name[64];
    bool there = true;

    name_result(name, id, i);
    r.key = digest_of(p, name);
    assert_ok(p, index_result_get(store, &r.key, arena, &r, &p->err));
    if (r.kept) {
        assert_ok(p, tree_read(store, &r.tree, arena, &tree, &p->err));
        assert_ok(p, tree_exists(store, &tree, &there, NULL, &p->err));
    }
    assert_true(there);
    assert_true(r.kept || i % 3 == 0);
    arena_close(arena);
}

static void expect_clean(struct place *p, struct store *store)
{
    struct verify_report report;
    struct arena *arena = arena_open();
    enum status s = cache_verify(store, arena, &report, &p->err);

    if (s != OK)
        fail_msg("%s: %s", p->err.text, report.n_damage ? report.damage[0] : "");
    arena_close(arena);
}

static void check(struct place *p, const int next[2])
{
    struct store *store;

    assert_ok(p, store_open("store", STORE_WRITE, NULL, &store, &p->err));
    expect_clean(p, store);
    for (int id = 0; id < 2; id++)
        for (int i = 0; i < next[id]; i++)
            expect_result(p, store, id, i);
    store_close(store);
}

static void killed_builds_leave_a_whole_store(void **state)
{
    struct place *p = *state;
    struct builder builders[2] = {{.id = 0}, {.id = 1}};
    int next[2] = {0, 0};

    store_close(p->store);
    p->store = NULL;
    start(&builders[0], 0);
    start(&builders[1], 0);
    for (int round = 0; round < ROUNDS; round++) {
        const int victim = round % 2;
        const struct timespec pause = {0, (long)(rand() % MS_MAX) * 1000000};
        if (round % 4 >= 2)
            wait_for_news(&builders[victim]);
        (void)nanosleep(&pause, NULL);
        next[victim] = kill_builder(&builders[victim], next[victim]);
        check(p, (int[2]){victim == 0 ? next[0] : 0, victim == 1 ? next[1] : 0});
        start(&builders[victim], next[victim]);
    }
    for (int id = 0; id < 2; id++)
        next[id] = kill_builder(&builders[id], next[id]);
    check(p, next);
    print_message("%d and %d results\n", next[0], next[1]);
    assert_true(next[0] > 0 && next[1] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_builds_leave_a_whole_store, enter, leave),
    };

    srand((unsigned)time(NULL));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
