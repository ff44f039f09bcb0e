/* executor: events, words and ends, as every executor promises them, by this machine's. */
#include "engine/executor/executor.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/engine/executor_place.h"

static const int64_t second_ns = 1000000000;

/* ---- order ---- */

static void all_output_comes_in_order_before_the_end(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "i=0; while [ $i -lt 5000 ]; do echo $i; "
                                                  "i=$((i + 1)); done; echo last"));
    const char *at = h->said;
    char expected[16];

    assert_int_equal(hear_all(p, h), 0);
    for (int i = 0; i < 5000; i++) {
        const int n = snprintf(expected, sizeof expected, "%d\n", i);
        assert_memory_equal(at, expected, (size_t)n);
        at += n;
    }
    assert_string_equal(at, "last\n");
    assert_int_equal(next(p, 0), EVENT_NONE);
    executor_close(p->x, h->task, false);
}

static void many_tasks_are_heard_together(void **state)
{
    struct place *p = *state;
    struct heard *all[4];

    for (int i = 0; i < 4; i++)
        all[i] = listen_to(p, start_shell(p, "yes | head -c 30000; exit 3"));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(hear_all(p, all[i]), 3);
        assert_int_equal(all[i]->n, 30000);
        executor_close(p->x, all[i]->task, false);
    }
}

/* One that always speaks does not keep another from being heard. */
static void a_loud_task_lets_others_speak(void **state)
{
    struct place *p = *state;
    struct heard *loud = listen_to(p, start_shell(p, "exec yes"));
    struct heard *quiet = listen_to(p, start_shell(p, "echo once"));

    hear_until(p, loud, "y");
    assert_int_equal(hear_all(p, quiet), 0);
    assert_string_equal(quiet->said, "once\n");
    executor_kill(p->x, loud->task);
    assert_int_equal(hear_all(p, loud), 128 + SIGKILL);
    executor_close(p->x, loud->task, false);
    executor_close(p->x, quiet->task, false);
}

static void the_end_is_told_as_a_shell_tells_it(void **state)
{
    struct place *p = *state;

    assert_int_equal(run(p, "exit 0"), 0);
    assert_int_equal(run(p, "exit 7"), 7);
    assert_int_equal(run(p, "kill -TERM $$"), 128 + SIGTERM);
    assert_int_equal(run(p, "kill -9 $$"), 128 + SIGKILL);
}

/* What holds its output open after the end, in its group or not, keeps no end back. */
static void the_end_does_not_wait_for_who_holds_the_pipe(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "sleep 1000 & setsid sleep 1000 & echo said"));

    assert_int_equal(hear_all(p, h), 0);
    assert_string_equal(h->said, "said\n");
    executor_close(p->x, h->task, false);
}

static void the_log_holds_everything(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "echo out; echo err >&2; yes | head -c 300000"));
    struct request plain = shell(p, "echo out; echo err >&2");
    size_t n;

    assert_int_equal(hear_all(p, h), 0);
    assert_non_null(strstr(read_log(p, h->task, &n), "err\n"));
    assert_non_null(strstr(read_log(p, h->task, &n), "out\n"));
    assert_int_equal(n, 300000 + 8);
    executor_close(p->x, h->task, false);

    plain.trains = false; /* no events, all of it in the log */
    h = listen_to(p, start(p, &plain));
    assert_int_equal(hear_all(p, h), 0);
    assert_int_equal(h->n, 0);
    assert_string_equal(read_log(p, h->task, &n), "out\nerr\n");
    executor_close(p->x, h->task, false);
}

/* Its output comes all the same. */
static void a_log_does_not_grow_for_ever(void **state)
{
    static const char full[] = "\nhpo: the log ends here: it is as long as a log may be\n";
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "yes | head -c 3000000; sleep 0.1; echo last"));
    size_t n;
    char *log;

    hear_until(p, h, "y\n");
    assert_int_equal(hear_all(p, h), 0);
    log = read_log(p, h->task, &n);
    assert_int_equal(n, PLACE_LOGGED + sizeof full - 1);
    assert_string_equal(log + PLACE_LOGGED, full);
    executor_close(p->x, h->task, false);
}

