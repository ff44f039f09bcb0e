/*
 * study_ask: what a study asks its searcher and scheduler. While the journal goes on it answers;
 * behind its end Lua is woken, hears everything once more, and answers from then on. Start at
 * study_ask.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/study/study_state.h"

/* What the journal calls the event. */
static void name_event(const struct event *e, char name[EVENT_NAME])
{
    const char *end = trial_end_word(e->report.end);
    char number[NUMBER_TEXT_MAX];

    (void)text_number(e->report.value, number);
    if (e->kind == EVENT_IDLE)
        (void)snprintf(name, EVENT_NAME, "idle");
    else if (e->kind == EVENT_SUGGEST)
        (void)snprintf(name, EVENT_NAME, "suggest %d", e->report.trial);
    else
        (void)snprintf(name, EVENT_NAME, "%s %d %d %s", end ? end : "report", e->report.trial,
                       e->report.t, number);
}

/* The parameters of a suggestion, or NULL: the searcher had nothing left. */
static const char *params_of(const struct event *e)
{
    return strcmp(e->answer, "null") == 0 ? NULL : e->answer;
}

/* An answer of the journal → decisions. */
static enum status parse_decisions(struct study *study, const char *answer, struct decision **out,
                                   size_t *n, struct error *err)
{
    struct json *list;

    TRY(json_parse(answer, strlen(answer), "journal", JSON_STRICT, study->c.arena, &list, err));
    *n = list->n;
    if (!(*out = arena_array(study->c.arena, list->n + 1, sizeof **out)))
        return error_memory(err);
    for (size_t i = 0; i < list->n; i++) {
        struct decision *d = &(*out)[i];
        const struct json *item = &list->items[i], *params = json_get(item, "params");
        const char *word;
        int64_t trial, parent, t;
        TRY(json_want_integer(item, "journal", "trial", 0, INT32_MAX, &trial, err));
        TRY(json_want_integer(item, "journal", "parent", -1, INT32_MAX, &parent, err));
        TRY(json_want_integer(item, "journal", "t", 0, INT32_MAX, &t, err));
        TRY(json_want_string(item, "journal", "decision", &word, err));
        if (!decision_parse(word, &d->kind))
            return error_set(err, ERR_CORRUPT, "journal", "no such decision: %s", word);
        d->trial = (int)trial;
        d->parent = (int)parent;
        d->t = (int)t;
        d->params = params && params->kind == JSON_STRING ? params->string : NULL;
    }
    return OK;
}

/* Decisions as the journal has them. */
static enum status write_decisions(const struct study *study, const struct decision *decisions,
                                   size_t n, const char **answer, struct error *err)
{
    struct text t = text_in(study->c.arena);

    text_add(&t, "[");
    for (size_t i = 0; i < n; i++) {
        text_printf(&t, "%s{\"decision\": \"%s\", \"parent\": %d, \"t\": %d, \"trial\": %d",
                    i ? ", " : "", decision_word(decisions[i].kind), decisions[i].parent,
                    decisions[i].t, decisions[i].trial);
        if (decisions[i].params) {
            text_add(&t, ", \"params\": ");
            json_write_string(&t, decisions[i].params);
        }
        text_add(&t, "}");
    }
    text_add(&t, "]");
    return text_finish(&t, (char **)answer, NULL, err);
}

/* Decisions come from a recipe's own code: each must name a trial. */
static enum status check_decisions(const struct study *study, const char *event,
                                   const struct decision *decisions, size_t n, struct error *err)
{
    const char *where = graph_node(study->c.graph, study->node)->where;

    assert(decisions || n == 0);
    for (size_t i = 0; i < n; i++) {
        const struct decision *d = &decisions[i];
        if (d->trial < 0 || d->trial >= (int)study->n_trials || d->parent >= (int)study->n_trials)
            return error_set(err, ERR_INPUT, where,
                             "the scheduler's answer to \"%s\" names a trial that does not exist",
                             event);
        if (d->kind == DECISION_EXPLOIT && d->parent < 0)
            return error_set(err, ERR_INPUT, where,
                             "the scheduler's answer to \"%s\": an exploit without parent", event);
    }
    return OK;
}

static enum status tell(struct study *study, const struct event *e, struct decision **decisions,
                        size_t *n, struct error *err)
{
    struct recipe *r = study->c.recipe;
    int calls = study->spec->callbacks;

    if (e->kind == EVENT_IDLE)
        return recipe_idle(r, calls, study->c.arena, decisions, n, err);
    return recipe_report(r, calls, &e->report, study->c.arena, decisions, n, err);
}

/* Asks again what was answered before; NULL: our own searchers need not be asked. */
static enum status ask_again(struct study *study, const struct event *e, const char **answer,
                             struct error *err)
{
    struct recipe *r = study->c.recipe;
    int calls = study->spec->callbacks;
    struct decision *decisions;
    char name[EVENT_NAME];
    size_t n;

