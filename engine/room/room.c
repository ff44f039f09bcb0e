/* room: our end of the socket. Start at room_open; inside.c is the other end. */
#include "engine/room/room.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/process/record.h"
#include "engine/room/words.h"

struct room {
    struct arena *arena; /* this struct lives in it */
    struct reaper *reaper;
    struct process process; /* whose child is the first process inside */
    int socket;
    bool gone, started;
    bool unread, signalled; /* something we said was not read; it need not be the command */
    struct arena *action;   /* of what runs: what it has asked for */
    struct room_asked *asked;
    size_t n_asked, asked_capacity;
};

enum { PATIENCE_SECONDS = 20 }; /* for what a room answers at once */
enum { END_MS = 2000 };         /* for a room to end by itself */

const char room_name[] = "hpo-room";

/* What root expects to be able to do with files and processes of its own: CHOWN, DAC_OVERRIDE,
 * FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE. Nothing with mounts, devices, networks or
 * the kernel. */
const uint64_t room_rights = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10;

bool room_is_gone(const struct room *room)
{
    return room->gone;
}

pid_t room_pid(const struct room *room)
{
    return room->process.pid;
}

/* ---- words ---- */

static enum status say(struct room *room, int flags, const struct room_request *request,
                       const int *fds, size_t n, struct error *err)
{
    if (record_send(room->socket, flags, request, sizeof *request, fds, n))
        return OK;
    room->gone = errno == EPIPE || errno == ECONNRESET;
    return error_system(err, "", "speak to a room");
}

/* What a kernel, or who has set it up, says that lets nobody make namespaces. */
static bool is_refusal(int failed)
{
    return failed == EPERM || failed == EACCES || failed == ENOSYS || failed == EINVAL ||
           failed == ENOSPC || failed == EUSERS;
}

/* A step that failed is its failure. */
static enum status understand(struct room_reply *reply, struct error *err)
{
    if (!reply->failed)
        return OK;
    reply->step[ROOM_STEP - 1] = '\0';
    errno = reply->failed;
    (void)error_system(err, "", reply->step);
    return is_refusal(reply->failed) ? ERR_FAILED : ERR_SYSTEM;
}

static enum status hear(struct room *room, struct room_reply *reply, int fds[ROOM_DESCRIPTORS],
                        struct error *err)
{
    if (record_receive(room->socket, 0, reply, sizeof *reply, fds, ROOM_DESCRIPTORS, NULL))
        return understand(reply, err);
    room->gone = true;
    return error_system(err, "", "hear from a room");
}

static enum status expect(struct room *room, int kind, struct error *err)
{
    int none[ROOM_DESCRIPTORS];
    struct room_reply reply;

    TRY(hear(room, &reply, none, err));
    return (int)reply.kind == kind
               ? OK
               : error_set(err, ERR_SYSTEM, "", "a room answers what it was not asked");
}

static enum status say_sheet(struct room *room, int kind, const char *const *strings, size_t n,
                             const int *more, size_t n_more, struct error *err)
{
    int fds[ROOM_DESCRIPTORS] = {words_write(strings, n)};
    enum status s;

    if (fds[0] < 0)
        return error_system(err, "", "tell a room");
    for (size_t i = 0; i < n_more; i++)
        fds[1 + i] = more[i];
    s = say(room, 0, &(struct room_request){.kind = kind}, fds, 1 + n_more, err);
    close(fds[0]);
    return s;
}

/* ---- users ---- */

static bool write_map(pid_t pid, const char *file, const char *text)
{
    char path[64];
    int fd;
    bool whole;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
        return false;
    whole = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return whole;
}

/* The numbers that we have, each for itself: of "FIRST OUTSIDE N" the first and the last. */
static enum status same_numbers(const char *path, struct arena *arena, char **out,
                                struct error *err)
{
    struct text t = text_in(arena);
    char *map;

    TRY(file_read(path, 64 * 1024, arena, &map, NULL, err));
    for (const char *at = map; *at;) {
        const char *word[3] = {""};
        int length[3] = {0};
        for (int i = 0; i < 3; i++) {
            word[i] = at + strspn(at, " ");
            length[i] = (int)strcspn(word[i], " \n");
            at = word[i] + length[i];
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
        text_printf(&t, "%.*s %.*s %.*s\n", length[0], word[0], length[0], word[0], length[2],
                    word[2]);
    }
    return text_finish(&t, out, NULL, err);
}

static bool map_all(pid_t pid, struct arena *arena)
{
    struct error ignored;
    char *users, *groups;

    return same_numbers("/proc/self/uid_map", arena, &users, &ignored) == OK &&
           same_numbers("/proc/self/gid_map", arena, &groups, &ignored) == OK &&
           write_map(pid, "gid_map", groups) && write_map(pid, "uid_map", users);
}

/* The kernel lets who has no rights map himself, once his groups cannot be changed. */
static bool map_ourselves(pid_t pid)
{
    char user[64], group[64];

    (void)snprintf(user, sizeof user, "%u %u 1\n", (unsigned)geteuid(), (unsigned)geteuid());
    (void)snprintf(group, sizeof group, "%u %u 1\n", (unsigned)getegid(), (unsigned)getegid());
    return write_map(pid, "setgroups", "deny") && write_map(pid, "gid_map", group) &&
           write_map(pid, "uid_map", user);
}

static enum status map_users(struct room *room, struct error *err)
{
    struct arena *arena = arena_open();
    bool mapped;