static void what_comes_from_outside_wakes(void **state)
{
    struct place *p = *state;
    const uint64_t one = 1;
    uint64_t taken;

    assert_int_equal(next(p, 0), EVENT_NONE);
    assert_int_equal(write(p->wake, &one, sizeof one), sizeof one);
    assert_int_equal(next(p, 60), EVENT_WAKE);
    assert_int_equal(read(p->wake, &taken, sizeof taken), sizeof taken);
    assert_int_equal(next(p, 0), EVENT_NONE);
}

/* ---- to a task ---- */

static void say(struct place *p, struct task *task, const char *line)
{
    struct error err;

    if (executor_say(p->x, task, line, &err) != OK)
        fail_msg("%s: %s", err.where, err.text);
}

static void a_line_arrives(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "while read -r line; do echo \"<$line>\"; "
                                "[ \"$line\" != end ] || exit 0; done; exit 1");
    struct heard *h;

    r.speaks = true;
    h = listen_to(p, start(p, &r));
    say(p, h->task, "one");
    hear_until(p, h, "<one>\n");
    say(p, h->task, "two words");
    say(p, h->task, "end");
    assert_int_equal(hear_all(p, h), 0);
    assert_string_equal(h->said, "<one>\n<two words>\n<end>\n");
    say(p, h->task, "to nobody");
    executor_close(p->x, h->task, false);
}

static void who_does_not_listen_does_no_harm(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "exec <&-; echo closed; sleep 1000");
    struct heard *h;

    r.speaks = true;
    h = listen_to(p, start(p, &r));
    hear_until(p, h, "closed");
    (void)signal(SIGPIPE, SIG_DFL);
    say(p, h->task, "one");
    say(p, h->task, "two");
    executor_kill(p->x, h->task);
    assert_int_equal(hear_all(p, h), 128 + SIGKILL);
    executor_close(p->x, h->task, false);
}

/* More than a pipe holds: it hears what it reads, and nobody waits for it. */
static void who_does_not_read_keeps_nobody_waiting(void **state)
{
    struct place *p = *state;
    struct request r = shell(p, "echo started; sleep 1000");
    struct heard *h;

    r.speaks = true;
    h = listen_to(p, start(p, &r));
    hear_until(p, h, "started");
    for (int i = 0; i < 20000; i++)
        say(p, h->task, "a line that nobody reads");
    executor_kill(p->x, h->task);
    assert_int_equal(hear_all(p, h), 128 + SIGKILL);
    executor_close(p->x, h->task, false);
}

static void other_standard_input_is_empty(void **state)
{
    struct place *p = *state;

    assert_int_equal(run(p, "if read -r line; then exit 1; else exit 0; fi"), 0);
}

/* ---- pausing and ending ---- */

static const char ticking[] = "while :; do echo tick; sleep 0.01; done";

static void a_paused_task_stands_still_until_it_goes_on(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, ticking));
    size_t n;

    hear_until(p, h, "tick\n");
    executor_pause(p->x, h->task);
    while (next(p, 0.5) != EVENT_NONE) /* what it had said before */
        ;
    n = h->n;
    assert_int_equal(next(p, 0.5), EVENT_NONE);
    assert_int_equal(h->n, n);
    executor_go_on(p->x, h->task);
    while (h->n == n)
        assert_int_not_equal(next(p, 60), EVENT_NONE);
    executor_kill(p->x, h->task);
    assert_int_equal(hear_all(p, h), 128 + SIGKILL);
    executor_close(p->x, h->task, false);
}

static void a_paused_task_can_be_ended(void **state)
{
    struct place *p = *state;
    struct heard *asked = listen_to(p, start_shell(p, ticking));
    struct heard *forced = listen_to(p, start_shell(p, ticking));

    hear_until(p, asked, "tick\n");
    hear_until(p, forced, "tick\n");
    executor_pause(p->x, asked->task);
    executor_pause(p->x, forced->task);
    executor_end(p->x, asked->task);
    executor_kill(p->x, forced->task);
    assert_int_equal(hear_all(p, asked), 128 + SIGTERM);
    assert_int_equal(hear_all(p, forced), 128 + SIGKILL);
    executor_close(p->x, asked->task, false);
    executor_close(p->x, forced->task, false);
}

