/* missed: words of a log that are paths. Start at missed_find. */
#include "engine/execution/missed.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/executor/executor.h"

enum { MOST_TOLD = 8 };

static const char ends[] = " \t\r\n'\"`,;:()[]{}<>|";

/* What programs say of a file that they do not find. */
static const char *const failures[] = {"o such file", "ot found",  "annot", "an't",
                                       "enied",       "not exist", "nable", "rrno"};

/* What programs say where there is no network. */
static const char *const no_network[] = {"Network is unreachable", "Could not resolve host",
                                         "Temporary failure in name resolution",
                                         "Name or service not known"};

static bool is_seen(const struct task *task, const char *path)
{
    static const char *const always[] = {"/proc", "/dev"};

    if (strcmp(path, "/tmp") == 0) /* it has one of its own */
        return true;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (file_is_below(path, always[i]))
            return true;
    for (size_t i = 0; i < task->n_shown; i++)
        if (file_is_below(path, task->shown[i]))
            return true;
    return file_is_below(path, task->folder);
}

static bool is_told(const char *const *told, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(told[i], path) == 0)
            return true;
    return false;
}

/* A name may have any byte but NUL: none of them ends the line, or the quotes. */
static void add_name(struct text *out, const char *path)
{
    for (; *path; path++)
        text_printf(out, "%c", (unsigned char)*path < ' ' || *path == '"' ? '?' : *path);
}

static void tell(struct text *out, const struct asked_for *asked)
{
    text_add(out, "  it asked for ");
    add_name(out, asked->what);
    if (*asked->what != '/') {
        text_add(out, ", and there is none in its sandbox: what it fetches has to be among its "
                      "inputs, or the action says network = true\n");
    } else if (asked->makes) {
        text_add(out, " to write there, which is not in its folder: what it leaves has to be among "
                      "its outputs, hpo.output\n");
    } else {
        text_add(out, ", which is not among its inputs: add hpo.source \"");
        add_name(out, asked->what);
        text_add(out, "\"\n");
    }
}

/* Whether the line says that something is not there. */
static bool is_of_failure(const char *log, const char *at)
{
    const char *end = at + strcspn(at, "\n");

    while (at > log && at[-1] != '\n')
        at--;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const char *found = strstr(at, failures[i]);
        if (found && found < end)
            return true;
    }
    return false;
}

static void find_paths(const struct task *task, const char *log, struct arena *arena,
                       struct text *out)
{
    const char *told[MOST_TOLD];
    size_t n = 0;

    for (const char *at = log; *at && n < MOST_TOLD; at++) {
        const size_t length = strcspn(at, ends);
        const char *path;
        if (*at != '/' || length < 2 || (at > log && !strchr(ends, at[-1]) && at[-1] != '='))
            continue;
        if (!(path = arena_copy(arena, at, length)))
            return;
        if (is_of_failure(log, at) && !is_seen(task, path) && access(path, F_OK) == 0 &&
            !is_told(told, n, path)) {
            told[n++] = path;
            tell(out, &(struct asked_for){path, false});
        }
        at += length - 1;
    }
}

void missed_find(const struct task *task, const char *log, struct arena *arena, struct text *out)
{
    for (size_t i = 0; i < task->n_asked && i < MOST_TOLD; i++)
        tell(out, &task->asked[i]);
    if (!task->shown || task->n_asked > 0)
        return;
    find_paths(task, log, arena, out);
    for (size_t i = 0; i < sizeof no_network / sizeof *no_network && !task->network; i++)
        if (strstr(log, no_network[i])) {
            tell(out, &(struct asked_for){"the network", false});
            return;
        }
}