    if (!arena)
        return error_memory(err);
    mapped = map_all(room->process.pid, arena) || map_ourselves(room->process.pid);
    if (!mapped)
        (void)error_system(err, "", "map users for a room");
    arena_close(arena);
    return mapped ? say(room, 0, &(struct room_request){.kind = ROOM_MAPPED}, NULL, 0, err)
                  : ERR_SYSTEM;
}

/* ---- open ---- */

static enum status write_view(const struct room_view *view, struct arena *arena,
                              const char **strings, struct error *err)
{
    size_t n = 0;

    strings[n++] = view->network ? "network" : "";
    for (size_t i = 0; i < view->n + view->n_written; i++) {
        const bool reads = i < view->n;
        strings[n] = arena_printf(arena, "%c%s", reads ? SHEET_READS : SHEET_WRITES,
                                  reads ? view->places[i] : view->written[i - view->n]);
        if (!strings[n++])
            return error_memory(err);
    }
    return OK;
}

static enum status show(struct room *room, const struct room_view *view, struct error *err)
{
    const size_t n = 1 + view->n + view->n_written;
    struct arena *arena = arena_open();
    const char **strings = arena ? arena_array(arena, n, sizeof *strings) : NULL;
    enum status s = strings ? write_view(view, arena, strings, err) : error_memory(err);

    if (s == OK)
        s = say_sheet(room, ROOM_SHOW, strings, n, NULL, 0, err);
    arena_close(arena);
    return s == OK ? expect(room, ROOM_READY, err) : s;
}

static enum status start_inside(struct room *room, int theirs, struct error *err)
{
    char *argv[] = {(char *)room_name, NULL}, *env[] = {NULL};
    const struct command command = {.program = "/proc/self/exe",
                                    .argv = argv,
                                    .env = env,
                                    .folder = "/",
                                    .log = "/dev/null",
                                    .given_input = theirs};

    return runner_start(room->reaper, &command, &room->process, err);
}

enum status room_open(struct reaper *reaper, const struct room_view *view, struct room **out,
                      struct error *err)
{
    struct arena *arena = arena_open();
    struct room *room = arena ? arena_alloc(arena, sizeof *room) : NULL;
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int ends[2];
    enum status s;

    if (!room) {
        arena_close(arena);
        return error_memory(err);
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
        setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
        arena_close(arena);
        return error_system(err, "", "make a socket");
    }
    *room = (struct room){.arena = arena, .reaper = reaper, .socket = ends[0]};
    s = start_inside(room, ends[1], err);
    close(ends[1]);
    if (s == OK)
        s = expect(room, ROOM_UNMAPPED, err);
    if (s == OK)
        s = map_users(room, err);
    if (s == OK)
        s = show(room, view, err);
    if (s != OK) {
        room_close(room);
        return s;
    }
    *out = room;
    return OK;
}

void room_dismiss(struct room *room)
{
    (void)shutdown(room->socket, SHUT_RDWR);
}

/* Killed, our child would leave the first process inside to us, or to whoever began us. */
static void wait_for_end(const struct room *room)
{
    struct pollfd ends = {.fd = room->process.pidfd, .events = POLLIN};

    while (ends.fd >= 0 && poll(&ends, 1, END_MS) < 0 && errno == EINTR)
        continue;
}

void room_close(struct room *room)
{
    if (!room)
        return;
    room_dismiss(room);
    wait_for_end(room);
    runner_close(room->reaper, &room->process);
    close(room->socket);
    arena_close(room->action);
    arena_close(room->arena);
}

/* ---- what runs there ---- */

static enum status say_command(struct room *room, const struct command *c, const char *shown,
                               bool watched, const int streams[ROOM_STREAMS], struct error *err)
{
    struct arena *arena = arena_open();
    size_t n_argv = 0, n_env = 0;
    const char **strings;
    char mask[sizeof "777"];
    enum status s;

    while (c->argv[n_argv])
        n_argv++;
    while (c->env[n_env])
        n_env++;
    strings = arena ? arena_array(arena, SHEET_ARGV + n_argv + n_env, sizeof *strings) : NULL;
    if (!strings || !(strings[SHEET_ARGC] = arena_printf(arena, "%zu", n_argv))) {
        arena_close(arena);
        return error_memory(err);
    }
    (void)snprintf(mask, sizeof mask, "%03o", (unsigned)(c->mask ? c->mask & 0777 : 022));
    strings[SHEET_SHOWN] = shown;
    strings[SHEET_FOLDER] = c->folder;
    strings[SHEET_PROGRAM] = c->program;
    strings[SHEET_MASK] = mask;
    strings[SHEET_WATCHED] = watched ? "watched" : "";
    memcpy(&strings[SHEET_ARGV], c->argv, n_argv * sizeof *strings);
    memcpy(&strings[SHEET_ARGV + n_argv], c->env, n_env * sizeof *strings);
    s = say_sheet(room, ROOM_START, strings, SHEET_ARGV + n_argv + n_env, streams, ROOM_STREAMS,
                  err);
    arena_close(arena);
    return s;
}

enum status room_start(struct room *room, const struct command *command, const char *shown,
                       bool watched, const int streams[ROOM_STREAMS], struct process *p,
                       struct error *err)
{
    arena_close(room->action);
    room->asked = NULL;
    room->n_asked = room->asked_capacity = 0;
    room->started = room->unread = room->signalled = false;
    if (!(room->action = arena_open()))
        return error_memory(err);
    TRY(say_command(room, command, shown, watched, streams, err));
    if ((p->pidfd = fcntl(room->socket, F_DUPFD_CLOEXEC, 0)) < 0)
        return error_system(err, "", "start a process");
    p->ended = false;
    p->started_ns = runner_now_ns();
    return OK;
}

bool room_has_begun(const struct room *room)
{
    return room->started;
}

enum status room_await(struct room *room, const char *shown, int ways[ROOM_WAYS], struct error *err)
{
    struct room_reply reply;

