/*
 * study_state: the struct that study.c, study_ask.c and study_demand.c move forward, study_table.c
 * and study_explain.c draw, and forecast.c looks beyond. Nobody else includes it.
 */
#ifndef ENGINE_STUDY_STUDY_STATE_H
#define ENGINE_STUDY_STUDY_STATE_H

#include "engine/recipe/recipe.h"
#include "engine/study/journal.h"
#include "engine/study/study.h"

enum trial_status {
    TRIAL_RUNNING,
    TRIAL_PAUSED,
    TRIAL_RELEASED,  /* paused, and let go on: waits for a free worker */
    TRIAL_COMPLETED, /* from here on: ended */
    TRIAL_STOPPED,
    TRIAL_FAILED,
};

struct report {
    struct unit *unit;
    double value;       /* of the study's metric; NaN: none */
    int parent_trial;   /* of the first unit after an exploit, else -1 */
    const char *params; /* that it was trained with */
};

struct trial {
    int number;
    const char *params;
    struct template *template;
    double cost;
    enum trial_status status;
    double start; /* virtual time at which it last took a worker, at t == start_t */
    int start_t;
    int t;               /* last delivered unit of its present lineage */
    struct unit *last;   /* that unit; NULL for t == 0 */
    int until;           /* may be trained so far without asking; valid while above t */
    struct unit *asked;  /* its last unit when that was asked: where an exploit may go on from */
    size_t order;        /* in which released trials go on */
    int parent_trial;    /* donor of the unit that comes next, or -1 */
    struct unit *failed; /* the unit it could not train, or NULL */
    struct unit *end;    /* the unit before which its process ended by itself, or NULL */
    struct report *reports;
    size_t n_reports, report_capacity;
};

enum event_kind {
    EVENT_SUGGEST,
    EVENT_REPORT,
    EVENT_IDLE, /* no trial runs and none can begin */
};

struct event {
    enum event_kind kind;
    struct trial_report report;
    const char *answer; /* as the journal has it: parameters or "null", or a list of decisions */
    const struct goal *met; /* of the study's, by this report; or NULL */
};

struct decision_row {
    int trial, t;
    enum decision_kind kind;
    int donor;
};

/* A decision with its reason: only in a replay. */
struct reason {
    struct decision decision;
    int t;                    /* of its trial */
    int reporter, reporter_t; /* whose report it answers */
    enum trial_status was;    /* its trial, until then */
    enum trial_end end;       /* as in struct trial_report */
    const struct goal *met;   /* as in struct event */
};

struct study {
    struct study_context c;
    int node;
    const struct study_spec *spec;
    struct journal journal;
    double now;
    double busy;         /* virtual time that workers have spent on units */
    int64_t n_delivered; /* reports and failures */
    bool awake;          /* searcher and scheduler in Lua know everything up to now */
    bool exhausted;      /* the searcher has nothing left */
    bool decided;
    struct trial **trials;
    size_t n_trials, trial_capacity;
    int *running; /* numbers of the trials on workers */
    int n_running, n_released;
    size_t n_releases; /* ever */
    struct event *events;
    size_t n_events, event_capacity;
    struct decision_row *rows;
    size_t n_rows, row_capacity;
    struct reason *reasons;
    size_t n_reasons, reason_capacity;
};

/* What a searcher of another study may learn from this one: [{"status", "reports": [{"t", "value",
 * "params"}, ...]}, ...], a value null where it is no number. */
enum status study_history(const struct study *study, struct arena *arena, char **json,
                          struct error *err) MUST_CHECK;

/* Its journal from the beginning; store NULL: nothing is known or written. */
enum status study_journal(const struct study *study, struct store *store, struct journal *out,
                          struct error *err) MUST_CHECK;

/* The parameters of the next trial; NULL: the searcher has nothing left. */
enum status study_ask_params(struct study *study, const char **params,
                             struct error *err) MUST_CHECK;

/* Tells scheduler and searcher of an event, and gives back what they decide of known trials. */
enum status study_ask(struct study *study, struct event *e, struct decision **decisions, size_t *n,
                      struct error *err) MUST_CHECK;

/* Makes searcher and scheduler in Lua know everything up to now. */
enum status study_wake(struct study *study, struct error *err) MUST_CHECK;

/* Whether a trial ends with this unit: it has failed, in this build or, where that was accepted, in
 * an earlier one. */
enum status study_fails_at(struct study *study, struct unit *u, bool *fails,
                           struct error *err) MUST_CHECK;

/* The virtual time at which the unit so far ahead of a running trial's last one is due: 1 is the
 * next. */
double study_due(const struct trial *trial, int64_t ahead);

/* How many of the next `most` units of the running trial the study's budget still has, if all
 * running trials go on. */
int study_units_left(const struct study *study, const struct trial *trial, int most);

/* Gives the trial the template and the cost of params. */
enum status study_shape(struct study *study, struct trial *trial, const char *params,
                        struct error *err) MUST_CHECK;

/* In a replay: keeps the decision that is about to be applied, of the report e. */
enum status study_note(struct study *study, const struct decision *d, const struct event *e,
                       struct error *err) MUST_CHECK;

#endif
