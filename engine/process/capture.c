/* capture: one process, two files it writes. Start at capture_run. */
#include "engine/process/capture.h"

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

/* Takes the sentence and the hint of one of our own programs, else the last line it said. */
static enum status take_refusal(const char *what, int code, const char *log, struct arena *arena,
                                struct error *err)
{
    struct error ignored;
    char *bytes = "", *line, *hint;
    size_t n = 0;

    if (file_read(log, OUTPUT_MAX, arena, &bytes, &n, &ignored) != OK)
        n = 0;
    while (n > 0 && bytes[n - 1] == '\n')
        bytes[--n] = '\0';
    line = n > 0 ? strstr(bytes, "hpo: ") : NULL;
    if (!line) {
        char *last = n > 0 ? strrchr(bytes, '\n') : NULL;
        return error_set(err, ERR_FAILED, what, "it ended with status %d: %s", code,
                         last    ? last + 1
                         : n > 0 ? bytes
                                 : "it said nothing");
    }
    if ((hint = strstr(line, "\n  ")) != NULL)
        *hint = '\0';
    (void)error_set(err, ERR_INPUT, "", "%s", line + strlen("hpo: "));
    if (hint)
        error_hint(err, "%s", hint + strlen("\n  "));
    return code == 2 ? ERR_INPUT : ERR_FAILED;
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
            s = take_refusal(what, p.exit_code, log, arena, err);
        runner_close(c->keeper, &p);
    }
    (void)!file_remove(log, &ignored);
    TRY(s);
    return text_finish(&output, out, NULL, err);
}
