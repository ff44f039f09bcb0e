/* study_table: the outcome of a study: counts, the best, what is kept, the table. Start at
 * study_table. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/study/study_state.h"

const struct study_spec *study_spec(const struct study *study)
{
    return study->spec;
}

static const char *const status_names[] = {"running",   "paused",  "paused",
                                           "completed", "stopped", "failed"};

static bool is_better(const struct study *study, double a, double b)
{
    return study->spec->maximize ? a > b : a < b;
}

/* The report that stands for the trial: its last finite one, or its best. NULL: none is finite. */
static const struct report *standing(const struct study *study, const struct trial *trial)
{
    const struct report *chosen = NULL;

    for (size_t i = 0; i < trial->n_reports; i++) {
        const struct report *r = &trial->reports[i];
        if (isfinite(r->value) &&
            (!chosen || !study->spec->best_of_all || is_better(study, r->value, chosen->value)))
            chosen = r;
    }
    return chosen;
}

static const struct report *best_report(const struct study *study, int *trial)
{
    const struct report *best = NULL;

    *trial = -1;
    for (size_t i = 0; i < study->n_trials; i++) {
        const struct report *r = standing(study, study->trials[i]);
        if (r && (!best || is_better(study, r->value, best->value))) {
            best = r;
            *trial = (int)i;
        }
    }
    return best;
}

void study_count(const struct study *study, struct study_counts *out)
{
    const struct report *best;

    *out = (struct study_counts){.trials = (int)study->n_trials, .samples = study->spec->samples};
    for (size_t i = 0; i < study->n_trials; i++) {
        enum trial_status s = study->trials[i]->status;
        out->stopped += s == TRIAL_STOPPED;
        out->failed += s == TRIAL_FAILED;
    }
    best = best_report(study, &out->best);
    out->best_value = best ? best->value : NAN;
}

struct unit *study_best(const struct study *study, int *trial, const char **params, double *value)
{
    const struct report *best = best_report(study, trial);

    if (!best)
        return NULL;
    *params = best->params;
    *value = best->value;
    return best->unit;
}

/* What a unit on the best one's way was trained with: some trial has reported it. */
static const char *params_of(const struct study *study, const struct unit *u)
{
    for (size_t i = 0; i < study->n_trials; i++)
        for (size_t r = 0; r < study->trials[i]->n_reports; r++)
            if (study->trials[i]->reports[r].unit == u)
                return study->trials[i]->reports[r].params;
    return "{}";
}

/* The units up to u are walked from its end; where parameters changed a stretch of them ends. */
static enum status write_schedule(const struct study *study, const struct unit *u,
                                  struct arena *arena, struct text *out, struct error *err)
{
    const char **params = arena_array(arena, (size_t)u->t, sizeof *params);
    int n = u->t;

    if (!params)
        return error_memory(err);
    for (; u; u = u->parent)
        params[u->t - 1] = params_of(study, u);
    text_add(out, "[");
    for (int t = 1, written = 0; t <= n; t++)
        if (t == n || strcmp(params[t - 1], params[t]) != 0)
            text_printf(out, "%s{\"t\": %d, \"params\": %s}", written++ ? ", " : "", t,
                        params[t - 1]);
    text_add(out, "]");
    return OK;
}

enum status study_history(const struct study *study, struct arena *arena, char **json,
                          struct error *err)
{
    struct text t = text_in(arena);

    text_add(&t, "[");
    for (size_t i = 0; i < study->n_trials; i++) {
        const struct trial *trial = study->trials[i];
        text_printf(&t, "%s{\"status\": \"%s\", \"reports\": [", i ? ", " : "",
                    status_names[trial->status]);
        for (size_t r = 0; r < trial->n_reports; r++) {
            const struct report *report = &trial->reports[r];
            text_printf(&t, "%s{\"t\": %d, \"params\": %s, \"value\": ", r ? ", " : "",
                        report->unit->t, report->params);
            json_write_number(&t, report->value);
            text_add(&t, "}");
        }
        text_add(&t, "]}");
    }
    text_add(&t, "]");
    return text_finish(&t, json, NULL, err);
}

enum status study_without_best(const struct study *study, struct error *err)
{
    return error_set(err, ERR_FAILED, graph_node(study->c.graph, study->node)->where,
                     "study \"%s\" has no finite %s, so it has no best trial",
                     graph_label(study->c.graph, study->node), study->spec->metric);
}

enum status study_outcome(const struct study *study, struct arena *arena, char **json,
                          struct error *err)
{
    struct text t = text_in(arena);
    const char *params;
    double value;
    int trial;
    const struct unit *best = study_best(study, &trial, &params, &value);

