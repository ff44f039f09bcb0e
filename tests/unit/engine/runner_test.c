/* runner: how commands start and end, and that none outlives us. */
#include "engine/process/runner.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char log_path[64];

static int setup(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(log_path, sizeof log_path, "/tmp/runner-XXXXXX");
    if ((fd = mkstemp(log_path)) < 0)
        return -1;
    close(fd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(log_path);
}

static struct command shell(char *script, char **argv, char **env)
{
    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    argv[3] = NULL;
    env[0] = "ONLY=this";
    env[1] = NULL;
    return (struct command){
        .program = "/bin/sh", .argv = argv, .env = env, .folder = "/", .log = log_path};
}

static void wait_for(struct reaper *reaper, struct process *p)
{
    while (!p->ended) {
        struct pollfd fd = {p->pidfd, POLLIN, 0};
        (void)poll(&fd, 1, 5000);
        runner_poll(reaper, p);
    }
}

static int exit_code(struct reaper *reaper, char *script)
{
    char *argv[4], *env[2];
    struct command command = shell(script, argv, env);
    struct process p;
    struct error err;
    int code;

    assert_int_equal(runner_start(reaper, &command, &p, &err), OK);
    wait_for(reaper, &p);
    code = p.exit_code;
    runner_close(reaper, &p);
    return code;
}

static void how_it_ended(void **state)
{
    struct reaper reaper = {0};

    (void)state;
    assert_int_equal(exit_code(&reaper, "exit 0"), 0);
    assert_int_equal(exit_code(&reaper, "exit 7"), 7);
    assert_int_equal(exit_code(&reaper, "kill -9 $$"), 128 + SIGKILL);
    assert_int_equal(exit_code(&reaper, "[ \"$(pwd)\" = / ] && [ \"$ONLY\" = this ]"), 0);
    runner_end(&reaper);
}

static void output_comes_through_the_pipe(void **state)
{
    struct reaper reaper = {0};
    char *argv[4], *env[2], bytes[16] = "";
    struct command command = shell("echo said; echo logged >&2", argv, env);
    struct process p;
    struct error err;
    FILE *log;

    (void)state;
    command.pipe_output = true;
    assert_int_equal(runner_start(&reaper, &command, &p, &err), OK);
    wait_for(&reaper, &p);
    assert_int_equal(read(p.output, bytes, sizeof bytes - 1), 5);
    assert_string_equal(bytes, "said\n");
    runner_close(&reaper, &p);
    assert_non_null(log = fopen(log_path, "r"));
    assert_non_null(fgets(bytes, sizeof bytes, log));
    assert_string_equal(bytes, "logged\n");
    (void)fclose(log);
    runner_end(&reaper);
}

/* All that it writes until its end, which each reader of a terminal meets as an error. */
static void read_all(const struct process *p, char *out, size_t size)
{
    size_t n = 0;
    ssize_t got = 1;

    while (got > 0) {
        struct pollfd fd = {p->output, POLLIN, 0};
        assert_int_equal(poll(&fd, 1, 5000), 1);
        got = read(p->output, out + n, size - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    assert_true(got == 0 || errno == EIO);
    out[n] = '\0';
}

static void both_outputs_are_one_stream(void **state)
{
    char *argv[4], *env[2], bytes[100];
    struct reaper reaper = {0};
    struct process p;
    struct error err;

    (void)state;
    for (int terminal = 0; terminal < 2; terminal++) {
        struct command command =
            shell("echo a; echo b >&2; [ -t 1 ] && [ -t 2 ] && echo c; echo d", argv, env);
        command.pipe_output = command.pipe_error = true;
        command.terminal = terminal;
        assert_int_equal(runner_start(&reaper, &command, &p, &err), OK);
        read_all(&p, bytes, sizeof bytes);
        assert_string_equal(bytes, terminal ? "a\nb\nc\nd\n" : "a\nb\nd\n");
        wait_for(&reaper, &p);
        runner_close(&reaper, &p);
    }
    runner_end(&reaper);
}

static void what_cannot_start_says_why(void **state)
{
    struct reaper reaper = {0};
    char *argv[4], *env[2];
    struct command command = shell("true", argv, env);
    struct process p;
    struct error err;

    (void)state;
    command.program = "/no/such/program";
    assert_int_equal(runner_start(&reaper, &command, &p, &err), ERR_SYSTEM);
    assert_string_equal(err.text, "cannot run: No such file or directory");
    command.program = "/bin/sh";
    command.folder = "/no/such/folder";
    assert_int_equal(runner_start(&reaper, &command, &p, &err), ERR_SYSTEM);
    assert_string_equal(err.text, "cannot enter the working folder: No such file or directory");
    runner_end(&reaper);
}

/* True when the process is gone within two seconds. */
static bool is_gone(pid_t pid)
{
    for (int i = 0; i < 200; i++) {
        if (kill(pid, 0) != 0 && errno == ESRCH)
            return true;
        (void)usleep(10000);
    }
    return false;
}

/* The number that a command writes about its stray child. */
static pid_t read_pid(int fd)
{
    char bytes[32] = "";

    for (size_t n = 0; n < sizeof bytes - 1 && !strchr(bytes, '\n');) {
        struct pollfd poll_fd = {fd, POLLIN, 0};
        ssize_t part;
        (void)poll(&poll_fd, 1, 5000);
        part = read(fd, bytes + n, sizeof bytes - 1 - n);
        assert_true(part > 0);
        n += (size_t)part;
    }
    return (pid_t)strtol(bytes, NULL, 10);
}

static void strays_end_with_their_group(void **state)
{
    struct reaper reaper = {0};
    char *argv[4], *env[2];
    struct command command = shell("sleep 100 & echo $!", argv, env);
    struct process p;
    struct error err;
    pid_t stray;

    (void)state;
    command.pipe_output = true;
    assert_int_equal(runner_start(&reaper, &command, &p, &err), OK);
    stray = read_pid(p.output);
    wait_for(&reaper, &p);
    assert_true(is_gone(stray));
    runner_close(&reaper, &p);
    runner_end(&reaper);
}

/* A program that starts a command and is killed before it can do anything about it. */
static void nothing_outlives_a_killed_engine(void **state)
{
    int ends[2];
    pid_t engine, command_pid;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    if ((engine = fork()) == 0) {
        struct reaper reaper = {0};
        char *argv[4], *env[2];
        struct command command = shell("(sleep 100 & echo $!; wait)", argv, env);
        struct process p;
        struct error err;
        char bytes[32];
        ssize_t n;
        command.pipe_output = true;
        if (runner_start(&reaper, &command, &p, &err) != OK)
            _exit(1);
        while ((n = read(p.output, bytes, sizeof bytes)) <= 0)
            (void)usleep(1000);
        (void)!write(ends[1], bytes, (size_t)n);
        for (;;)
            (void)pause();
    }
    command_pid = read_pid(ends[0]);
    assert_int_equal(kill(engine, SIGKILL), 0);
    assert_int_equal(waitpid(engine, NULL, 0), engine);
    assert_true(is_gone(command_pid));
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(how_it_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(output_comes_through_the_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(both_outputs_are_one_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_start_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(strays_end_with_their_group, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_outlives_a_killed_engine, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
