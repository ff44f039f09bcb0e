/* room: what an action in a room sees, may do and leaves behind, also of an ordinary user. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/room/inside.h"
#include "engine/room/room.h"

static const char *const system_places[] = {"/bin", "/etc", "/lib", "/lib64", "/usr", "/sys"};

struct place {
    struct arena *arena;
    struct reaper reaper;
    struct room *room;
    struct error err;
    char folder[64]; /* of the action */
    char secret[64]; /* beside it */
    struct process process;
};

static int open_place(void **state)
{
    const struct room_view view = {.places = system_places, .n = 6};
    struct place *p = calloc(1, sizeof *p);
    int fd;

    p->arena = arena_open();
    strcpy(p->folder, "/tmp/hpo-room-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    strcpy(p->secret, p->folder);
    strcat(p->secret, ".secret");
    fd = open(p->secret, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
    if (room_open(&p->reaper, &view, &p->room, &p->err) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    *state = p;
    return 0;
}

static int close_place(void **state)
{
    struct place *p = *state;

    room_close(p->room);
    runner_end(&p->reaper);
    (void)unlink(p->secret);
    (void)!file_remove(p->folder, &p->err);
    arena_close(p->arena);
    free(p);
    return 0;
}

static enum status start(struct place *p, const struct command *command, bool watched)
{
    int streams[ROOM_STREAMS];
    enum status s = runner_streams(command, streams, &p->process, &p->err);

    if (s != OK)
        return s;
    s = room_start(p->room, command, p->folder, watched, streams, &p->process, &p->err);
    for (int i = 0; i < ROOM_STREAMS; i++)
        close(streams[i]);
    return s;
}

static enum status begin(struct place *p, const char *script, bool watched)
{
    static char *const env[] = {(char *)"PATH=/usr/bin:/bin", NULL};
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
    const struct command command = {.program = "/bin/sh",
                                    .argv = argv,
                                    .env = env,
                                    .folder = p->folder,
                                    .log = file_join(p->arena, p->folder, "log")};

    return start(p, &command, watched);
}

static int wait_for(struct place *p)
{
    while (!p->process.ended) {
        struct pollfd fd = {p->process.pidfd, POLLIN, 0};
        (void)poll(&fd, 1, -1);
        assert_int_equal(room_poll(p->room, &p->process, &p->err), OK);
    }
    assert_true(room_end(p->room, &p->process));
    return p->process.exit_code;
}

static int run(struct place *p, const char *script)
{
    if (begin(p, script, false) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    return wait_for(p);
}

/* What it has written to its log. */
static const char *said(struct place *p, const char *script)
{
    char *text;

    (void)unlink(file_join(p->arena, p->folder, "log"));
    (void)run(p, script);
    assert_int_equal(
        file_read(file_join(p->arena, p->folder, "log"), 1 << 16, p->arena, &text, NULL, &p->err),
        OK);
    return text;
}

static void it_runs_and_writes_into_its_folder(void **state)
{
    struct place *p = *state;
    struct stat st;

    assert_int_equal(run(p, "echo hello > x; exit 7"), 7);
    assert_int_equal(stat(file_join(p->arena, p->folder, "x"), &st), 0);
    assert_int_equal(st.st_uid, geteuid());
    assert_int_equal(run(p, "kill -9 $$"), 128 + SIGKILL);
    assert_string_equal(said(p, "cat x; id -u"),
                        arena_printf(p->arena, "hello\n%u\n", (unsigned)geteuid()));
}

static void it_sees_nothing_else(void **state)
{
    struct place *p = *state;

    assert_string_equal(
        said(p, "ls /; ls -A /dev/shm /tmp | grep -v hpo-room; :"),
        "bin\ndev\netc\nlib\nlib64\noutside\nproc\nrun\nsys\ntmp\nusr\nvar\n/dev/shm:\n\n"
        "/tmp:\n");
    assert_string_equal(said(p, "ls -A /outside 2> /dev/null; :"), "");
    assert_int_not_equal(run(p, arena_printf(p->arena, "cat %s", p->secret)), 0);
    assert_int_not_equal(run(p, "echo > /x || echo > /usr/x || echo > /etc/x || mkdir /y"), 0);
    assert_int_not_equal(run(p, "umount /outside || umount -l /outside || mount -t tmpfs x /usr"),
                         0);
    assert_int_not_equal(run(p, "unshare -Urm sh -c 'umount /outside || umount -l /outside'"), 0);
    assert_int_not_equal(run(p, "unshare -Urm sh -c 'mount --bind / /tmp && ls /tmp/outside/usr'"),
                         0);
    assert_int_not_equal(run(p, "ls /outside/root || ls /outside/../outside/root/usr"), 0);
    assert_int_not_equal(run(p, "ls /proc/1/root/outside/usr || ls /proc/1/fd/0"), 0);
    assert_string_equal(said(p, "set -- /proc/[0-9]*; echo $#"), "2\n"); /* init and sh */
    assert_string_equal(said(p, "uname -n"), "hpo\n");
    assert_string_equal(said(p, "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '"),
                        "lo\n");
}

static void it_cannot_change_the_machine(void **state)
{
    struct place *p = *state;

    assert_int_not_equal(run(p, "echo x > /proc/sys/kernel/core_pattern"), 0);
    assert_int_not_equal(run(p, "echo leftover > /proc/sys/kernel/hostname"), 0);
    assert_int_not_equal(run(p, "chmod 666 /dev/full"), 0);
    assert_int_not_equal(run(p, "unshare -U true || unshare -m true || unshare -n true"), 0);
    assert_int_equal(run(p, "test ! -w /proc/sysrq-trigger || ! echo h > /proc/sysrq-trigger"), 0);
}

static void the_next_finds_nothing_changed(void **state)
{
    struct place *p = *state;
    const char *before = said(p, "ulimit -n; cat /proc/self/oom_score_adj");
    enum status s;

    if (begin(p, "prlimit --pid 1 --nofile=16:16", false) != OK)
        fail_msg("%s", p->err.text);
    assert_int_equal(wait_for(p), 0);
    s = begin(p, "exit 0", false);
    while (s == OK && !p->process.ended) {
        (void)usleep(1000);
        s = room_poll(p->room, &p->process, &p->err);
    }
    if (s == OK) /* the room is as it was, or serves nobody more */
        assert_string_equal(said(p, "ulimit -n; cat /proc/self/oom_score_adj"), before);
    else
        assert_true(room_is_gone(p->room));
    p->process = (struct process){.pidfd = -1, .output = -1, .input = -1};
}

static void devices_work(void **state)
{
    struct place *p = *state;

    assert_string_equal(
        said(p, "echo x > /dev/null; head -c 2 /dev/zero | od -An -tx1; "
                "head -c 9 /dev/urandom | wc -c; echo e >&2; echo f > /dev/tty; test -c /dev/ptmx "
                "&& echo g"),
        " 00 00\n9\ne\nsh: 1: cannot create /dev/tty: No such device or address\ng\n");
}

static void nothing_is_left_behind(void **state)
{
    struct place *p = *state;

    assert_int_equal(run(p, "echo a > /tmp/a; echo b > /dev/shm/b; (setsid sleep 1000 &) ; "
                            "setsid nohup sleep 1000 & exit 0"),
                     0);
    assert_string_equal(said(p, "ls /tmp /dev/shm | grep -v '[:-]'; set -- /proc/[0-9]*; echo $#"),
                        "\n2\n");
}

static void it_is_signalled_with_its_group(void **state)
{
    struct place *p = *state;

    assert_int_equal(
        begin(p, "trap 'exit 5' TERM; echo > ready; while :; do sleep 0.01; done", false), OK);
    while (access(file_join(p->arena, p->folder, "ready"), F_OK) != 0)
        (void)usleep(1000);
    assert_false(p->process.ended);
    room_signal(p->room, SIGTERM);
    assert_int_equal(wait_for(p), 5);
    assert_int_equal(begin(p, "trap '' TERM; sleep 1000", false), OK);
    assert_true(room_end(p->room, &p->process));
    assert_int_equal(p->process.exit_code, 128 + SIGKILL);
    assert_int_equal(run(p, "exit 3"), 3);
}

static void what_cannot_start_is_said(void **state)
{
    struct place *p = *state;
    static char *const env[] = {NULL};
    static char *const argv[] = {(char *)"x", NULL};
    struct command command = {.program = "/nowhere/x",
                              .argv = argv,
                              .env = env,
                              .folder = p->folder,
                              .log = file_join(p->arena, p->folder, "log")};

    enum status s = OK;

    assert_int_equal(start(p, &command, false), OK);
    while (s == OK) {
        (void)usleep(1000);
        assert_false(p->process.ended);
        s = room_poll(p->room, &p->process, &p->err);
    }
    assert_int_equal(s, ERR_SYSTEM);
    assert_true(p->process.ended);
    assert_false(room_has_begun(p->room));
    assert_non_null(strstr(p->err.text, "No such file"));
    assert_int_equal(run(p, "exit 4"), 4);
}

static bool was_asked(struct place *p, const char *what)
{
    const struct room_asked *list;
    const size_t n = room_asked(p->room, &list);

    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].what, what) == 0)
            return true;
    return false;
}

static void watch(struct place *p, const char *script)
{
    if (begin(p, script, true) != OK)
        fail_msg("%s: %s", p->err.where, p->err.text);
    (void)wait_for(p);
}

static void what_it_asks_for_is_known(void **state)
{
    struct place *p = *state;
    const struct room_asked *list;

    watch(p, arena_printf(p->arena, "cat %s; cat ../%s; cd /; exec 2> srv/x", p->secret,
                          strrchr(p->secret, '/') + 1));
    assert_true(was_asked(p, p->secret));
    assert_true(was_asked(p, "/srv/x"));
    assert_int_equal(room_asked(p->room, &list), 2);
    watch(p,
          arena_printf(p->arena, "mkdir /var/made; %s; ln -s a /srv/link; mv x /mnt/x", p->secret));
    assert_true(was_asked(p, "/var/made"));
    assert_true(was_asked(p, p->secret));
    assert_true(was_asked(p, "/srv/link"));
    assert_false(was_asked(p, "/srv/x")); /* was the one's before */
}

static void what_it_asks_for_by_way_of_the_root_is_known(void **state)
{
    static const char *const ways[] = {"/..",
                                       "/usr/..",
                                       "/usr/../..",
                                       "/bin/../..",
                                       "/etc/../.",
                                       "//usr/../..",
                                       "/usr/lib/../../../usr/.."};
    struct place *p = *state;
    const struct room_asked *list;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        watch(p, arena_printf(p->arena, "cat %s%s", ways[i], p->secret));
        assert_true(was_asked(p, p->secret));
        watch(p, arena_printf(p->arena, "exec 2> %s/srv/x", ways[i]));
        assert_true(was_asked(p, "/srv/x"));
        watch(p, arena_printf(p->arena, "cat %s/etc/passwd %s/etc/absent", ways[i], ways[i]));
        assert_int_equal(room_asked(p->room, &list), 0);
    }
    assert_int_equal(symlink("../../../../usr/..", file_join(p->arena, p->folder, "up")), 0);
    watch(p, arena_printf(p->arena, "cat up%s", p->secret));
    assert_true(was_asked(p, p->secret));
}

