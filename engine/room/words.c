/* words: records with descriptors, and files in memory. */
#include "engine/room/words.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

enum { SHEET_MAX = 64 << 20 };

/* Room for what comes beside a record. */
union beside {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(ROOM_DESCRIPTORS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

static void add(struct msghdr *m, int type, const void *data, size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);

    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = type, .cmsg_len = CMSG_LEN(n)};
    memcpy(CMSG_DATA(c), data, n);
    m->msg_controllen += CMSG_SPACE(n);
}

bool words_send(int socket, int flags, const void *record, size_t bytes, const int *fds,
                size_t n_fds, pid_t as)
{
    union beside beside = {.bytes = {0}};
    struct iovec part = {(void *)record, bytes};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &beside};
    const struct ucred from = {as, getuid(), getgid()};
    ssize_t sent;

    if (n_fds > 0)
        add(&m, SCM_RIGHTS, fds, n_fds * sizeof *fds);
    if (as)
        add(&m, SCM_CREDENTIALS, &from, sizeof from);
    if (m.msg_controllen == 0)
        m.msg_control = NULL;
    do
        sent = sendmsg(socket, &m, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}

static void take_beside(struct msghdr *m, int fds[ROOM_DESCRIPTORS], pid_t *from)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        const size_t n = c->cmsg_len - CMSG_LEN(0);
        struct ucred sender;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS && n <= ROOM_DESCRIPTORS * sizeof(int))
            memcpy(fds, CMSG_DATA(c), n);
        if (c->cmsg_type == SCM_CREDENTIALS && n == sizeof sender) {
            memcpy(&sender, CMSG_DATA(c), n);
            if (from)
                *from = sender.pid;
        }
    }
}

bool words_receive(int socket, int flags, void *record, size_t bytes, int fds[ROOM_DESCRIPTORS],
                   pid_t *from)
{
    union beside beside;
    struct iovec part = {record, bytes};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside};
    ssize_t got;

    for (int i = 0; i < ROOM_DESCRIPTORS; i++)
        fds[i] = -1;
    do
        got = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    take_beside(&m, fds, from);
    if (got == (ssize_t)bytes && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return true;
    for (int i = 0; i < ROOM_DESCRIPTORS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = got == 0 ? EPIPE : EPROTO;
    return false;
}

int words_write(const char *const *strings, size_t n)
{
    const int sheet = memfd_create("hpo", MFD_CLOEXEC);
    struct error ignored;

    for (size_t i = 0; sheet >= 0 && i < n; i++)
        if (file_write_all(sheet, "", strings[i], strlen(strings[i]) + 1, &ignored) != OK) {
            close(sheet);
            errno = ENOSPC;
            return -1;
        }
    return sheet;
}

enum status words_read(int sheet, struct arena *arena, char ***strings, size_t *n,
                       struct error *err)
{
    const off_t size = lseek(sheet, 0, SEEK_END);
    size_t at = 0, count = 0;
    char *bytes;

    if (size < 0 || size > SHEET_MAX)
        return error_set(err, ERR_SYSTEM, "", "a room was told %lld bytes", (long long)size);
    if (!(bytes = arena_alloc(arena, (size_t)size + 1)))
        return error_memory(err);
    while (at < (size_t)size) {
        const ssize_t got = pread(sheet, bytes + at, (size_t)size - at, (off_t)at);
        if (got <= 0)
            return error_system(err, "", "read what a room is told");
        at += (size_t)got;
    }
    for (size_t i = 0; i < at; i++)
        count += bytes[i] == '\0';
    if (!(*strings = arena_array(arena, count + 1, sizeof **strings)))
        return error_memory(err);
    *n = 0;
    for (char *s = bytes; *n < count; s += strlen(s) + 1)
        (*strings)[(*n)++] = s;
    return OK;
}
