/* target_name: extensions, and two targets that would share a name. */
#include "engine/graph/target_name.h"

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"

enum { EXTENSION_MAX = 8 };

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Where the extension of the first n bytes of a name begins; n: it has none. */
static size_t find_extension(const char *name, size_t n)
{
    size_t i = n;

    while (i > 0 && is_letter_or_digit(name[i - 1]))
        i--;
    return i > 1 && name[i - 1] == '.' && i < n && n - i <= EXTENSION_MAX ? i - 1 : n;
}

static bool is_packed(const char *extension)
{
    static const char *const names[] = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".br", ".Z"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(extension, names[i]) == 0)
            return true;
    return false;
}

const char *target_extension(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t i = find_extension(name, strlen(name));

    if (is_packed(name + i))
        i = find_extension(name, i);
    return name + i;
}

/* The path or name of the one file that a target may be, or NULL where it has none. */
static const char *find_file(struct graph *graph, int id, const char *path)
{
    while (!path) {
        const struct node *node = graph_node(graph, id);
        switch (node->kind) {
        case NODE_SOURCE:
            return node->source.path;
        case NODE_TEXT:
            return node->text.name;
        case NODE_ACTION:
            return !node->action.fetch && node->action.n_outputs == 1 ? node->action.outputs[0]
                                                                      : NULL;
        case NODE_AFTER:
            if (node->after.node < 0)
                return NULL;
            id = node->after.node;
            path = node->after.path;
            break;
        case NODE_TABLE:
            return "table.json";
        case NODE_STUDY:
        case NODE_BEST:
        case NODE_COMPARE:
            return NULL;
        }
    }
    return path;
}

const char *target_file_name(struct graph *graph, const struct target *target)
{
    const char *file = find_file(graph, target->node, target->path);
    const char *extension = file ? target_extension(file) : "";
    const size_t n = strlen(target->name), n_extension = strlen(extension);

    if (n >= n_extension && strcmp(target->name + n - n_extension, extension) == 0)
        return target->name;
    return arena_printf(graph_arena(graph), "%s%s", target->name, extension);
}

/* The target whose name is the first n bytes; targets are sorted. NULL: there is none. */
static const struct target *find_target(const struct target *targets, size_t n_targets,
                                        const char *name, size_t n)
{
    size_t low = 0, high = n_targets;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strncmp(targets[middle].name, name, n);
        if (order == 0 && targets[middle].name[n] == '\0')
            return &targets[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Of two targets that share a name, one's own is the other's own up to a dot: the longer one finds
 * the shorter. */
static enum status check_name(struct graph *graph, const struct target *target, struct error *err)
{
    const struct target *targets, *other;
    const size_t n = graph_targets(graph, &targets);
    const char *name = target_file_name(graph, target), *file;

    if (!name)
        return error_memory(err);
    for (const char *dot = target->name; (dot = strchr(dot, '.')); dot++) {
        if (!(other = find_target(targets, n, target->name, (size_t)(dot - target->name))))
            continue;
        if (!(file = target_file_name(graph, other)))
            return error_memory(err);
        if (strcmp(file, name) != 0 && strcmp(file, target->name) != 0)
            continue;
        (void)error_set(err, ERR_INPUT, graph_node(graph, target->node)->where,
                        "targets \"%s\" and \"%s\" would both be \"%s\" in out/", other->name,
                        target->name, file);
        error_hint(err, "a target that is one file keeps that file's extension: give one of the "
                        "two another name");
        return ERR_INPUT;
    }
    return OK;
}

enum status target_names_check(struct graph *graph, struct error *err)
{
    const struct target *targets;
    const size_t n = graph_targets(graph, &targets);

    for (size_t i = 0; i < n; i++)
        TRY(check_name(graph, &targets[i], err));
    return OK;
}
