/* task: what a process finds, holds and leaves, by the executor of this machine. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/graph/content.h"
#include "engine/graph/graph.h"
#include "tests/unit/engine/executor_place.h"

/* ---- what it leaves ---- */

/* In a session of its own, and with no parent but us. */
static void a_daemon_ends_with_its_task(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(
        p, start_shell(p, "setsid sh -c 'echo $$; exec sleep 1000 >&- 2>&-' & sleep 0.2; exit 0"));

    assert_int_equal(hear_all(p, h), 0);
    assert_false(is_there(h->said));
    executor_close(p->x, h->task, false);
}

static void a_daemon_of_another_task_goes_on(void **state)
{
    struct place *p = *state;
    struct heard *stays =
        listen_to(p, start_shell(p, "setsid sh -c 'echo $$; exec sleep 1000' & sleep 1000"));

    hear_until(p, stays, "\n");
    assert_int_equal(run(p, "setsid sleep 1000 & exit 0"), 0);
    assert_true(is_there(stays->said));
    executor_kill(p->x, stays->task);
    assert_int_equal(hear_all(p, stays), 128 + SIGKILL);
    assert_false(is_there(stays->said));
    executor_close(p->x, stays->task, false);
}

/* Its parent is gone and it has ended: now it is ours to reap. */
static void an_orphan_that_ended_is_reaped(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(
        p, start_shell(p, "setsid sh -c 'sh -c \"echo \\$\\$\" & exit 0'; sleep 0.3; exit 0"));
    siginfo_t info = {.si_pid = 0};

    assert_int_equal(hear_all(p, h), 0);
    assert_false(is_there(h->said));
    executor_close(p->x, h->task, false);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    assert_int_equal(info.si_pid, 0); /* no child of ours waits: there is the reaper alone */
}

/* ---- folders ---- */

static bool is_locked(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;

    assert_true(fd >= 0);
    close(fd);
    return locked;
}

static void a_folder_is_locked_while_its_task_lives(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "echo here; exec sleep 1000"));
    char *folder = arena_string(p->arena, h->task->folder);

    assert_non_null(folder);
    hear_until(p, h, "here");
    assert_true(is_locked(folder));
    executor_kill(p->x, h->task);
    (void)hear_all(p, h);
    assert_false(is_locked(folder));
    executor_close(p->x, h->task, true);
    assert_int_equal(access(folder, F_OK), 0); /* it was to be kept */
    assert_false(is_locked(folder));
}

static void a_folder_goes_with_its_task(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "mkdir -p a/b; echo x > a/b/c; pwd"));
    char *folder = arena_string(p->arena, h->task->folder);

    assert_int_equal(hear_all(p, h), 0);
    assert_memory_equal(h->said, h->task->dir, strlen(h->task->dir));
    executor_close(p->x, h->task, false);
    assert_int_equal(access(folder, F_OK), -1);
}

static void two_tasks_of_one_key_have_two_folders(void **state)
{
    struct place *p = *state;
    struct heard *a = listen_to(p, start_shell(p, "exec sleep 1000"));
    struct heard *b = listen_to(p, start_shell(p, "exec sleep 1000"));

    assert_string_not_equal(a->task->folder, b->task->folder);
    assert_int_equal(access(a->task->dir, F_OK), 0);
    executor_close(p->x, a->task, false);
    assert_int_equal(access(b->task->dir, F_OK), 0);
    executor_close(p->x, b->task, false);
}

static void inputs_lie_under_their_names(void **state)
{
    struct place *p = *state;
    struct content text = {.origin = FROM_TEXT, .bytes = "in it", .n = 5};
    const struct content *inputs[] = {&text};
    struct edge edges[] = {{.name = "deep/data", .node = 0}};
    static const char *outputs[] = {"made/here"};
    struct request r = shell(p, "cat deep/data; echo x > made/here");
    struct heard *h;

    action_of(&r)->inputs = edges;
    action_of(&r)->n_inputs = 1;
    action_of(&r)->outputs = outputs;
    action_of(&r)->n_outputs = 1;
    r.inputs = inputs;
    h = listen_to(p, start(p, &r));
    assert_int_equal(hear_all(p, h), 0);
    assert_string_equal(h->said, "in it");
    executor_close(p->x, h->task, false);
}

