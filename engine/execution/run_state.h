/*
 * run_state: what a run of units carries along, shared by run.c (start and end), serve.c and
 * script.c (its reports), waiting.c (between two stretches), ended.c (where it ends by itself) and
 * run_outcome.c. Nobody else includes it.
 */
#ifndef ENGINE_EXECUTION_RUN_STATE_H
#define ENGINE_EXECUTION_RUN_STATE_H

#include "engine/execution/build.h"
#include "engine/execution/lines.h"
#include "engine/execution/report.h"

/* Why it runs. */
enum purpose {
    FOR_STUDY,   /* a study demands its units */
    FOR_BEST,    /* a best node waits for its last checkpoint */
    FOR_STRETCH, /* a run with other parameters goes on from its last checkpoint */
    FOR_RERUN    /* its units are known, and are compared */
};

/* What a run does between its units. */
enum waiting {
    WAITS_NOT, /* it trains, or ends by itself */
    WAITS,     /* for a word: all its units are known, and it holds no claim; a script is paused */
    WAITS_KEEPING, /* it was told to save, and waits on */
    WAITS_SAVING,  /* it was told to save, and to end */
    WAITS_ENDING   /* it was told to end: nobody wants more of it; or it is a script */
};

struct run {
    enum purpose purpose;
    int best_node;      /* FOR_BEST */
    const char *metric; /* that is said of it; NULL: none */
    const char *params; /* JSON, of a study's trial; NULL: unknown */
    bool saves;         /* it is not asked to go on: its checkpoint is wanted */
    struct template *template;
    struct unit *begun;  /* its task began with this one's checkpoint; NULL: with none */
    struct unit *from;   /* the unit before the first of: */
    struct unit **units; /* that it will report, in order; the claim of the first is ours: */
    size_t capacity;     /* of units, once a script's have grown */
    size_t n, reported, claimed; /* claimed < n: a script has reported more than was wanted */
    struct script *script;       /* of a program that knows no protocol, else NULL */
    bool pauses;                 /* of a script: what comes behind its units is not decided yet */
    enum waiting waiting;
    bool keeps;                    /* it can save, and wait on */
    int64_t waits_since, saved_ns; /* by executor_now; the start counts as saved */
    bool went_on;
    bool over;   /* it was told a t behind its last unit, and is ended once that is known */
    bool speaks; /* it was told that it may be asked to go on */
    struct lines lines;
    const char **names; /* of checkpoints that its lines have named */
    size_t n_names, name_capacity;
    bool ended;       /* its task has: what lies in its folder is not its alone any more */
    const char *held; /* folder of the newest of them, or NULL */
    struct unit *held_unit;
    struct report_line last; /* the report of the last unit, which counts only at the end */
    const char *wrong;       /* what the task did wrong; it is being ended */
    const char *almost;      /* the first line that may have been meant as a report, or NULL */
    const char *almost_why;
    const char *maybe, *maybe_why; /* the same of log, if there is nothing else */
    int64_t line_ns;               /* when the last report came */
    double seconds;                /* of the last unit */
};

/* The claim of the units i, i + 1, ..., n of them. */
struct chain run_chain(const struct run *run, size_t i, size_t n);

/* What a unit took that is known; how it was hidden is for who made it to say. */
struct measured run_measured(const struct unit *u);

/* A checkpoint that another run left of this unit, in the middle, becomes its own now. label, log:
 * NULL where there is none. */
enum status run_adopt(struct build *b, struct unit *u, const char *label, const char *log,
                      struct error *err) MUST_CHECK;

/* A result of the unit: its reports, and what it took. Strings live in the arena. */
enum status run_result(const struct build *b, const struct unit *u, const char *label,
                       const char *reports, struct measured took, struct arena *arena,
                       struct result *r, struct error *err) MUST_CHECK;

/* Notes what came of publishing: the unit is known, and what differs is said. numbers: those of the
 * reports; NULL: the unit was known before. */
enum status run_published(struct build *b, const char *label, struct unit *u,
                          const struct result *r, const struct numbers *numbers,
                          enum put_outcome outcome, struct error *err) MUST_CHECK;

/*
 * Publishes the run's last unit, with the folder as its checkpoint, and the task's log where it has
 * ended. numbers: as in run_published. *has_tree false: the folder was empty, and the trainer is
 * not stateless.
 */
enum status run_keep(struct build *b, const struct job *job, const char *reports,
                     struct measured took, const struct numbers *numbers, const char *folder,
                     bool *has_tree, struct error *err) MUST_CHECK;

/* The folder of a checkpoint that the trainer names. ERR_FAILED: it is none, or was named before;
 * ERR_NOT_FOUND: it is not there. */
enum status run_name_checkpoint(struct build *b, struct job *job, const char *name,
                                const char **out, struct error *err) MUST_CHECK;

/* The sentence that a report is missing, with the line that was almost one. NULL: no memory. */
const char *run_with_almost(struct build *b, const struct run *run, const char *sentence);

/* The sentence that its next report is missing. NULL: no memory. */
const char *run_missing_report(struct build *b, const struct run *run);

/* The checkpoint of the best is there. */
enum status run_best_done(struct build *b, int best_node, struct error *err) MUST_CHECK;

/* Its claims go once what it left is durable. */
enum status run_let_go(struct build *b, struct job *job, bool keep_folder,
                       struct error *err) MUST_CHECK;

/* It has failed, as the sentence says; NULL: no memory for one. */
enum status run_fail(struct build *b, struct job *job, const char *sentence,
                     struct error *err) MUST_CHECK;

/* Takes a line of the protocol. */
enum status run_take_line(struct build *b, struct job *job, const char *line, size_t n,
                          struct error *err) MUST_CHECK;

/* The run has done what it may not, as the sentence says (NULL: no memory for one): it ends. */
enum status run_wrong(struct build *b, struct job *job, const char *sentence);

/* Takes a last line that nothing ended. */
enum status run_take_rest(struct build *b, struct job *job, struct error *err) MUST_CHECK;

#endif