    if (e->kind == EVENT_SUGGEST) {
        TRY(recipe_suggest_again(r, calls, e->report.trial, study->c.arena, answer, err));
        return params_of(e) ? recipe_start(r, calls, e->report.trial, params_of(e), err) : OK;
    }
    name_event(e, name);
    TRY(tell(study, e, &decisions, &n, err));
    TRY(check_decisions(study, name, decisions, n, err));
    TRY(recipe_observe(r, calls, &e->report, err));
    return write_decisions(study, decisions, n, answer, err);
}

static enum status warm_up(struct study *study, struct error *err)
{
    char *history;

    if (study->c.history)
        return recipe_warm(study->c.recipe, study->spec->callbacks, study->c.history, err);
    if (!study->c.warm)
        return OK;
    TRY(study_history(study->c.warm, study->c.arena, &history, err));
    return recipe_warm(study->c.recipe, study->spec->callbacks, history, err);
}

/*
 * Tells a fresh searcher and scheduler everything that happened so far. Their answers are known:
 * that they are the same again is what all reuse of them rests on.
 */
enum status study_wake(struct study *study, struct error *err)
{
    char name[EVENT_NAME];
    const char *answer;

    if (study->awake)
        return OK;
    TRY(recipe_wake(study->c.recipe, study->spec->callbacks, err));
    TRY(warm_up(study, err));
    for (size_t i = 0; i < study->n_events; i++) {
        const struct event *e = &study->events[i];
        TRY(ask_again(study, e, &answer, err));
        if (!answer || strcmp(answer, e->answer) == 0)
            continue;
        name_event(e, name);
        (void)error_set(err, ERR_INPUT, graph_node(study->c.graph, study->node)->where,
                        "the %s's answer to \"%s\" was %s, and asked again it is %s",
                        e->kind == EVENT_SUGGEST ? "searcher" : "scheduler", name, e->answer,
                        answer);
        error_hint(err,
                   "it may depend on nothing but what it is told: keep what it remembers in the "
                   "object that is opened");
        return ERR_INPUT;
    }
    study->awake = true;
    return OK;
}

enum status study_ask_again(struct study *study, struct error *err)
{
    study->awake = false;
    return study_wake(study, err);
}

bool study_answer(const struct study *study, size_t i, char name[EVENT_NAME], const char **answer)
{
    if (i >= study->n_events)
        return false;
    name_event(&study->events[i], name);
    *answer = study->events[i].answer;
    return true;
}

static enum status remember(struct study *study, const struct event *e, struct error *err)
{
    struct event *last =
        arena_push(study->c.arena, study->events, study->n_events, study->event_capacity);

    if (!last)
        return error_memory(err);
    *last = *e;
    return OK;
}

enum status study_ask_params(struct study *study, const char **params, struct error *err)
{
    struct event e = {.kind = EVENT_SUGGEST, .report = {.trial = (int)study->n_trials}};
    int calls = study->spec->callbacks;
    char event[EVENT_NAME];

    name_event(&e, event);
    TRY(journal_follow(&study->journal, event, study->c.arena, &e.answer, err));
    if (e.answer && !study->awake) {
        *params = params_of(&e);
        return remember(study, &e, err);
    }
    TRY(study_wake(study, err));
    TRY(recipe_suggest(study->c.recipe, calls, e.report.trial, study->c.arena, params, err));
    if (*params)
        TRY(recipe_start(study->c.recipe, calls, e.report.trial, *params, err));
    e.answer = *params ? *params : "null";
    TRY(journal_write(&study->journal, e.answer, err));
    return remember(study, &e, err);
}

enum status study_ask(struct study *study, struct event *e, struct decision **decisions, size_t *n,
                      struct error *err)
{
    struct recipe *r = study->c.recipe;
    int calls = study->spec->callbacks;
    char name[EVENT_NAME];

    name_event(e, name);
    TRY(journal_follow(&study->journal, name, study->c.arena, &e->answer, err));
    if (e->answer && !study->awake) {
        TRY(parse_decisions(study, e->answer, decisions, n, err));
        TRY(check_decisions(study, name, *decisions, *n, err));
        return remember(study, e, err);
    }
    TRY(study_wake(study, err));
    TRY(tell(study, e, decisions, n, err));
    for (size_t i = 0; i < *n && study->c.replay; i++)
        TRY(recipe_why(r, calls, (*decisions)[i].trial, study->c.arena, &(*decisions)[i].why, err));
    TRY(check_decisions(study, name, *decisions, *n, err));
    TRY(recipe_observe(r, calls, &e->report, err));
    TRY(write_decisions(study, *decisions, *n, &e->answer, err));
    TRY(journal_write(&study->journal, e->answer, err));
    return remember(study, e, err);
}