/* No task, no folder, nothing taken. */
static void a_lost_input_starts_nothing(void **state)
{
    struct place *p = *state;
    struct content text = {.origin = FROM_TEXT, .bytes = "x", .n = 1};
    struct content gone = {.origin = FROM_STORE, .digest = {{9}}};
    const struct content *inputs[] = {&text, &gone};
    struct edge edges[] = {{.name = "a", .node = 0}, {.name = "b", .node = 1}};
    struct request r = shell(p, "exit 0");
    const struct digest no_tree = {{8}};
    enum start_outcome outcome;
    struct task *task;
    struct error err;
    size_t lost, n;
    char **names;

    action_of(&r)->inputs = edges;
    action_of(&r)->n_inputs = 2;
    r.inputs = inputs;
    assert_int_equal(executor_start(p->x, &r, &task, &outcome, &lost, &err), OK);
    assert_int_equal(outcome, START_LOST_INPUT);
    assert_int_equal(lost, 1);
    action_of(&r)->n_inputs = 0;
    r.checkpoint = &no_tree;
    assert_int_equal(executor_start(p->x, &r, &task, &outcome, &lost, &err), OK);
    assert_int_equal(outcome, START_LOST_CHECKPOINT);
    assert_int_equal(file_list(store_work(p->store), p->arena, &names, &n, &err), OK);
    assert_int_equal(n, 0);
}

/* ---- what it sees of the world ---- */

static void descriptors_of_the_caller_do_not_reach_it(void **state)
{
    struct place *p = *state;
    const int fd = open("/dev/null", O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(dup2(fd, 7), 7);
    assert_int_equal(run(p, "for fd in /proc/self/fd/*; do [ ${fd##*/} -le 2 ] || "
                            "[ ! -e $fd ] || exit 1; done; [ ! -e /proc/$$/fd/7 ]"),
                     0);
    close(7);
    close(fd);
}

static void of_the_callers_environment_it_sees_the_path_alone(void **state)
{
    struct place *p = *state;

    (void)setenv("SECRET", "x", 1);
    assert_int_equal(run(p, "[ -z \"$SECRET\" ] && [ \"$PATH\" ] && [ \"$HOME\" = \"$PWD\" ]"), 0);
    (void)unsetenv("SECRET");
}

/* What the caller does not have is not set, not even to nothing. */
static void what_is_passed_comes_from_the_caller(void **state)
{
    static const char *pass[] = {"TOKEN", "EMPTY", "ABSENT"};
    struct place *p = *state;
    struct request r = shell(p, "echo \"$TOKEN|${EMPTY-unset}|${ABSENT-unset}|${SECRET-unset}\"");
    struct heard *h;

    (void)setenv("TOKEN", "a b=c", 1);
    (void)setenv("EMPTY", "", 1);
    (void)setenv("SECRET", "x", 1);
    (void)unsetenv("ABSENT");
    action_of(&r)->pass = pass;
    action_of(&r)->n_pass = 3;
    h = listen_to(p, start(p, &r));
    assert_int_equal(hear_all(p, h), 0);
    assert_string_equal(h->said, "a b=c||unset|unset\n");
    executor_close(p->x, h->task, false);
    (void)unsetenv("TOKEN");
    (void)unsetenv("EMPTY");
    (void)unsetenv("SECRET");
}

static void threads_follow_its_cpus(void **state)
{
    static struct pair env[] = {{"MKL_NUM_THREADS", "7"}};
    struct place *p = *state;
    struct request r = shell(p, "env | grep THREADS | sort");
    struct heard *h;

    action_of(&r)->env = env;
    action_of(&r)->n_env = 1;
    action_of(&r)->resources = (struct resources){.cpus = 3};
    h = listen_to(p, start(p, &r));
    assert_int_equal(hear_all(p, h), 0);
    assert_string_equal(h->said, "BLIS_NUM_THREADS=3\nMKL_NUM_THREADS=7\nNUMEXPR_NUM_THREADS=3\n"
                                 "OMP_NUM_THREADS=3\nOPENBLAS_NUM_THREADS=3\n"
                                 "VECLIB_MAXIMUM_THREADS=3\n");
    executor_close(p->x, h->task, false);
}

/* Each name once: of two entries a shell takes the last, and the C library the first. */
static void what_env_gives_is_there_once(void **state)
{
    static const char *run[] = {"cat", "/proc/self/environ", NULL};
    static struct pair env[] = {{"LANG", "C"}, {"TZ", "CET"}};
    struct place *p = *state;
    struct request r = shell(p, "");
    struct heard *h;

    action_of(&r)->run = run;
    action_of(&r)->n_run = 2;
    action_of(&r)->env = env;
    action_of(&r)->n_env = 2;
    h = listen_to(p, start(p, &r));
    assert_int_equal(hear_all(p, h), 0);
    for (size_t i = 0; i < h->n; i++)
        if (h->said[i] == '\0')
            h->said[i] = '\n';
    assert_non_null(strstr(h->said, "\nLANG=C\nTZ=CET\n"));
    assert_null(strstr(h->said, "LANG=C.UTF-8"));
    assert_null(strstr(h->said, "TZ=UTC"));
    executor_close(p->x, h->task, false);
}

static void a_trainer_is_told_where_it_begins(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "echo $HPO_FROM $HPO_UNTIL $HPO_CPUS $CUDA_VISIBLE_DEVICES; "
                                "cat \"$HPO_PARAMS\"; [ -d \"$HPO_CHECKPOINT_OUT\" ] && "
                                "[ -z \"$HPO_CHECKPOINT_IN\" ]");
    struct heard *h;

    r.from = 2;
    r.until = 5;
    action_of(&r)->params = "{\"x\":1}";
    action_of(&r)->resources = (struct resources){.cpus = 3, .gpus = 2};
    h = listen_to(p, start(p, &r));
    assert_int_equal(hear_all(p, h), 0);
    assert_string_equal(h->said, "2 5 3 GPU-0,GPU-1\n{\"x\":1}");
    executor_close(p->x, h->task, false);
}