    if (!best)
        return study_without_best(study, err);
    text_printf(&t, "{\"trial\": %d, \"t\": %d, \"metric\": ", trial, best->t);
    json_write_number(&t, value);
    text_printf(&t, ", \"params\": %s, \"schedule\": ", params);
    TRY(write_schedule(study, best, arena, &t, err));
    text_add(&t, "}");
    return text_finish(&t, json, NULL, err);
}

/* Of a script what is left at its end stands for the checkpoint of each of its units. */
static void visit_kept(const struct study *study, struct unit *u,
                       void (*visit)(void *context, struct unit *u), void *context)
{
    struct unit *end = NULL;
    struct error ignored; /* then it is made again */

    visit(context, u);
    if (u->template->script && unit_end(study->c.units, u, &end, &ignored) == OK && end)
        visit(context, end);
}

void study_keeps(const struct study *study, void (*visit)(void *context, struct unit *u),
                 void *context)
{
    int number;
    const struct report *best = best_report(study, &number);

    if (best)
        visit_kept(study, best->unit, visit, context);
    for (size_t i = 0; i < study->n_trials; i++) {
        const struct trial *trial = study->trials[i];
        bool undecided = trial->status < TRIAL_COMPLETED;
        if (trial->last && (undecided || study->spec->keep != KEEP_BEST))
            visit_kept(study, trial->last, visit, context);
        if (trial->asked && undecided)
            visit(context, trial->asked);
        for (size_t r = 0; study->spec->keep == KEEP_ALL && r < trial->n_reports; r++)
            visit(context, trial->reports[r].unit);
    }
}

bool study_may_keep(const struct study *study, const struct unit *u)
{
    int number;
    const struct report *best = best_report(study, &number);

    return study->spec->keep != KEEP_BEST || (best && best->unit == u);
}

void study_asks(const struct study *study, void (*visit)(void *context, struct unit *u),
                void *context)
{
    for (size_t i = 0; i < study->n_trials; i++) {
        const struct trial *trial = study->trials[i];
        const struct report *r = standing(study, trial);
        if (r)
            visit(context, r->unit);
        if (trial->last)
            visit(context, trial->last);
        if (trial->asked)
            visit(context, trial->asked);
        for (size_t k = 0; study->spec->keep == KEEP_ALL && k < trial->n_reports; k++)
            visit(context, trial->reports[k].unit);
    }
}

double study_runtime(const struct study *study)
{
    double longest = 0, *busy;
    int workers = study->spec->concurrency;

    if (!(busy = arena_array(study->c.arena, (size_t)workers, sizeof *busy)))
        return NAN;
    for (size_t i = 0; i < study->n_trials; i++) {
        int free = 0;
        for (int w = 1; w < workers; w++)
            if (busy[w] < busy[free])
                free = w;
        for (size_t r = 0; r < study->trials[i]->n_reports; r++)
            busy[free] += study->trials[i]->reports[r].unit->seconds;
        if (busy[free] > longest)
            longest = busy[free];
    }
    return longest;
}

/* Adds those that were not counted yet. */
static void add_gpu_seconds(void *context, int trial, struct unit *u)
{
    (void)trial;
    *(double *)context += u->state == UNIT_KNOWN && !u->counted ? u->gpu_seconds : 0;
    u->counted = true;
}

static void count_unit(void *context, int trial, struct unit *u)
{
    struct study_totals *totals = context;

    (void)trial;
    totals->units += u->state == UNIT_KNOWN && !u->ended && !u->counted;
    u->counted = true;
}

static void uncount_unit(void *context, int trial, struct unit *u)
{
    (void)context;
    (void)trial;
    u->counted = false;
}

double study_gpu_seconds(const struct study *study)
{
    double seconds = 0;

    study_units(study, add_gpu_seconds, &seconds);
    study_units(study, uncount_unit, NULL);
    return seconds;
}

void study_total(const struct study *study, struct study_totals *out)
{
    *out = (struct study_totals){0, study->now, study->busy};
    study_units(study, count_unit, out);
    study_units(study, uncount_unit, NULL);
}

const struct resources *study_resources(const struct study *study)
{
    return study->n_trials > 0
               ? &graph_node(study->c.graph, study->trials[0]->template->node)->action.resources
               : NULL;
}

int study_slots(const struct study *study)
{
    const struct resources *r = study_resources(study);

    if (!r)
        return study->spec->concurrency;
    return study->spec->concurrency * (r->gpus > 0 ? r->gpus : r->cpus > 0 ? r->cpus : 1);
}

struct unit *study_unit(const struct study *study, int trial, int t)
{
    struct unit *found = NULL;

