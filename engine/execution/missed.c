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

enum { MOST_TOLD = 3 };

static const char ends[] = " \t\r\n'\"`,;:()[]{}<>|";

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

static void tell(struct text *out, const char *path)
{
    if (*path == '/')
        text_printf(out,
                    "  it asked for %s, which is not among its inputs: add hpo.source \"%s\"\n",
                    path, path);
    else
        text_printf(out,
                    "  it asked for %s, and there is none in its sandbox: what it fetches has to "
                    "be among its inputs, or the action says network = true\n",
                    path);
}

void missed_find(const struct task *task, const char *log, struct arena *arena, struct text *out)
{
    const char *told[MOST_TOLD];
    size_t n = 0;

    if (!task->shown)
        return;
    for (size_t i = 0; i < task->n_asked && i < MOST_TOLD; i++)
        tell(out, task->asked[i]);
    if (task->n_asked > 0)
        return;
    for (const char *at = log; *at && n < MOST_TOLD; at++) {
        const size_t length = strcspn(at, ends);
        const char *path;
        if (*at != '/' || length < 2 || (at > log && !strchr(ends, at[-1]) && at[-1] != '='))
            continue;
        path = arena_copy(arena, at, length);
        at += length - 1;
        if (!path || is_seen(task, path) || access(path, F_OK) != 0 || is_told(told, n, path))
            continue;
        told[n++] = path;
        tell(out, path);
    }
    for (size_t i = 0; i < sizeof no_network / sizeof *no_network; i++)
        if (strstr(log, no_network[i])) {
            tell(out, "the network");
            return;
        }
}
