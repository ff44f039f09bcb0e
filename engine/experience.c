/* experience: the file first, then the store. Start at experience_find. */
#include "engine/experience.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/history.h"
#include "engine/build.h"

enum { SIZE_LIMIT = 64 << 20 };

/* Every study's table in the store, as one JSON list. */
static enum status read_tables(struct build *b, char **json, struct error *err)
{
    struct study_table *tables;
    struct text t = text_in(b->arena);
    size_t n;

    TRY(history_tables(b->store, NULL, NULL, NULL, b->arena, &tables, &n, err));
    text_add(&t, "[");
    for (size_t i = 0; i < n; i++) {
        text_add(&t, i ? ", " : "");
        text_add(&t, tables[i].body);
    }
    text_add(&t, "]");
    return text_finish(&t, json, NULL, err);
}

static enum status gather(struct build *b, int node, const char *path, const char **history,
                          struct error *err)
{
    const struct study_spec *spec = graph_node(b->graph, node)->study;
    const char *label = graph_label(b->graph, node);
    char *tables;
    int n;

    if (!label)
        return error_memory(err);
    TRY(read_tables(b, &tables, err));
    TRY(recipe_gather(b->recipe, spec->calls, tables, b->arena, history, &n, err));
    if (b->o->dry_run)
        return OK;
    TRY(file_write(path, *history, strlen(*history), err));
    if (n > 0)
        progress_line(b->progress, "%s begins with %d trials of past studies, now in %s", label, n,
                      spec->history);
    else
        progress_line(b->progress,
                      "%s begins cold: no past study has a trial of its space, and %s says so; "
                      "--update looks again",
                      label, spec->history);
    return OK;
}

enum status experience_find(struct build *b, int node, const char **history, struct error *err)
{
    const char *file = graph_node(b->graph, node)->study->history;
    struct json *checked;
    enum status s = ERR_NOT_FOUND;
    char *path, *bytes;
    size_t n;

    *history = NULL;
    if (!file)
        return OK;
    if (!(path = file_join(b->arena, recipe_folder(b->recipe), file)))
        return error_memory(err);
    if (!b->o->update)
        s = file_read(path, SIZE_LIMIT, b->arena, &bytes, &n, err);
    if (s == ERR_NOT_FOUND)
        return gather(b, node, path, history, err);
    TRY(s);
    TRY(json_parse(bytes, n, path, JSON_STRICT, b->arena, &checked, err));
    *history = bytes;
    return OK;
}
