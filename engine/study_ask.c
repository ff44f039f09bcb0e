/*
 * study_ask: what a study asks its searcher and scheduler. While the journal goes on it answers;
 * behind its end Lua is woken, hears everything once more, and answers from then on. Start at
 * study_ask.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/study_state.h"

static enum status tell(struct study *study, const struct event *e, struct decision **decisions,
                        size_t *n, struct error *err)
{
    struct recipe *r = study->c.recipe;
    int calls = study->spec->calls;

    if (e->kind == EVENT_IDLE)
        return recipe_idle(r, calls, study->c.arena, decisions, n, err);
    return recipe_report(r, calls, &e->report, study->c.arena, decisions, n, err);
}

/* Tells a fresh searcher and scheduler everything that happened so far; their answers are known. */
enum status study_wake(struct study *study, struct error *err)
{
    int calls = study->spec->calls;
    struct recipe *r = study->c.recipe;
    struct decision *decisions;
    size_t n;

    if (study->awake)
        return OK;
    TRY(recipe_wake(r, calls, err));
    for (size_t i = 0; i < study->n_events; i++) {
        const struct event *e = &study->events[i];
        if (e->kind == EVENT_SUGGEST) {
            TRY(recipe_replay(r, calls, e->report.trial, err));
            if (e->params)
                TRY(recipe_start(r, calls, e->report.trial, e->params, err));
            continue;
        }
        TRY(tell(study, e, &decisions, &n, err));
        TRY(recipe_observe(r, calls, &e->report, err));
    }
    study->awake = true;
    return OK;
}

static enum status remember(struct study *study, const struct event *e, struct error *err)
{
    if (study->n_events == study->event_capacity) {
        struct event *larger =
            arena_grow(study->c.arena, study->events, study->n_events, study->n_events + 1,
                       sizeof *study->events, &study->event_capacity);
        if (!larger)
            return error_memory(err);
        study->events = larger;
    }
    study->events[study->n_events++] = *e;
    return OK;
}

enum status study_ask_params(struct study *study, const char **params, struct error *err)
{
    struct event e = {.kind = EVENT_SUGGEST, .report = {.trial = (int)study->n_trials}};
    int calls = study->spec->calls;
    const char *answer;
    char event[32];

    (void)snprintf(event, sizeof event, "suggest %d", e.report.trial);
    TRY(journal_follow(&study->journal, event, study->c.arena, &answer, err));
    if (answer && !study->awake) {
        e.params = strcmp(answer, "null") == 0 ? NULL : answer;
    } else {
        TRY(study_wake(study, err));
        TRY(recipe_suggest(study->c.recipe, calls, e.report.trial, study->c.arena, &e.params, err));
        if (e.params)
            TRY(recipe_start(study->c.recipe, calls, e.report.trial, e.params, err));
        TRY(journal_write(&study->journal, e.params ? e.params : "null", err));
    }
    *params = e.params;
    return remember(study, &e, err);
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
        int64_t trial, parent, t;
        TRY(json_want_integer(item, "journal", "trial", 0, INT32_MAX, &trial, err));
        TRY(json_want_integer(item, "journal", "parent", -1, INT32_MAX, &parent, err));
        TRY(json_want_integer(item, "journal", "t", 0, INT32_MAX, &t, err));
        TRY(json_want_string(item, "journal", "decision", &d->decision, err));
        d->trial = (int)trial;
        d->parent = (int)parent;
        d->t = (int)t;
        d->params = params && params->kind == JSON_STRING ? params->string : NULL;
    }
    return OK;
}

static enum status write_decisions(struct study *study, const struct decision *decisions, size_t n,
                                   struct error *err)
{
    struct text t = text_in(study->c.arena);
    char *answer;

    text_add(&t, "[");
    for (size_t i = 0; i < n; i++) {
        text_printf(&t, "%s{\"decision\": ", i ? ", " : "");
        json_write_string(&t, decisions[i].decision);
        text_printf(&t, ", \"parent\": %d, \"t\": %d, \"trial\": %d", decisions[i].parent,
                    decisions[i].t, decisions[i].trial);
        if (decisions[i].params) {
            text_add(&t, ", \"params\": ");
            json_write_string(&t, decisions[i].params);
        }
        text_add(&t, "}");
    }
    text_add(&t, "]");
    TRY(text_finish(&t, &answer, NULL, err));
    return journal_write(&study->journal, answer, err);
}

/* What the journal calls the event. */
static void name_event(const struct event *e, char *out, size_t size)
{
    char number[NUMBER_TEXT_MAX];

    (void)text_number(e->report.value, number);
    if (e->kind == EVENT_IDLE)
        (void)snprintf(out, size, "idle");
    else
        (void)snprintf(out, size, "%s %d %d %s", e->report.end ? e->report.end : "report",
                       e->report.trial, e->report.t, number);
}

/* Decisions come from a recipe's own code: each must name a trial. */
static enum status check_decisions(const struct study *study, const char *event,
                                   const struct decision *decisions, size_t n, struct error *err)
{
    static const char *const words[] = {"continue", "stop", "complete", "pause", "exploit", "drop"};
    const char *where = graph_node(study->c.graph, study->node)->where;

    for (size_t i = 0; i < n; i++) {
        const struct decision *d = &decisions[i];
        bool known = false;
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            known |= d->decision && strcmp(d->decision, words[w]) == 0;
        if (!known)
            return error_set(err, ERR_INPUT, where,
                             "the scheduler's answer to \"%s\": expected continue, stop, complete, "
                             "pause, exploit or drop, found \"%s\"",
                             event, d->decision ? d->decision : "nil");
        if (d->trial < 0 || d->trial >= (int)study->n_trials || d->parent >= (int)study->n_trials)
            return error_set(err, ERR_INPUT, where,
                             "the scheduler's answer to \"%s\" names a trial that does not exist",
                             event);
        if (strcmp(d->decision, "exploit") == 0 && d->parent < 0)
            return error_set(err, ERR_INPUT, where,
                             "the scheduler's answer to \"%s\": an exploit without parent", event);
    }
    return OK;
}

enum status study_ask(struct study *study, const struct event *e, struct decision **decisions,
                      size_t *n, struct error *err)
{
    struct recipe *r = study->c.recipe;
    int calls = study->spec->calls;
    char event[96];
    const char *answer;

    name_event(e, event, sizeof event);
    TRY(journal_follow(&study->journal, event, study->c.arena, &answer, err));
    if (answer && !study->awake) {
        TRY(parse_decisions(study, answer, decisions, n, err));
        TRY(check_decisions(study, event, *decisions, *n, err));
        return remember(study, e, err);
    }
    TRY(study_wake(study, err));
    TRY(tell(study, e, decisions, n, err));
    for (size_t i = 0; i < *n && study->c.rehearsal; i++)
        TRY(recipe_why(r, calls, (*decisions)[i].trial, study->c.arena, &(*decisions)[i].why, err));
    TRY(check_decisions(study, event, *decisions, *n, err));
    TRY(recipe_observe(r, calls, &e->report, err));
    TRY(write_decisions(study, *decisions, *n, err));
    return remember(study, e, err);
}
