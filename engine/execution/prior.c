/* prior: the file first, then the store. Start at prior_find. */
#include "engine/execution/prior.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "cache/records/history.h"
#include "engine/execution/build.h"

enum { SIZE_LIMIT = 64 << 20 };

/* What all the store's tables tell this study. */
static enum status gather(struct build *b, int calls, const char **text, int *n, struct error *err)
{
    struct study_table *tables;
    size_t n_tables;

    TRY(history_tables(b->store, NULL, NULL, NULL, b->arena, &tables, &n_tables, err));
    for (size_t i = 0; i < n_tables; i++)
        TRY(recipe_gather(b->recipe, calls, tables[i].body, b->arena, text, n, err));
    return recipe_gather(b->recipe, calls, NULL, b->arena, text, n, err);
}

/* Only what was gathered once is gathered anew: another file of the user's is not written over. */
static enum status refuse_other(struct build *b, const char *path, struct error *err)
{
    static const char *const parts[] = {"metric", "mode", "space", "trials"};
    struct error ignored;
    struct json *known;
    bool ours;
    char *bytes;
    size_t n;
    enum status s = file_read(path, SIZE_LIMIT, b->arena, &bytes, &n, &ignored);

    if (s == ERR_NOT_FOUND)
        return OK;
    ours = s == OK && json_parse(bytes, n, path, JSON_STRICT, b->arena, &known, &ignored) == OK &&
           known->kind == JSON_OBJECT;
    for (size_t i = 0; ours && i < sizeof parts / sizeof *parts; i++)
        ours = json_get(known, parts[i]) != NULL;
    if (ours)
        return OK;
    (void)error_set(err, ERR_INPUT, path,
                    "expected past trials, or nothing, where --update writes them, found another "
                    "file");
    error_hint(err, "move it away, or name another file in hpo.history");
    return ERR_INPUT;
}

/* Gathers, and writes it down. */
static enum status begin(struct build *b, int node, const char *path, const char **history,
                         struct error *err)
{
    const struct study_spec *spec = graph_node(b->graph, node)->study;
    const char *label = graph_label(b->graph, node);
    int n;

    if (!label)
        return error_memory(err);
    TRY(refuse_other(b, path, err));
    TRY(gather(b, spec->callbacks, history, &n, err));
    if (!b->writes)
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

enum status prior_find(struct build *b, int node, const char **history, struct error *err)
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
        return begin(b, node, path, history, err);
    TRY(s);
    TRY(json_parse(bytes, n, path, JSON_STRICT, b->arena, &checked, err));
    *history = bytes;
    return OK;
}
