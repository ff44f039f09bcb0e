/* shebang: looks at the first line of a program. */
#include "engine/execution/shebang.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 256 };

/* The beginning of the program that an action runs, as a string; "" where it is not at hand. */
static void read_start(struct build *b, const struct action *a, char start[LINE_BYTES])
{
    const struct content *input = NULL;
    const char *path = NULL;
    struct error ignored;
    ssize_t n = 0;
    int fd;

    for (size_t i = 0; strncmp(a->run[0], "./", 2) == 0 && i < a->n_inputs; i++)
        if (strcmp(a->inputs[i].name, a->run[0] + 2) == 0 && !a->inputs[i].path)
            input = &work_of(b, a->inputs[i].node)->content;
    if (input && input->origin == FROM_SOURCE)
        path = input->path;
    else if (!input && tool_path(b->tools, a->run[0], &path, &ignored) != OK)
        path = NULL;
    if (path && (fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        n = read(fd, start, LINE_BYTES - 1);
        close(fd);
    }
    start[n > 0 ? n : 0] = '\0';
}

void shebang_warn(struct build *b, int node)
{
    const struct action *a = &graph_node(b->graph, node)->action;
    const char *identity = work_of(b, node)->identity;
    char start[LINE_BYTES], *inside;

    if (b->said_script || a->fetch || a->identity ||
        (identity && strncmp(identity, "python ", 7) == 0))
        return;
    read_start(b, a, start);
    if (strncmp(start, "#!", 2) != 0)
        return;
    inside = start + 2 + strspn(start + 2, " \t");
    inside[strcspn(inside, "\r\n")] = '\0';
    b->said_script = true;
    progress_warning(b->progress,
                     "%s is a \"#!\" program: %s and what that imports are in no key; "
                     "run = { \"INTERPRETER\", \"SCRIPT\", ... } puts them there, or "
                     "identity = { ... } names a version",
                     a->run[0], inside);
}