    if (trial >= (int)study->n_trials)
        return NULL;
    for (size_t r = 0; r < study->trials[trial]->n_reports; r++)
        if (t == 0 || study->trials[trial]->reports[r].unit->t == t)
            found = study->trials[trial]->reports[r].unit;
    return found;
}

void study_units(const struct study *study, void (*visit)(void *context, int trial, struct unit *u),
                 void *context)
{
    for (size_t i = 0; i < study->n_trials; i++) {
        const struct trial *trial = study->trials[i];
        for (size_t r = 0; r < trial->n_reports; r++)
            visit(context, (int)i, trial->reports[r].unit);
        if (trial->failed)
            visit(context, (int)i, trial->failed);
        if (trial->end)
            visit(context, (int)i, trial->end);
    }
}

/* {"t": 1, "eval_loss": X, ...}: the unit's reports with t in front, infinities as null. */
static void write_metrics(const struct unit *u, struct text *out)
{
    text_printf(out, "{\"t\": %d", u->t);
    for (size_t i = 0; i < u->names->n; i++)
        if (strcmp(u->names->names[i], "t") != 0) {
            text_add(out, ", ");
            json_write_string(out, u->names->names[i]);
            text_add(out, ": ");
            json_write_number(out, u->numbers[i]);
        }
    text_add(out, "}");
}

static void write_segment(const struct report *r, enum table_detail detail, struct text *out)
{
    char hex[DIGEST_HEX + 1];

    digest_hex(&r->unit->key, hex);
    text_printf(out, "{\"t\": %d", r->unit->t);
    if (detail >= TABLE_MEASURED)
        text_printf(out, ", \"key\": \"%s\"", hex);
    if (detail >= TABLE_CACHED)
        text_printf(out, ", \"cached\": %s", r->unit->cached ? "true" : "false");
    if (detail >= TABLE_MEASURED) {
        text_add(out, ", \"seconds\": ");
        json_write_number(out, r->unit->seconds);
    }
    if (detail >= TABLE_MEASURED && r->unit->gpu_seconds > 0) {
        text_add(out, ", \"info\": {\"gpu_seconds\": ");
        json_write_number(out, r->unit->gpu_seconds);
        text_add(out, "}");
    }
    if (detail >= TABLE_MEASURED && r->unit->by_hand)
        text_add(out, ", \"accepted\": true");
    if (r->parent_trial >= 0)
        text_printf(out, ", \"parent_trial\": %d", r->parent_trial);
    text_add(out, "}");
}

/* The report that stands for the trial; its parameters where the trial has others by now. */
static void write_judged(const struct study *study, const struct trial *trial, struct text *out)
{
    const struct report *r = standing(study, trial);

    text_add(out, "\"judged_by\": ");
    if (!r) {
        text_add(out, "null, ");
        return;
    }
    text_printf(out, "{\"t\": %d, \"value\": ", r->unit->t);
    json_write_number(out, r->value);
    if (strcmp(r->params, trial->params) != 0)
        text_printf(out, ", \"params\": %s", r->params);
    text_add(out, "}, ");
}

/* What a table is of. */
struct view {
    enum table_detail detail;
    bool going; /* the build goes on */
};

/* As long as the build goes on. */
static const char *word_now(const struct trial *trial)
{
    return trial->failed ? "failed" : status_names[trial->status];
}

/* When a build has ended nothing runs: a process of the trial has failed, perhaps at a unit that
 * the study has not come to, or the build was over before it. */
static enum status status_word(const struct study *study, const struct trial *trial,
                               const struct view *view, const char **word, struct error *err)
{
    struct unit *u = trial->last;

    *word = word_now(trial);
    if (trial->status != TRIAL_RUNNING || view->going)
        return OK;
    *word = trial->failed ? "failed" : "interrupted";
    for (int t = trial->t; trial->template->keyed && t < study->spec->max_t; t++) {
        TRY(unit_get(study->c.units, trial->template, u, &u, err));
        if (u->state == UNIT_FAILED)
            *word = "failed";
        if (u->state != UNIT_KNOWN || u->ended)
            break;
    }
    return OK;
}

static enum status write_trial(const struct study *study, const struct trial *trial,
                               const struct view *view, struct text *out, struct error *err)
{
    const char *word;

    TRY(status_word(study, trial, view, &word, err));
    text_printf(out, "{\"trial\": %d, \"params\": %s, \"status\": \"%s\", \"reached\": %d, ",
                trial->number, trial->params, word, trial->t);
    write_judged(study, trial, out);
    text_add(out, "\"metrics\": [");
    for (size_t i = 0; i < trial->n_reports; i++) {
        text_add(out, i ? ", " : "");
        write_metrics(trial->reports[i].unit, out);
    }
    text_add(out, "], \"segments\": [");
    for (size_t i = 0; i < trial->n_reports; i++) {
        text_add(out, i ? ", " : "");
        write_segment(&trial->reports[i], view->detail, out);
    }
    text_add(out, "]}");
    return OK;
}