static void a_task_that_is_asked_may_end_well(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(
        p,
        start_shell(p, "trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.01; done"));

    hear_until(p, h, "ready");
    executor_end(p->x, h->task);
    executor_end(p->x, h->task); /* asked twice, it has no more time, and no less */
    assert_int_equal(hear_all(p, h), 4);
    assert_string_equal(h->said, "ready\nbye\n");
    executor_close(p->x, h->task, false);
}

/* Five seconds. */
static void who_does_not_end_is_ended(void **state)
{
    struct place *p = *state;
    struct heard *h =
        listen_to(p, start_shell(p, "trap '' TERM; echo ready; while :; do sleep 0.1; done"));
    int64_t asked;

    hear_until(p, h, "ready");
    asked = executor_now(p->x);
    executor_end(p->x, h->task);
    assert_int_equal(hear_all(p, h), 128 + SIGKILL);
    assert_true(executor_now(p->x) - asked >= 5 * second_ns);
    executor_close(p->x, h->task, false);
}

static void a_task_that_is_closed_is_ended_first(void **state)
{
    struct place *p = *state;
    struct heard *h = listen_to(p, start_shell(p, "setsid sh -c 'echo $$; exec sleep 1000'; true"));

    hear_until(p, h, "\n");
    executor_close(p->x, h->task, false);
    assert_false(is_there(h->said));
    assert_int_equal(next(p, 0), EVENT_NONE);
}

/* ---- time ---- */

static void time_goes_on_while_we_wait(void **state)
{
    struct place *p = *state;
    const int64_t before = executor_now(p->x);

    assert_int_equal(next(p, 0.3), EVENT_NONE);
    assert_true(executor_now(p->x) - before >= 3 * second_ns / 10);
}

/* The task stops us for four seconds: of those two at most are counted, however long we meant to
 * wait. What it said meanwhile is there, as late as it is. */
static void time_stands_still_while_we_are_stopped(void **state)
{
    struct place *p = *state;
    int64_t real, before;
    struct heard *h;

    assert_int_equal(next(p, 0), EVENT_NONE); /* it looks at the clock */
    real = runner_now_ns();
    before = executor_now(p->x);
    h = listen_to(
        p, start_shell(p, "kill -STOP $PPID; sleep 4; echo said; kill -CONT $PPID; sleep 1000"));
    assert_int_equal(next(p, 1000), EVENT_OUTPUT);
    assert_string_equal(h->said, "said\n");
    assert_true((runner_now_ns() - real) - (executor_now(p->x) - before) >= 2 * second_ns);
    executor_kill(p->x, h->task);
    assert_int_equal(hear_all(p, h), 128 + SIGKILL);
    executor_close(p->x, h->task, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_output_comes_in_order_before_the_end, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(many_tasks_are_heard_together, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_loud_task_lets_others_speak, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(the_end_is_told_as_a_shell_tells_it, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(the_end_does_not_wait_for_who_holds_the_pipe,
                                        executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(the_log_holds_everything, executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(a_log_does_not_grow_for_ever, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(what_comes_from_outside_wakes, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_line_arrives, executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(who_does_not_listen_does_no_harm, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(who_does_not_read_keeps_nobody_waiting, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(other_standard_input_is_empty, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_paused_task_stands_still_until_it_goes_on, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(a_paused_task_can_be_ended, executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(a_task_that_is_asked_may_end_well, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(who_does_not_end_is_ended, executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(a_task_that_is_closed_is_ended_first, executor_enter,
                                        executor_leave),
        cmocka_unit_test_setup_teardown(time_goes_on_while_we_wait, executor_enter, executor_leave),
        cmocka_unit_test_setup_teardown(time_stands_still_while_we_are_stopped, executor_enter,
                                        executor_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
