/*
 * rows: a file of metrics, as a program writes it while it runs.
 *
 * Forms      NAME.csv and NAME.tsv: a line of names, then a row a line; a cell may stand in double
 *            quotes, which are doubled inside, and does not go over an end of line. NAME.jsonl: an
 *            object a line. NAME.json: one object, which is the one row.
 * Row        is a line that has ended, with something under the metric that is asked for: what else
 *            is a number beside it is a metric, too. A null is a number that is missing; an empty
 *            cell is nothing.
 */
#ifndef ENGINE_EXECUTION_ROWS_H
#define ENGINE_EXECUTION_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/study/unit.h"

struct arena;

struct row {
    struct numbers numbers; /* without t, each name once, in the file's order; NaN: none */
    double value;           /* of the metric */
    double t;               /* NaN: there is no field t */
    const char *shown;      /* as it stands in the file */
    bool wrong;             /* what stands under the metric is no number, or it is no object */
};

/* Whether the file is one object that is replaced as a whole. */
bool rows_is_whole(const char *name);

/* A file as it stands. */
struct rows_file {
    const char *name;
    const char *bytes;
    size_t n;
    bool complete; /* nothing will follow: its last line has ended */
};

/* Its rows that have something under the metric. What they have lives in the arena. ERR_MEMORY. */
enum status rows_read(const struct rows_file *file, const char *metric, struct arena *arena,
                      struct row **out, size_t *n_rows, struct error *err) MUST_CHECK;

/* "loss, acc": the names of its columns, or those in its first object; "": there are none. */
enum status rows_names(const struct rows_file *file, struct arena *arena, const char **out,
                       struct error *err) MUST_CHECK;

#endif
