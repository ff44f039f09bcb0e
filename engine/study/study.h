/*
 * study: a search, decided in virtual time.
 *
 * A study has `concurrency` virtual workers. A unit occupies one for cost(params); reports are
 * delivered in the order (virtual time, trial number), never in the order in which processes end;
 * after each report free workers are filled. So the same decisions fall for any -j, any machine,
 * any cache. Answers of searcher and scheduler come from the journal while it goes on, and from Lua
 * behind it.
 *
 * Life       study_open; study_advance again and again, until it says decided: in between the
 *            caller makes the units of study_demands known, and the templates' nodes. No call
 *            blocks.
 * Memory     Everything lives in the arena given to study_open.
 */
#ifndef ENGINE_STUDY_STUDY_H
#define ENGINE_STUDY_STUDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/graph/graph.h"
#include "engine/study/unit.h"

struct arena;
struct recipe;
struct store;
struct text;

struct study; /* opaque: trials, clock, journal */

struct study_context {
    struct graph *graph;
    struct recipe *recipe;
    struct store *store;
    struct units *units;
    struct arena *arena;
    const struct study *warm; /* decided: see struct study_spec; or NULL */
    const char *history;      /* the text of its file, or NULL */
    int64_t today;            /* days since 1970, for the store's bookkeeping */
    bool retry_failed;        /* accepted failures are tried again */
    bool replay; /* no journal: everything is asked anew, with reasons, and nothing is written */
};

enum status study_open(const struct study_context *context, int node, struct study **out,
                       struct error *err) MUST_CHECK;

/*
 * Delivers every report that is known, and lets the scheduler decide. *decided says that the study
 * has come to its end. ERR_FAILED: a trial failed and on_failure is "stop". ERR_INPUT: the recipe
 * is wrong.
 */
enum status study_advance(struct study *study, bool *decided, struct error *err) MUST_CHECK;

/* A demand for a run: the units after `from` up to t == until, which one process may train. */
struct demand {
    int trial;
    struct template *template; /* not keyed: its node's inputs come first */
    struct unit *from;         /* NULL: from the beginning */
    int until;
    bool ends;  /* until is the last t that the scheduler could ask for */
    bool saves; /* another trial may go on from its last unit, or its checkpoint is kept */
    const char *params, *metric;
};

/* What the running trials need whatever is decided, in order of trial number. */
enum status study_demands(struct study *study, struct arena *arena, struct demand **out, size_t *n,
                          struct error *err) MUST_CHECK;

/* Whether a trial that has not ended may go on from this unit. */
bool study_may_go_on(const struct study *study, const struct unit *u);

struct study_counts {
    int trials, stopped, failed, samples;
    int best; /* trial number, -1: none yet */
    double best_value;
};
void study_count(const struct study *study, struct study_counts *out);

/* Of a decided study. NULL: no finite report. The unit after which the best value was reported, and
 * the parameters that it was trained with. */
struct unit *study_best(const struct study *study, int *trial, const char **params, double *value);

/* ERR_FAILED, and says that the study has no best. */
enum status study_without_best(const struct study *study, struct error *err) MUST_CHECK;

/*
 * The best for the recipe: {"trial", "t", "metric": the value, "params", "schedule": [{"t",
 * "params"}, ...]}. The schedule has all parameters that led to it, each with the t up to which
 * they held: more than one where a trial exploited another. ERR_FAILED: no finite report.
 */
enum status study_outcome(const struct study *study, struct arena *arena, char **json,
                          struct error *err) MUST_CHECK;

const struct study_spec *study_spec(const struct study *study);

enum { EVENT_NAME = 96 };

/* The i-th question to searcher or scheduler, as the journal names it, and its answer. False: there
 * are no more. */
bool study_answer(const struct study *study, size_t i, char name[EVENT_NAME], const char **answer);

/* Opens searcher and scheduler anew and asks everything again. ERR_INPUT: an answer differs. */
enum status study_ask_again(struct study *study, struct error *err) MUST_CHECK;

