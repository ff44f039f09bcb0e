/* shebang: looks at the first line of a program. */
#include "engine/execution/shebang.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/process/python.h"

enum { LINE_BYTES = 256 };

/* The file that an action runs; NULL where it is not at hand, for another action makes it. */
static const char *find_program(struct build *b, const struct action *a)
{
    const char *path;
    struct error ignored;

    if (tool_path(b->tools, a->run[0], &path, &ignored) != OK)
        return NULL;
    for (size_t i = 0; !path && i < a->n_inputs; i++) {
        const struct content *input = &work_of(b, a->inputs[i].node)->content;
        if (strcmp(a->inputs[i].name, a->run[0] + 2) == 0 && !a->inputs[i].path &&
            input->origin == FROM_SOURCE)
            path = input->path;
    }
    return path;
}

/* What stands behind the mark in the first line, as a string; false: there is no mark. */
static bool read_mark(const char *path, char line[LINE_BYTES], const char **behind)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, line, LINE_BYTES - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (n < 2 || memcmp(line, "#!", 2) != 0)
        return false;
    line[n] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    *behind = line + 2 + strspn(line + 2, " \t");
    return true;
}

void shebang_warn(struct build *b, int node)
{
    const struct action *a = &graph_node(b->graph, node)->action;
    const size_t few = sizeof b->no_script / sizeof *b->no_script;
    char line[LINE_BYTES];
    const char *path, *behind;

    if (b->said_script || a->fetch || a->identity || !(path = find_program(b, a)))
        return;
    for (size_t i = 0; i < few; i++)
        if (path == b->no_script[i])
            return;
    b->said_script = !python_is(path) && read_mark(path, line, &behind);
    b->no_script[b->n_no_script++ % few] = path;
    if (b->said_script)
        progress_warning(b->progress,
                         "%s is a \"#!\" program: %s and what that imports are in no key; "
                         "run = { \"INTERPRETER\", \"SCRIPT\", ... } puts them there, or "
                         "identity = { ... } names a version",
                         a->run[0], behind);
}
