/* hpo table: the trials of the last build of a recipe, or of an older one, as it left them in the
 * store. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "cache/records/history.h"
#include "engine/commands/commands.h"
#include "engine/commands/past.h"
#include "engine/commands/reader.h"
#include "engine/execution/kept.h"
#include "engine/execution/session.h"
#include "engine/execution/spoken.h"
#include "engine/graph/graph.h"
#include "engine/graph/node.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"
#include "engine/running.h"

static enum status print_json(const struct study_table *tables, size_t n, bool one,
                              struct arena *arena, struct error *err)
{
    struct text t = text_in(arena);
    char *line;
    size_t length;

    if (!one)
        text_add(&t, "{\"studies\": [");
    for (size_t i = 0; i < n; i++)
        text_printf(&t, "%s%s", i ? ", " : "", tables[i].body);
    text_add(&t, one ? "\n" : "]}\n");
    TRY(text_finish(&t, &line, &length, err));
    return progress_result(line, length, err);
}

/* {"studies": [...], "sort": , "top": } */
static enum status write_view(const struct options *o, const struct study_table *tables, size_t n,
                              struct arena *arena, char **view, struct error *err)
{
    struct text t = text_in(arena);

    text_add(&t, "{\"studies\": [");
    for (size_t i = 0; i < n; i++)
        text_printf(&t, "%s%s", i ? ", " : "", tables[i].body);
    text_add(&t, "]");
    if (o->sort) {
        text_add(&t, ", \"sort\": ");
        json_write_string(&t, o->sort);
    }
    if (o->top > 0)
        text_printf(&t, ", \"top\": %d", o->top);
    text_add(&t, "}");
    return text_finish(&t, view, NULL, err);
}

static enum status refuse_rows(const struct options *o, struct error *err)
{
    const char *flag = o->sort ? "--sort" : "--top";

    if (!o->json || (!o->sort && o->top == 0))
        return OK;
    (void)error_set(err, ERR_INPUT, flag, "--json has all trials, in their order");
    error_hint(err, "%s goes with the table for people, and with --csv", flag);
    return ERR_INPUT;
}

/* The tables of a build that newer ones may have followed. */
static enum status find_past(const struct options *o, struct store *store, const char *recipe,
                             const char *study, struct arena *arena, struct study_table **tables,
                             size_t *n, struct error *err)
{
    struct kept_build kept;
    struct run run;

    TRY(past_run(o, store, recipe, arena, &run, err));
    TRY(kept_find(store, o->run, arena, &kept, err));
    *tables = kept.tables;
    *n = 0;
    for (size_t i = 0; i < kept.n_tables; i++)
        if (!study || strcmp(kept.tables[i].study, study) == 0)
            kept.tables[(*n)++] = kept.tables[i];
    if (*n > 0)
        return OK;
    return error_set(err, ERR_INPUT, o->recipe, "run %d has no study%s%s%s with a trial", o->run,
                     study ? " \"" : "", study ? study : "", study ? "\"" : "");
}

/* Whether the recipe, if it can be read, has the study. */
static enum status find_study(const struct options *o, const char *study, bool *found,
                              struct error *err)
{
    struct graph *graph;
    struct recipe *recipe;
    struct error unread;
    const enum status s = session_graph(o, &graph, &recipe, &unread);

    *found = false;
    if (s == ERR_MEMORY)
        return error_memory(err);
    if (s != OK)
        return OK;
    for (int i = 0; i < graph_size(graph) && !*found; i++)
        *found =
            graph_node(graph, i)->kind == NODE_STUDY && strcmp(graph_label(graph, i), study) == 0;
    recipe_close(recipe);
    graph_close(graph);
    return OK;
}

/* No build has left a table, for one of three reasons. */
static enum status refuse(const struct options *o, struct store *store, const char *recipe,
                          const char *arguments, const char *study, struct arena *arena,
                          struct error *err)
{
    int64_t killed;
    bool found = false;

    TRY(running_killed(store, recipe, arguments, arena, &killed, err));
    if (killed) {
        (void)error_set(err, ERR_INPUT, o->recipe, "run %lld was killed before it left a table",
                        (long long)killed);
        error_hint(err, "the next hpo build %s goes on from what it has stored", o->recipe);
        return ERR_INPUT;
    }
    if (study)
        TRY(find_study(o, study, &found, err));
    if (found)
        (void)error_set(err, ERR_INPUT, o->recipe,
                        "no build of it here has a trial of study \"%s\"", study);
    else if (study)
        (void)error_set(err, ERR_INPUT, o->recipe, "no build of it here has a study \"%s\"", study);
    else
        (void)error_set(err, ERR_INPUT, o->recipe, "no build of it here has a study with a trial");
    error_hint(err, "hpo build %s, with the same --set", o->recipe);
    return ERR_INPUT;
}

/* Those of a build that runs, or of the last one, with the --set that were typed. */
static enum status find_last(const struct options *o, struct store *store, const char *recipe,
                             const char *study, struct arena *arena, struct study_table **tables,
                             size_t *n, struct error *err)
{
    const char *arguments = NULL, *what;
    struct running_build live;
    struct error unread;
    enum status s = OK;

    if (o->n_sets > 0 && (s = session_arguments(o, arena, &arguments, &unread)) != OK &&
        !(arguments = options_arguments(o, arena))) /* tables outlive a recipe that can be read */
        return error_memory(err);
    TRY(running_find(store, recipe, arguments, 0, arena, &live, err));
    TRY(history_tables(store, recipe, live.run ? live.arguments : arguments, study, arena, tables,
                       n, err));
    TRY(running_tables(&live, study, arena, tables, n, err));
    if (*n > 0) {
        const int64_t run = history_tables_run(*tables, *n);
        TRY(spoken_build(o, run, (*tables)[0].arguments, arena, err));
        if (live.run)
            return spoken_running(live.run, run, err);
        what = arena_printf(arena, "table: this is of run %lld", (long long)run);
        return what ? spoken_killed(store, recipe, arguments, what, arena, err) : error_memory(err);
    }
    if (s != OK) {
        *err = unread;
        return s;
    }
    if (live.run)
        return error_set(err, ERR_INPUT, o->recipe,
                         "run %lld is running, and no trial of %s has begun", (long long)live.run,
                         study ? study : "it");
    return refuse(o, store, recipe, arguments, study, arena, err);
}

static enum status print_tables(const struct options *o, struct store *store, struct arena *arena,
                                struct error *err)
{
    const char *recipe, *study = o->n_words > 0 ? o->words[0] : NULL;
    struct study_table *tables = NULL;
    char *view, *text, *csv;
    size_t n = 0;

    TRY(refuse_rows(o, err));
    TRY(session_recipe(o, arena, &recipe, err));
    if (o->run > 0)
        TRY(find_past(o, store, recipe, study, arena, &tables, &n, err));
    else
        TRY(find_last(o, store, recipe, study, arena, &tables, &n, err));
    if (o->json)
        return print_json(tables, n, n == 1, arena, err);
    TRY(write_view(o, tables, n, arena, &view, err));
    TRY(recipe_table("studies", view, arena, &text, &csv, err));
    return o->csv ? progress_data(csv, strlen(csv), err) : progress_result(text, strlen(text), err);
}

enum status table_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, print_tables, err);
}
