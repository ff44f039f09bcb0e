/* capture: one process, two files it writes. Start at capture_run. */
#include "engine/capture.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

enum { OUTPUT_MAX = 64 * 1024 };

/* What can be read now; *ended at the end of the output. */
static enum status read_some(const struct process *p, const char *what, struct text *output,
                             bool *ended, struct error *err)
{
    char bytes[4096];
    ssize_t n = read(p->output, bytes, sizeof bytes);

    if (n > 0)
        text_add_bytes(output, bytes, (size_t)n);
    *ended = n == 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return error_system(err, what, "read its output");
    return OK;
}

/* Until the output is closed and the process has ended. */
static enum status collect(const struct capture *c, struct process *p, const char *what,
                           struct text *output, struct error *err)
{
    int64_t deadline = runner_now_ns() + c->seconds * (int64_t)1000000000;
    bool closed = false;

    while (!closed || !p->ended) {
        struct pollfd fds[] = {{c->signals, POLLIN, 0}, {closed ? p->pidfd : p->output, POLLIN, 0}};
        (void)poll(fds, 2, 200);
        if (c->signals >= 0 && (fds[0].revents & POLLIN))
            return error_set(err, ERR_INTERRUPTED, "", "interrupted");
        if (!closed)
            TRY(read_some(p, what, output, &closed, err));
        runner_poll(c->keeper, p);
        if (runner_now_ns() > deadline || output->n > OUTPUT_MAX)
            return error_set(err, ERR_FAILED, what, "expected at most %d bytes within %d s",
                             OUTPUT_MAX, c->seconds);
    }
    return OK;
}

/* The last line of what it said on standard error. */
static const char *last_words(const char *log, struct arena *arena)
{
    struct error ignored;
    char *bytes, *line;
    size_t n;

    if (file_read(log, OUTPUT_MAX, arena, &bytes, &n, &ignored) != OK)
        return "";
    while (n > 0 && bytes[n - 1] == '\n')
        bytes[--n] = '\0';
    line = strrchr(bytes, '\n');
    return line ? line + 1 : bytes;
}

enum status capture_run(const struct capture *c, const struct command *command, const char *what,
                        struct arena *arena, char **out, struct error *err)
{
    struct command quiet = *command;
    struct text output = text_in(arena);
    struct error ignored;
    struct process p;
    char *log = arena_printf(arena, "%s/capture-%ld", command->folder, (long)getpid());
    enum status s;

    if (!log)
        return error_memory(err);
    quiet.log = log;
    quiet.pipe_output = true;
    s = runner_start(c->keeper, &quiet, &p, err);
    if (s == OK) {
        s = collect(c, &p, what, &output, err);
        if (s == OK && p.exit_code != 0)
            s = error_set(err, ERR_FAILED, what, "it ended with status %d: %s", p.exit_code,
                          last_words(log, arena));
        runner_close(c->keeper, &p);
    }
    (void)!file_remove(log, &ignored);
    TRY(s);
    return text_finish(&output, out, NULL, err);
}
