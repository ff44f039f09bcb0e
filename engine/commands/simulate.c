/* hpo simulate: what another scheduler or searcher would have done with the known units. */
#include <math.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/commands/commands.h"
#include "engine/commands/reader.h"
#include "engine/execution/build.h"
#include "engine/execution/resolve.h"
#include "engine/execution/session.h"
#include "engine/options.h"
#include "engine/recipe/recipe.h"

/* One of the two runs that are compared; its JSON is added to out. */
struct simulated {
    struct text *out;
    struct arena *arena;
    struct recipe_change *change; /* the first run says of which study */
    bool again;                   /* it is the second */
};

/* What the study is called in the graph, its metric, and which of the recipe's studies it is. */
static void name_study(struct build *b, int node, struct simulated *s)
{
    s->change->samples = graph_node(b->graph, node)->study->samples;
    for (int i = 0; i < node; i++)
        s->change->study += graph_node(b->graph, i)->kind == NODE_STUDY;
    text_add(s->out, "{\"study\": ");
    json_write_string(s->out, graph_label(b->graph, node));
    text_add(s->out, ", \"metric\": ");
    json_write_string(s->out, graph_node(b->graph, node)->study->metric);
    text_add(s->out, ", \"runs\": [");
}

/* "search": {...}, "scheduler": {...} */
static enum status write_methods(const struct study_spec *spec, struct simulated *s,
                                 struct error *err)
{
    static const char *const parts[] = {"search", "scheduler"};
    struct json *identity;

    TRY(json_parse(spec->identity, __builtin_strlen(spec->identity), "identity", JSON_STRICT,
                   s->arena, &identity, err));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        text_printf(s->out, "%s\"%s\": ", i ? ", " : "", parts[i]);
        json_write(s->out, json_get(identity, parts[i]));
    }
    return OK;
}

/* The best, and what all took. */
static void write_outcome(const struct study *study, struct simulated *s)
{
    struct study_counts counts;
    struct study_totals totals;
    const char *params = "null";
    const struct unit *unit;
    double value = NAN, spent;
    int best;

    study_count(study, &counts);
    study_total(study, &totals);
    unit = study_best(study, &best, &params, &value);
    spent = study_spec(study)->concurrency * totals.time;
    text_printf(s->out, ", \"trials\": %d, \"stopped\": %d, \"failed\": %d, \"units\": %lld",
                counts.trials, counts.stopped, counts.failed, (long long)totals.units);
    text_add(s->out, ", \"best\": ");
    text_add(s->out, best < 0 ? "null" : "");
    if (best >= 0)
        text_printf(s->out, "%d, \"t\": %d", best, unit->t);
    text_add(s->out, ", \"value\": ");
    json_write_number(s->out, value);
    text_printf(s->out, ", \"params\": %s, \"time\": ", params);
    json_write_number(s->out, totals.time);
    text_add(s->out, ", \"idle\": ");
    json_write_number(s->out, spent > 0 ? 1 - totals.busy / spent : 0);
}

/* The units without which it cannot be decided. */
static enum status write_missing(struct build *b, struct study *study, struct simulated *s,
                                 struct error *err)
{
    struct demand *runs;
    int trial, t;
    size_t n;

    TRY(study_demands(study, s->arena, &runs, &n, err));
    text_add(s->out, ", \"missing\": [");
    for (size_t i = 0; i < n; i++) {
        bool failed;
        TRY(resolve_template(b, runs[i].template, &failed, err));
        text_printf(s->out, "%s{\"trial\": %d, \"from\": %d, \"until\": %d, \"inputs\": %s}",
                    i ? ", " : "", runs[i].trial, runs[i].from ? runs[i].from->t + 1 : 1,
                    runs[i].until, runs[i].template->keyed ? "true" : "false");
    }
    text_add(s->out, "]");
    if (n > 0 && study_next(study, &trial, &t))
        text_printf(s->out, ", \"next\": {\"trial\": %d, \"t\": %d}", trial, t);
    return OK;
}

static enum status write_run(struct build *b, int node, void *context, struct error *err)
{
    struct study *study = work_of(b, node)->study;
    struct simulated *s = context;
    const bool first = !s->again;

    s->again = true;
    if (first)
        name_study(b, node, s);
    text_printf(s->out, "%s{\"run\": \"%s\", ", first ? "" : ", ", first ? "as it is" : "instead");
    TRY(write_methods(study_spec(study), s, err));
    text_printf(s->out, ", \"decided\": %s",
                plan_state(b->plan, node) == PLAN_DONE ? "true" : "false");
    write_outcome(study, s);
    TRY(write_missing(b, study, s, err));
    text_add(s->out, "}");
    return OK;
}

static enum status simulate(const struct options *o, struct store *store, struct arena *arena,
                            struct error *err)
{
    struct text out = text_in(arena);
    struct recipe_change change = {.search = o->search, .scheduler = o->scheduler};
    struct simulated s = {&out, arena, &change, false};
    const char *study = o->n_words > 0 ? o->words[0] : NULL;
    char *string, *ignored;
    size_t n;

    if (!o->search && !o->scheduler)
        return error_set(err, ERR_INPUT, "simulate",
                         "expected --scheduler or --search: hpo simulate RECIPE --scheduler 'asha "
                         "{ max_t = 5 }'");
    TRY(session_replay(o, store, study, NULL, write_run, &s, err));
    TRY(session_replay(o, store, study, &change, write_run, &s, err));
    text_add(&out, "]}\n");
    TRY(text_finish(&out, &string, &n, err));
    if (!o->json) {
        TRY(recipe_table("simulation", string, arena, &string, &ignored, err));
        n = __builtin_strlen(string);
    }
    return progress_result(string, n, err);
}

enum status simulate_command(const struct options *o, struct arena *arena, struct error *err)
{
    return read_store(o, arena, simulate, err);
}
