/*
 * run_state: what a run of units carries along, shared by run.c (start and end) and run_lines.c
 * (what the process says meanwhile). Nobody else includes it.
 */
#include "engine/execution/build.h"
#ifndef ENGINE_EXECUTION_RUN_STATE_H
#define ENGINE_EXECUTION_RUN_STATE_H

struct train {
    struct template *template;
    struct unit *from;   /* its checkpoint is the start; NULL: the beginning */
    struct unit **units; /* that it will report, in order */
    size_t n, reported;
    size_t claimed; /* of the first so many the claim is ours */
    bool again;     /* --rerun: its units are known, and are compared */
    bool stretch;   /* makes a checkpoint that a run with other parameters goes on from */
    int best_node;  /* that waits for the last checkpoint, or -1 */
    char *line;     /* what came after the last newline */
    size_t n_line, line_capacity;
    const char *out;   /* HPO_CHECKPOINT_OUT */
    const char *named; /* folder of the newest checkpoint that a line named, absolute; or NULL */
    struct unit *named_unit;
    const char *last_reports; /* of the last unit, which counts only at the end */
    const char *wrong;        /* what the process did wrong; it is being ended */
    int64_t line_ns;          /* when the last report came */
    double seconds;           /* of the last unit */
};

/* The link STORE/work/KEY.checkpoint that names a checkpoint in the middle. NULL: no memory. */
char *run_insurance_path(struct build *b, const struct unit *u, struct arena *arena);

/* A middle unit is known now. What was known before must be the same, else the unit is marked. */
enum status run_store_unit(struct build *b, struct job *job, struct unit *u, const char *reports,
                           struct error *err) MUST_CHECK;

/* Takes a last line that no newline ended. */
enum status run_end_line(struct build *b, struct job *job, struct error *err) MUST_CHECK;

#endif