/*
 * Of a replay: its answers beside those in the journals of the store, of which there are *n.
 * *event: the first question whose answer *was another on record than it *is now; NULL: there is
 * none. All of it lives in the arena.
 */
enum status study_check(const struct study *study, struct store *store, struct arena *arena,
                        size_t *n, const char **event, const char **was, const char **is,
                        struct error *err) MUST_CHECK;

/*
 * What happened to a trial and why, in words, a line each: of a replay. ERR_INPUT: there is no
 * such trial.
 */
enum status study_explain(const struct study *study, int trial, struct text *out,
                          struct error *err) MUST_CHECK;

/* The units whose checkpoints `keep` asks for, called once each. */
void study_keeps(const struct study *study, void (*visit)(void *context, struct unit *u),
                 void *context);

/* Whether the checkpoint of a unit with which its trial has ended may be one of them. */
bool study_may_keep(const struct study *study, const struct unit *u);

/*
 * The units whose checkpoints can still be asked for while the study goes on: where a trial goes on
 * from, and what stands for it should it be the best. A unit may come twice.
 */
void study_asks(const struct study *study, void (*visit)(void *context, struct unit *u),
                void *context);

/*
 * Two trials that are one, though their parameters differ: these reach nothing that trial(p)
 * returns. *names: those that differ. *first -1: there are none.
 */
enum status study_twins(const struct study *study, struct arena *arena, int *first, int *second,
                        const char **names, struct error *err) MUST_CHECK;

/* How much a table says. */
enum table_detail {
    TABLE_RESULTS,  /* what equal reports make equal: no keys, and nothing measured */
    TABLE_MEASURED, /* keys, and what units took */
    TABLE_CACHED    /* and which of them this build did not train: all of `hpo table --json` */
};

/* The object of `hpo table --json`, of a study whose build has ended, or that is decided. */
enum status study_table(const struct study *study, const char *name, enum table_detail detail,
                        struct text *out, struct error *err) MUST_CHECK;

/* The same while its build goes on. */
enum status study_table_now(const struct study *study, const char *name, struct text *out,
                            struct error *err) MUST_CHECK;

/* A trial as it stands. */
struct study_trial {
    int number, t; /* delivered */
    const char *params, *status;
    bool runs, waits; /* it has a worker; it is paused */
    double cost;
    double value;          /* of the report that stands for it; NaN: none */
    int until;             /* it may be trained up to this t without a decision */
    int known;             /* up to this t its units are known, delivered or not */
    int units, past_units; /* that this run of the store trained, and that earlier ones did */
    double seconds, past_seconds;
};
size_t study_trials(const struct study *study);
void study_trial(const struct study *study, size_t i, int64_t run, struct study_trial *out);

/* Its searcher has nothing left. */
bool study_is_exhausted(const struct study *study);

/*
 * How long the search takes on `concurrency` workers that train one trial after the other, in
 * seconds, by what was measured when each unit was first trained.
 */
double study_runtime(const struct study *study);

/*
 * The seconds of GPUs that training its units took, each unit once: cards × seconds, of a shared
 * card a part. 0: it had none.
 */
double study_gpu_seconds(const struct study *study);

/* Virtual time, and how many different units were delivered. */
struct study_totals {
    int64_t units;
    double time; /* of the last report */
    double busy; /* what its workers spent on units until then, together */
};
void study_total(const struct study *study, struct study_totals *out);

/* The report that comes next, whether its unit is known or not; false: none will come. */
bool study_next(const struct study *study, int *trial, int *t);

/* What a trial asks for; NULL: none has begun. */
const struct resources *study_resources(const struct study *study);

/* The slots that its trials take at once: concurrency × what the template asks for. */
int study_slots(const struct study *study);

/* The unit t of a trial, its last one for t == 0; NULL where it was not delivered. */
struct unit *study_unit(const struct study *study, int trial, int t);

/* Calls visit for every unit that was delivered or failed, with its trial. */
void study_units(const struct study *study, void (*visit)(void *context, int trial, struct unit *u),
                 void *context);

#endif
