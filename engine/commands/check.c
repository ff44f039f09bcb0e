/* hpo check: whether a study's searcher and scheduler answer the same when they are asked again. */
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/build.h"
#include "engine/execution/session.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"

struct checked {
    struct arena *arena;
    const char *study;
    const char **names, **answers;
    size_t n;
};

/* The first run: keeps the answers, and asks once more within the same Lua. */
static enum status keep_answers(struct build *b, int node, void *context, struct error *err)
{
    struct checked *c = context;
    struct study *study = work_of(b, node)->study;
    char name[EVENT_NAME];
    const char *answer;

    while (study_answer(study, c->n, name, &answer))
        c->n++;
    c->names = arena_array(c->arena, c->n + 1, sizeof *c->names);
    c->answers = arena_array(c->arena, c->n + 1, sizeof *c->answers);
    if (!c->names || !c->answers ||
        !(c->study = arena_string(c->arena, graph_label(b->graph, node))))
        return error_memory(err);
    for (size_t i = 0; study_answer(study, i, name, &answer); i++) {
        c->names[i] = arena_string(c->arena, name);
        c->answers[i] = arena_string(c->arena, answer);
        if (!c->names[i] || !c->answers[i])
            return error_memory(err);
    }
    return study_ask_again(study, err);
}

/* The second one, in which tables have another order. */
static enum status compare_answers(struct build *b, int node, void *context, struct error *err)
{
    const struct checked *c = context;
    const struct study *study = work_of(b, node)->study;
    char name[EVENT_NAME];
    const char *answer;

    for (size_t i = 0; i < c->n && study_answer(study, i, name, &answer); i++) {
        if (strcmp(name, c->names[i]) == 0 && strcmp(answer, c->answers[i]) == 0)
            continue;
        (void)error_set(
            err, ERR_INPUT, graph_node(b->graph, node)->where,
            "the %s's answer to \"%s\" was %s, and with tables in another order it is %s",
            strncmp(name, "suggest", 7) == 0 ? "searcher" : "scheduler", name, c->answers[i],
            answer);
        error_hint(err,
                   "pairs is sorted in a recipe; what depends on that order will depend on names");
        return ERR_INPUT;
    }
    return OK;
}

static enum status check(const struct options *o, struct store *store, struct arena *arena,
                         struct error *err)
{
    const struct recipe_change reversed = {.study = -1, .reversed = true};
    const char *study = o->n_words > 0 ? o->words[0] : NULL;
    struct checked c = {.arena = arena};
    char *line;

    TRY(session_replay(o, store, study, NULL, keep_answers, &c, err));
    TRY(session_replay(o, store, study, &reversed, compare_answers, &c, err));
    line =
        arena_printf(arena,
                     "%s: %zu answers of its searcher and scheduler are the same asked again, and "
                     "with tables in another order\n",
                     c.study, c.n);
    return line ? progress_result(line, strlen(line), err) : error_memory(err);
}

enum status check_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, check, err);
}