/* How virtual time was spent; costs of the trials in order, where not each is 1. */
static void write_clock(const struct study *study, struct text *out)
{
    bool costly = false;

    text_printf(out, ", \"info\": {\"workers\": %d, \"time\": ", study->spec->concurrency);
    json_write_number(out, study->now);
    text_add(out, ", \"busy\": ");
    json_write_number(out, study->busy);
    if (study->spec->exploits && (double)study->n_delivered >= study->spec->units_with_exploits) {
        text_add(out, ", \"units_with_exploits\": ");
        json_write_number(out, study->spec->units_with_exploits);
    }
    for (size_t i = 0; i < study->n_trials; i++)
        costly |= study->trials[i]->cost != 1;
    for (size_t i = 0; i < study->n_trials && costly; i++) {
        text_add(out, i ? ", " : ", \"costs\": [");
        json_write_number(out, study->trials[i]->cost);
    }
    text_add(out, costly ? "]}" : "}");
}

static enum status write_table(const struct study *study, const char *name, const struct view *view,
                               struct text *out, struct error *err)
{
    int best;

    (void)best_report(study, &best);
    text_add(out, "{\"study\": ");
    json_write_string(out, name);
    text_add(out, ", \"metric\": ");
    json_write_string(out, study->spec->metric);
    text_printf(out, ", \"mode\": \"%s\", \"best_of\": \"%s\", \"best\": ",
                study->spec->maximize ? "max" : "min", study->spec->best_of_all ? "any" : "last");
    if (best < 0)
        text_add(out, "null");
    else
        text_printf(out, "%d", best);
    if (!study->decided) /* what is best may still change */
        text_add(out, ", \"decided\": false");
    text_add(out, ", \"trials\": [");
    for (size_t i = 0; i < study->n_trials; i++) {
        text_add(out, i ? ", " : "");
        TRY(write_trial(study, study->trials[i], view, out, err));
    }
    text_add(out, "], \"decisions\": [");
    for (size_t i = 0; i < study->n_rows; i++) {
        const struct decision_row *row = &study->rows[i];
        text_printf(out, "%s{\"trial\": %d, \"t\": %d, \"decision\": \"%s\"", i ? ", " : "",
                    row->trial, row->t, decision_word(row->kind));
        if (row->donor >= 0)
            text_printf(out, ", \"donor\": %d", row->donor);
        text_add(out, "}");
    }
    text_add(out, "]");
    if (study->decided && view->detail >= TABLE_MEASURED)
        write_clock(study, out);
    text_add(out, "}");
    return out->failed ? error_memory(err) : OK;
}

enum status study_table(const struct study *study, const char *name, enum table_detail detail,
                        struct text *out, struct error *err)
{
    return write_table(study, name, &(struct view){.detail = detail}, out, err);
}

enum status study_table_now(const struct study *study, const char *name, struct text *out,
                            struct error *err)
{
    return write_table(study, name, &(struct view){.detail = TABLE_CACHED, .going = true}, out,
                       err);
}

size_t study_trials(const struct study *study)
{
    return study->n_trials;
}

static void count_unit_of(struct study_trial *out, const struct unit *u, int64_t run)
{
    if (u->run == run) {
        out->units++;
        out->seconds += u->seconds;
    } else {
        out->past_units++;
        out->past_seconds += u->seconds;
    }
}

void study_trial(const struct study *study, size_t i, int64_t run, struct study_trial *out)
{
    const struct trial *trial = study->trials[i];
    const struct report *r = standing(study, trial);
    struct unit *u = trial->last;

    *out = (struct study_trial){.number = trial->number,
                                .t = trial->t,
                                .params = trial->params,
                                .until = trial->until,
                                .status = word_now(trial),
                                .runs = trial->status == TRIAL_RUNNING && !trial->failed,
                                .waits = trial->status == TRIAL_PAUSED ||
                                         trial->status == TRIAL_RELEASED,
                                .cost = trial->cost,
                                .value = r ? r->value : NAN};
    for (size_t k = 0; k < trial->n_reports; k++)
        count_unit_of(out, trial->reports[k].unit, run);
    out->known = trial->t;
    while (out->runs && trial->template->keyed && out->known < study->spec->max_t &&
           (u = unit_known(study->c.units, trial->template, u)) != NULL) {
        count_unit_of(out, u, run);
        out->known = u->t;
    }
}

bool study_is_exhausted(const struct study *study)
{
    return study->exhausted;
}
