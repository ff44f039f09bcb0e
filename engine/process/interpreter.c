/* interpreter: a socket of records, and the descriptors that go through it. Start at
 * interpreter_start. */
#include "engine/process/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/process/record.h"

enum { PASSED = 5 }; /* descriptors with each request */

static const char ready[] = "ready", fresh[] = "fresh ", child[] = "child ", begun[] = "begun";

static enum status make_pair(int ends[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return error_system(err, "", "make a socket");
    return OK;
}

/* The other side's end blocks. */
static void let_block(int fd)
{
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static const char **arguments(const struct interpreter_plan *plan, struct arena *arena)
{
    const char *first[] = {plan->argv0, plan->preload, plan->program,
                           plan->reads, plan->script,  ""};
    const size_t n = sizeof first / sizeof *first;
    const char **argv = arena_array(arena, n + plan->n_modules + 1, sizeof *argv);

    for (size_t k = 0; argv && k < n; k++)
        argv[k] = first[k];
    for (size_t k = 0; argv && k < plan->n_modules; k++)
        argv[n + k] = plan->modules[k];
    return argv;
}

enum status interpreter_start(struct reaper *reaper, const struct interpreter_plan *plan,
                              struct arena *scratch, struct interpreter *out, struct error *err)
{
    const char **argv = arguments(plan, scratch);
    struct command command = {.program = plan->program,
                              .argv = (char *const *)argv,
                              .env = plan->env,
                              .folder = plan->folder,
                              .home = plan->folder,
                              .log = plan->log,
                              .pipe_output = true};
    int ends[2];
    enum status s;

    *out = (struct interpreter){.socket = -1, .process = {.pidfd = -1, .output = -1, .input = -1}};
    if (!argv)
        return error_memory(err);
    TRY(make_pair(ends, err));
    let_block(ends[1]);
    command.given_input = ends[1];
    s = runner_start(reaper, &command, &out->process, err);
    close(ends[1]);
    if (s != OK) {
        close(ends[0]);
        return s;
    }
    out->socket = ends[0];
    return OK;
}

void interpreter_give_up(struct interpreter *i, const char *why)
{
    if (i->state == INTERPRETER_GONE)
        return;
    i->state = INTERPRETER_GONE;
    (void)snprintf(i->why, sizeof i->why, "%s", why);
    runner_signal(&i->process, SIGKILL);
    close(i->socket);
    i->socket = -1;
}

/* What it has printed would stand before the reports of every run. */
static bool has_printed(const struct interpreter *i)
{
    char byte;

    return read(i->process.output, &byte, 1) > 0;
}

/* Whether the record is the number of a child of ours. */
static bool is_child(const char *record, pid_t *out)
{
    struct error ignored;
    siginfo_t info;
    int64_t pid;

    if (strncmp(record, child, sizeof child - 1) != 0 ||
        text_parse_integer(record + sizeof child - 1, "number", 2, INT32_MAX, &pid, &ignored) !=
            OK ||
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return false;
    *out = (pid_t)pid;
    return true;
}

/* The next record says something of it, with a NUL behind it; n as of recv. */
static void take_record(struct interpreter *i, const char *record, ssize_t n)
{
    if (n <= 0)
        interpreter_give_up(i, i->state == INTERPRETER_LOADS
                                   ? "the interpreter that loads what it imports has ended"
                                   : "the interpreter that was loaded for it has ended");
    else if (i->state == INTERPRETER_LOADS && strncmp(record, fresh, sizeof fresh - 1) == 0)
        interpreter_give_up(i, record + sizeof fresh - 1);
    else if (i->state == INTERPRETER_LOADS && strcmp(record, ready) == 0)
        i->state = INTERPRETER_FORKS;
    else if (i->state == INTERPRETER_FORKS && is_child(record, &i->child))
        i->state = INTERPRETER_READY;
    else
        interpreter_give_up(i, "the interpreter that was loaded for it speaks another language");
}

void interpreter_look(struct interpreter *i)
{
    const bool loads = i->state == INTERPRETER_LOADS;
    char record[sizeof i->why];
    ssize_t n;

    if (i->state == INTERPRETER_GONE)
        return;
    do
        n = recv(i->socket, record, sizeof record - 1, 0);
    while (n < 0 && errno == EINTR);
    record[n > 0 ? n : 0] = '\0';
    if (n >= 0 || errno != EAGAIN)
        take_record(i, record, n);
    if (loads && i->state != INTERPRETER_GONE && has_printed(i)) /* before it said that it is */
        interpreter_give_up(i, "what it imports prints on standard output");
}

static size_t count(char *const *strings)
{
    size_t n = 0;

    while (strings[n])
        n++;
    return n;
}

static void add_word(struct text *t, const char *word)
{
    text_add_bytes(t, word, strlen(word) + 1);
}

/* The request as engine/python/preload.py reads it. */
static enum status write_request(int fd, const struct command *command, struct arena *arena,
                                 struct error *err)
{
    struct text t = text_in(arena);
    char *bytes;
    size_t n;

    add_word(&t, command->folder);
    text_printf(&t, "%zu", count(command->argv + 1));
    add_word(&t, "");
    for (char *const *word = command->argv + 1; *word; word++)
        add_word(&t, *word);
    for (char *const *entry = command->env; *entry; entry++)
        add_word(&t, *entry);
    TRY(text_finish(&t, &bytes, &n, err));
    return file_write_all(fd, "request", bytes, n, err);
}

/* As a file without a name, at its beginning; -1: there can be none. */
static int open_request(const struct command *command)
{
    const int fd = memfd_create("request", MFD_CLOEXEC);
    struct arena *arena = arena_open();
    struct error ignored;
    const bool written = fd >= 0 && arena && write_request(fd, command, arena, &ignored) == OK &&
                         lseek(fd, 0, SEEK_SET) == 0;

    arena_close(arena);
    if (!written && fd >= 0)
        close(fd);
    return written ? fd : -1;
}

/* With the rights in a room, in hexadecimal digits. */
static bool send_descriptors(int to, const int fds[PASSED], const struct entry *entry)
{
    int all[RECORD_DESCRIPTORS];
    char rights[24];
    const int n = snprintf(rights, sizeof rights, "%llx", (unsigned long long)entry->rights);

    if (PASSED + entry->n > RECORD_DESCRIPTORS)
        return false;
    memcpy(all, fds, PASSED * sizeof *all);
    if (entry->n > 0)
        memcpy(all + PASSED, entry->ways, entry->n * sizeof *all);
    return record_send(to, MSG_DONTWAIT, rights, (size_t)n, all, PASSED + entry->n);
}

bool interpreter_ask(struct interpreter *i, const struct command *command,
                     const struct entry *entry, struct birth *birth, struct process *process)
{
    struct process streams = {.pidfd = -1, .output = -1, .input = -1};

    struct error ignored;
    int fds[PASSED] = {-1, -1, -1, -1, -1}, ends[2];
    const int on = 1;
    bool asked;

    *birth = (struct birth){-1, 0};
    if (make_pair(ends, &ignored) != OK)
        return false;
    let_block(ends[1]);
    (void)setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on); /* see who_has_begun */
    fds[0] = open_request(command);
    fds[4] = ends[1];
    asked = fds[0] >= 0 && runner_streams(command, fds + 1, &streams, &ignored) == OK &&
            send_descriptors(i->socket, fds, entry);
    for (int k = 0; k < PASSED; k++)
        if (fds[k] >= 0)
            close(fds[k]);
    *process = streams;
    if (asked) {
        *birth = (struct birth){ends[0], i->child};
        i->state = INTERPRETER_FORKS;
        i->child = 0;
        return true;
    }
    close(ends[0]);
    runner_drop_streams(process);
    return false;
}

/* Who says that it has begun: by our numbers, wherever it is; 0: nobody does. */
static pid_t who_has_begun(int reply)
{
    char record[sizeof begun - 1];
    pid_t from = 0;

    return record_receive(reply, 0, record, sizeof record, NULL, 0, &from) &&
                   memcmp(record, begun, sizeof record) == 0
               ? from
               : 0;
}

bool interpreter_take(struct reaper *reaper, const char *home, struct birth *birth,
                      struct process *process)
{
    const pid_t pid = who_has_begun(birth->reply);
    bool taken = pid > 0;

    if (taken && pid != birth->pid) /* it forked that one and ends: then its child is ours */
        (void)waitpid(birth->pid, NULL, 0);
    taken = taken && runner_adopt(reaper, pid, home, process);
    if (taken) /* one that has ended hears nothing, and its end will be seen */
        (void)!send(birth->reply, "b", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        runner_drop_streams(process);
    interpreter_refuse(birth);
    return taken;
}

void interpreter_refuse(struct birth *birth)
{
    if (birth->reply >= 0)
        close(birth->reply);
    *birth = (struct birth){-1, 0};
}

void interpreter_close(struct reaper *reaper, struct interpreter *i)
{
    interpreter_give_up(i, "it was closed");
    if (i->child) { /* the one that waits: nobody else would reap it */
        (void)kill(i->child, SIGKILL);
        (void)waitpid(i->child, NULL, 0);
    }
    i->child = 0;
    runner_close(reaper, &i->process);
}
