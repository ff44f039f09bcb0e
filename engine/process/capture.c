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

enum { OUTPUT_MAX = 64 * 1024, NAP_MS = 200 };

static const int64_t second_ns = 1000000000;

/* A question that is being asked. */
struct asked {
    struct question *question;
    struct process process;
    struct text output;
    const char *log;
    bool closed, done;
};

/* What can be read now. */
static enum status read_some(struct asked *a, struct error *err)
{
    char bytes[4096];
    ssize_t n = read(a->process.output, bytes, sizeof bytes);

    if (n > 0)
        text_add_bytes(&a->output, bytes, (size_t)n);
    a->closed = n == 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return error_system(err, a->question->what, "read its output");
    return OK;
}

/* What one of our own programs said of what was wrong, behind its name; NULL: it is none. */
static char *find_sentence(char *said)
{
    static const char *const names[] = {"hpo: ", "hpo-trainer: "};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *at = strstr(said, names[i]);
        if (at && (at == said || at[-1] == '\n'))
            return at + strlen(names[i]);
    }
    return NULL;
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
    line = n > 0 ? find_sentence(bytes) : NULL;
    if (!line) {
        char *last = n > 0 ? strrchr(bytes, '\n') : NULL;
        return error_set(err, ERR_FAILED, what, "it ended with status %d: %s", code,
                         last    ? last + 1
                         : n > 0 ? bytes
                                 : "it said nothing");
    }
    if ((hint = strstr(line, "\n  ")) != NULL)
        *hint = '\0';
    (void)error_set(err, ERR_INPUT, "", "%s", line);
    if (hint)
        error_hint(err, "%s", hint + strlen("\n  "));
    return code == 2 ? ERR_INPUT : ERR_FAILED;
}

static enum status take_answer(struct asked *a, struct arena *arena, struct error *err)
{
    size_t n;

    if (a->process.exit_code != 0)
        return take_refusal(a->question->what, a->process.exit_code, a->log, arena, err);
    TRY(text_finish(&a->output, &a->question->answer, &n, err));
    if (memchr(a->question->answer, '\0', n))
        return error_set(err, ERR_FAILED, a->question->what,
                         "expected a text as its output, found a zero byte in it");
    return OK;
}

/* Goes on with one of them, whose output or end may have come. */
static enum status go_on(const struct capture *c, struct asked *a, bool late, struct arena *arena,
                         struct error *err)
{
    if (!a->closed)
        TRY(read_some(a, err));
    runner_poll(c->reaper, &a->process);
    a->done = a->closed && a->process.ended;
    if (a->done)
        return take_answer(a, arena, err);
    if (late || a->output.n > OUTPUT_MAX)
        return error_set(err, ERR_FAILED, a->question->what,
                         "expected at most %d bytes within %d s", OUTPUT_MAX, c->seconds);
    return OK;
}

/* Time since we looked last; at most a second more than a nap: longer than that we were stopped. */
static int64_t passed_ns(int64_t *looked_ns)
{
    const int64_t most = second_ns + NAP_MS * (second_ns / 1000), now = runner_now_ns();
    const int64_t passed = now - *looked_ns;

    *looked_ns = now;
    return passed < most ? passed : most;
}

/* Until each has closed its output and has ended, or has failed. */
static enum status collect(const struct capture *c, struct asked *asked, size_t n,
                           struct pollfd *fds, struct arena *arena, struct error *err)
{
    int64_t left_ns = c->seconds * second_ns, looked_ns = runner_now_ns();

    for (size_t left = 1; left > 0;) {
        int came = 0;
        left = 0;
        fds[n] = (struct pollfd){c->signals, POLLIN, 0};
        for (size_t i = 0; i < n; i++) {
            const struct asked *a = &asked[i];
            const int fd = a->closed ? a->process.pidfd : a->process.output;
            fds[i] = (struct pollfd){a->done ? -1 : fd, POLLIN, 0};
            left += !a->done;
        }
        if (left > 0)
            came = poll(fds, n + 1, NAP_MS);
        left_ns -= passed_ns(&looked_ns);
        if (c->signals >= 0 && (fds[n].revents & POLLIN))
            return error_set(err, ERR_INTERRUPTED, "", "interrupted");
        for (size_t i = 0; i < n; i++) {
            struct asked *a = &asked[i];
            if (a->done)
                continue;
            a->question->status = go_on(c, a, came == 0 && left_ns < 0, arena, &a->question->error);
            a->done = a->done || a->question->status != OK;
        }
    }
    return OK;
}

static enum status start(const struct capture *c, struct asked *a, struct question *question,
                         size_t number, struct arena *arena, struct error *err)
{
    struct command *command = &question->command;

    *a = (struct asked){.question = question, .output = text_in(arena)};
    a->log = arena_printf(arena, "%s/capture-%ld-%zu", command->folder, (long)getpid(), number);
    if (!a->log)
        return error_memory(err);
    command->log = a->log;
    command->pipe_output = true;
    question->status = runner_start(c->reaper, command, &a->process, &question->error);
    a->done = question->status != OK;
    return OK;
}

enum status capture_all(const struct capture *c, struct question *questions, size_t n,
                        struct arena *arena, struct error *err)
{
    struct asked *asked = arena_array(arena, n, sizeof *asked);
    struct pollfd *fds = arena_array(arena, n + 1, sizeof *fds);
    size_t started = 0;
    enum status s = asked && fds ? OK : error_memory(err);

    for (; s == OK && started < n; started++)
        s = start(c, &asked[started], &questions[started], started, arena, err);
    if (s == OK)
        s = collect(c, asked, n, fds, arena, err);
    for (size_t i = 0; i < started; i++) {
        struct error ignored;
        runner_close(c->reaper, &asked[i].process);
        if (asked[i].log)
            (void)!file_remove(asked[i].log, &ignored);
    }
    return s;
}

enum status capture_run(const struct capture *c, const struct command *command, const char *what,
                        struct arena *arena, char **out, struct error *err)
{
    struct question question = {.command = *command, .what = what};

    TRY(capture_all(c, &question, 1, arena, err));
    if (question.status != OK)
        *err = question.error;
    *out = question.answer;
    return question.status;
}