static void what_is_its_own_is_not_asked_for(void **state)
{
    struct place *p = *state;
    const struct room_asked *list;

    watch(p, "cat /etc/passwd /etc/absent absent /proc/self/status /proc/absent; : > new; mkdir -p "
             "$PWD/d "
             "/tmp/a/b; : > /tmp/new; cat /tmp/new /dev/null; : > /dev/shm/new; sort < new | cat");
    assert_int_equal(room_asked(p->room, &list), 0);
}

static void the_network_is_asked_for(void **state)
{
    static const char script[] =
        "import socket as s\n"
        "def at(call, *a):\n"
        "    try: call(*a)\n"
        "    except OSError: pass\n"
        "tcp, udp, six = s.socket(), s.socket(s.AF_INET, s.SOCK_DGRAM), s.socket(s.AF_INET6)\n"
        "at(s.socket().bind, ('0.0.0.0', 0)); at(s.socket().connect, ('127.0.0.1', 1))\n"
        "at(s.socket(s.AF_UNIX).connect, 'absent'); at(udp.sendto, b'x', ('127.0.0.2', 9))\n"
        "at(tcp.connect, ('192.0.2.1', 80)); at(udp.sendto, b'x', ('192.0.2.2', 53))\n"
        "at(udp.sendmsg, [b'x'], [], 0, ('192.0.2.3', 1)); at(six.connect, ('2001:db8::1', 80))\n"
        "at(s.socket(s.AF_INET6).connect, ('::ffff:127.0.0.1', 1))\n"
        "at(s.socket(s.AF_INET6).connect, ('::1', 1))\n"
        "at(s.socket().bind, ('192.0.2.4', 5))\n";
    struct place *p = *state;
    const struct room_asked *list;
    struct error err;

    assert_int_equal(
        file_write(file_join(p->arena, p->folder, "n.py"), script, sizeof script - 1, &err), OK);
    watch(p, "python3 n.py");
    assert_true(was_asked(p, "the network (192.0.2.1:80)"));
    assert_true(was_asked(p, "the network (192.0.2.2:53)"));
    assert_true(was_asked(p, "the network (192.0.2.3:1)"));
    assert_true(was_asked(p, "the network (192.0.2.4:5)"));
    assert_true(was_asked(p, "the network ([2001:db8::1]:80)"));
    assert_int_equal(room_asked(p->room, &list), 5);
}

