/* record: what processes say to each other on a socket of records, with descriptors beside it. */
#ifndef ENGINE_PROCESS_RECORD_H
#define ENGINE_PROCESS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { RECORD_DESCRIPTORS = 16 }; /* at most */

/* Sends a record. flags: MSG_DONTWAIT or 0. False, with errno. */
bool record_send(int socket, int flags, const void *record, size_t bytes, const int *fds,
                 size_t n_fds);

/* Reads a record of just so many bytes; fds[i] are -1 where none came. *from, unless NULL: who sent
 * it, by our numbers. False, with errno: EPIPE where the other side is gone, EPROTO where it is
 * another record. */
bool record_receive(int socket, int flags, void *record, size_t bytes, int *fds, size_t most,
                    pid_t *from);

#endif