    for (int i = 0; i < ROOM_WAYS; i++)
        ways[i] = -1;
    TRY(say_sheet(room, ROOM_AWAIT, &shown, 1, NULL, 0, err));
    TRY(hear(room, &reply, ways, err));
    return reply.kind == ROOM_READY && ways[ROOM_WAYS - 1] >= 0
               ? OK
               : error_set(err, ERR_SYSTEM, "", "a room answers what it was not asked");
}

/* Who takes no more words is stopped itself, and does not pass a signal on. */
void room_signal(struct room *room, int signal)
{
    const struct room_request request = {.kind = ROOM_SIGNAL, .signal = signal};
    struct error ignored; /* one that is gone needs none */

    room->signalled = true;
    if (say(room, MSG_DONTWAIT, &request, NULL, 0, &ignored) != OK && !room->gone &&
        signal == SIGKILL)
        (void)kill(room_pid(room), SIGKILL);
}

/* What cannot be read is not known. */
static void note_asked(struct room *room, int sheet)
{
    struct room_asked *last;
    struct error ignored;
    char **words;
    size_t n;

    if (words_read(sheet, room->action, &words, &n, &ignored) == OK && n == 2 &&
        (last = arena_push(room->action, room->asked, room->n_asked, room->asked_capacity)))
        *last = (struct room_asked){words[0], *words[1]};
    close(sheet);
}

size_t room_asked(const struct room *room, const struct room_asked **list)
{
    *list = room->asked;
    return room->n_asked;
}

static enum status take_reply(struct room *room, struct room_reply *reply, int sheet,
                              struct process *p, struct error *err)
{
    const enum status s = understand(reply, err);

    room->started |= s == OK;
    p->ended = s != OK || reply->kind == ROOM_ENDED;
    p->exit_code = reply->exit_code;
    if (reply->kind == ROOM_ASKED && sheet >= 0)
        note_asked(room, sheet);
    return s;
}

/* It ended with its room. Only one that the room has not read yet, and so has not begun, may be
 * begun elsewhere: the kernel says that something was not read, and that is it where nothing else
 * was said. */
static enum status note_gone(struct room *room, struct process *p, struct error *err)
{
    room->gone = p->ended = true;
    p->exit_code = 128 + SIGKILL;
    return room->started || !room->unread || room->signalled
               ? OK
               : error_system(err, "", "hear from a room");
}

/* flags: MSG_DONTWAIT or 0. */
static enum status look(struct room *room, int flags, struct process *p, struct error *err)
{
    int fds[ROOM_DESCRIPTORS];
    struct room_reply reply;
    bool heard = true;
    enum status s = OK;

    while (s == OK && heard && !p->ended) {
        heard =
            record_receive(room->socket, flags, &reply, sizeof reply, fds, ROOM_DESCRIPTORS, NULL);
        if (heard)
            s = take_reply(room, &reply, fds[0], p, err);
        else if (errno == ECONNRESET && !room->unread)
            heard = room->unread = true; /* what it has said comes behind this */
        else if (errno != EAGAIN)
            s = note_gone(room, p, err);
    }
    if (p->ended && p->pidfd >= 0) {
        close(p->pidfd);
        p->pidfd = -1;
    }
    return s;
}

enum status room_poll(struct room *room, struct process *p, struct error *err)
{
    return look(room, MSG_DONTWAIT, p, err);
}

bool room_end(struct room *room, struct process *p)
{
    struct error ignored; /* of one that had not started */

    if (!p->ended)
        room_signal(room, SIGKILL);
    while (!p->ended) {
        (void)!look(room, 0, p, &ignored);
        if (!p->ended) /* somebody may have stopped it */
            (void)kill(room_pid(room), SIGKILL);
    }
    return !room->gone;
}