/* ---- room ---- */

static enum slot room_for(struct place *p, int cpus, int gpus)
{
    struct request r = shell(p, "exit 0");
    struct error err;
    enum slot slot;

    action_of(&r)->resources = (struct resources){.cpus = cpus, .gpus = gpus};
    assert_int_equal(executor_slot(p->x, &r, &slot, &err), OK);
    return slot;
}

static void there_is_room_until_it_is_taken(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "exec sleep 1000");
    struct task *a, *b;

    action_of(&r)->resources = (struct resources){.cpus = 3, .gpus = 1};
    assert_true(executor_has_slot(p->x));
    assert_int_equal(room_for(p, 4, 2), SLOT_FREE);
    a = start(p, &r);
    assert_int_equal(room_for(p, 1, 1), SLOT_FREE);
    assert_int_equal(room_for(p, 2, 0), SLOT_BUSY);
    assert_int_equal(room_for(p, 1, 2), SLOT_BUSY);
    action_of(&r)->resources = (struct resources){.cpus = 1};
    b = start(p, &r);
    assert_false(executor_has_slot(p->x));
    assert_int_equal(room_for(p, 1, 0), SLOT_BUSY);
    executor_close(p->x, a, false);
    assert_true(executor_has_slot(p->x));
    assert_int_equal(room_for(p, 3, 2), SLOT_FREE);
    assert_int_equal(room_for(p, 4, 0), SLOT_BUSY);
    executor_close(p->x, b, false);
    assert_int_equal(room_for(p, 4, 2), SLOT_FREE);
}

static void for_too_many_gpus_there_never_is(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "exit 0");
    struct error err;
    enum slot slot;

    action_of(&r)->resources = (struct resources){.cpus = 1, .gpus = 3};
    assert_int_equal(executor_slot(p->x, &r, &slot, &err), ERR_INPUT);
    assert_string_equal(err.where, "r.lua:1");
}

static void idle_cpus_are_shared_with_the_others(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "echo $HPO_CPUS; exec sleep 1000");
    struct heard *a, *b;

    action_of(&r)->resources = (struct resources){.cpus = 1, .share = true};
    r.others = 1;
    a = listen_to(p, start(p, &r));
    hear_until(p, a, "2\n");
    r.others = 0;
    b = listen_to(p, start(p, &r));
    hear_until(p, b, "2\n");
    assert_false(executor_has_slot(p->x));
    executor_close(p->x, a->task, false);
    executor_close(p->x, b->task, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_daemon_ends_with_its_task, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_daemon_of_another_task_goes_on, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(an_orphan_that_ended_is_reaped, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_folder_is_locked_while_its_task_lives, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_folder_goes_with_its_task, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(two_tasks_of_one_key_have_two_folders, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(inputs_lie_under_their_names, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_lost_input_starts_nothing, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(descriptors_of_the_caller_do_not_reach_it, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(of_the_callers_environment_it_sees_the_path_alone,
                                        executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(what_is_passed_comes_from_the_caller, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(threads_follow_its_cpus, executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(what_env_gives_is_there_once, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_trainer_is_told_where_it_begins, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(there_is_room_until_it_is_taken, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(for_too_many_gpus_there_never_is, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(idle_cpus_are_shared_with_the_others, executor_enter,
                                        executor_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
