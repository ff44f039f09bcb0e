/* record: one part, and what comes beside it. */
#include "engine/process/record.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for what comes beside a record. */
union beside {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(RECORD_DESCRIPTORS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

static void add(struct msghdr *m, int type, const void *data, size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);

    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = type, .cmsg_len = CMSG_LEN(n)};
    memcpy(CMSG_DATA(c), data, n);
    m->msg_controllen += CMSG_SPACE(n);
}

bool record_send(int socket, int flags, const void *record, size_t bytes, const int *fds,
                 size_t n_fds)
{
    union beside beside = {.bytes = {0}};
    struct iovec part = {(void *)record, bytes};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &beside};
    ssize_t sent;

    if (n_fds > 0)
        add(&m, SCM_RIGHTS, fds, n_fds * sizeof *fds);
    else
        m.msg_control = NULL;
    do
        sent = sendmsg(socket, &m, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}

static void take_beside(struct msghdr *m, int *fds, size_t most, pid_t *from)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        const size_t n = c->cmsg_len - CMSG_LEN(0);
        struct ucred sender;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_RIGHTS && n <= most * sizeof(int))
            memcpy(fds, CMSG_DATA(c), n);
        if (c->cmsg_type == SCM_CREDENTIALS && n == sizeof sender) {
            memcpy(&sender, CMSG_DATA(c), n);
            if (from)
                *from = sender.pid;
        }
    }
}

bool record_receive(int socket, int flags, void *record, size_t bytes, int *fds, size_t most,
                    pid_t *from)
{
    union beside beside;
    struct iovec part = {record, bytes};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside};
    ssize_t got;

    for (size_t i = 0; i < most; i++)
        fds[i] = -1;
    do
        got = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    take_beside(&m, fds, most, from);
    if (got == (ssize_t)bytes && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return true;
    for (size_t i = 0; i < most; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = got == 0 ? EPIPE : EPROTO;
    return false;
}