static void a_room_that_is_killed_takes_all_with_it(void **state)
{
    struct place *p = *state;

    assert_int_equal(begin(p, "sleep 1000", false), OK);
    assert_int_equal(kill(room_pid(p->room), SIGKILL), 0);
    while (!p->process.ended)
        if (room_poll(p->room, &p->process, &p->err) == OK)
            (void)usleep(1000);
    assert_int_equal(p->process.exit_code, 128 + SIGKILL);
    assert_false(room_end(p->room, &p->process));
}

static int become_nobody(void **state)
{
    (void)state;
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
        return -1;
    return 0;
}

int main(int argc, char **argv)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
    const struct CMUnitTest tests[] = {
        IN_PLACE(it_runs_and_writes_into_its_folder),
        IN_PLACE(it_sees_nothing_else),
        IN_PLACE(it_cannot_change_the_machine),
        IN_PLACE(the_next_finds_nothing_changed),
        IN_PLACE(devices_work),
        IN_PLACE(nothing_is_left_behind),
        IN_PLACE(it_is_signalled_with_its_group),
        IN_PLACE(what_cannot_start_is_said),
        IN_PLACE(what_it_asks_for_is_known),
        IN_PLACE(what_it_asks_for_by_way_of_the_root_is_known),
        IN_PLACE(what_is_its_own_is_not_asked_for),
        IN_PLACE(the_network_is_asked_for),
        IN_PLACE(a_room_that_is_killed_takes_all_with_it),
    };
    int failed;

    if (argc == 1 && strcmp(argv[0], room_name) == 0)
        return inside_main();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, become_nobody, NULL);
}
