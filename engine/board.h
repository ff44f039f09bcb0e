/*
 * board: a build as people watch it: what is done, its studies' trials, what runs now, how long it
 * may still take. The build draws it below its own lines, hpo watch full-screen, hpo runs one line.
 *
 * Drawing    board_draw gives lines for a terminal of so many columns and rows, none of them wider.
 *            Where a table does not fit it is one line, and whatever is left out of that, the value
 *            of the best stays. Names are made visible (base/visible.h).
 * Format     board_write and board_read: one object of JSON, for other processes. Of many trials
 *            only BOARD_ROWS are written, those that a table would show first.
 */
#ifndef ENGINE_BOARD_H
#define ENGINE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct json;
struct text;

enum { BOARD_ROWS = 300 };

struct board_trial {
    int trial, t;
    const char *params; /* JSON */
    const char *status; /* "running", "waiting" (for a slot), "stopped", ... */
    double value;       /* of the study's metric; NaN: none */
    double seconds;     /* of what runs of it now; negative: nothing does */
};

struct board_study {
    const char *name, *metric;
    bool open; /* undecided */
    int n_trials, samples;
    int running, waiting, paused, completed, stopped, failed; /* trials of that status */
    int best, best_t;                                         /* best -1: none yet */
    double best_value;
    struct board_trial *trials; /* in order of number; of some boards that were read not all */
    size_t n;
};

/* What runs now: an action, or a run of units. */
struct board_job {
    const char *label;
    int trial; /* 0 for an action, else 1 */
    int t;     /* reported by a run of units */
    double seconds;
    const char *log;         /* path, or NULL */
    const char *key;         /* hexadecimal: of an action, or of the unit that comes next */
    const char *description; /* that this key hashes; NULL for a unit */
};

struct board {
    const char *recipe;
    int64_t run;
    size_t done, total; /* actions */
    int64_t ran, cached, failed;
    int slots, slots_used;
    int gpus, gpus_used; /* cards */
    double seconds;      /* so far */
    double left;         /* NaN: unknown */
    struct board_study *studies;
    size_t n_studies;
    struct board_job *jobs;
    size_t n_jobs;
};

struct board_size {
    int columns, rows;
    bool color;
};

/* The lines live in the arena; without newlines. */
enum status board_draw(const struct board *b, const struct board_size *size, struct arena *arena,
                       const char ***lines, size_t *n, struct error *err) MUST_CHECK;

/* The one-line form, as wide as it is. */
enum status board_line(const struct board *b, int columns, struct arena *arena, char **line,
                       struct error *err) MUST_CHECK;

/* The trials that a table of at most `most` rows shows, as places in study->trials: all in order,
 * or else those that run, the best, and the newest. Returns how many. */
size_t board_choose(const struct board_study *study, size_t most, size_t *places);

void board_write(const struct board *b, struct text *out);

/* ERR_INPUT: it is no board. Strings live in the arena, as the tree does. */
enum status board_read(const struct json *json, struct arena *arena, struct board *out,
                       struct error *err) MUST_CHECK;

/* "1:05", "2:03:09" */
void board_duration(struct text *t, double seconds);

#endif
