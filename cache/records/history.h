/*
 * history: what happened: builds, the keys a node has had, a study's answers and its last table.
 *
 * Rows are part of the store's transaction, as in index.h, which also says who owns strings and
 * what can fail. Times are whole seconds since 1970, given by the caller.
 */
#ifndef CACHE_RECORDS_HISTORY_H
#define CACHE_RECORDS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct arena;
struct store;

/* ---- builds ---- */

struct run {
    int64_t id; /* 1, 2, … */
    const char *recipe;
    const char *arguments; /* canonical text of --set */
    int64_t started;
    double seconds;
    int64_t ran, cached, failed; /* actions */
    const char *status;          /* NULL while it runs, and for ever where it was killed */
};

/* Stores a run that begins (recipe, arguments, started) and gives its id. */
enum status history_run_begin(struct store *store, const struct run *run, int64_t *id,
                              struct error *err) MUST_CHECK;

/* Stores seconds, ran, cached, failed, status of the run with this id. */
enum status history_run_finish(struct store *store, const struct run *run,
                               struct error *err) MUST_CHECK;

/* The newest runs first, at most limit; of one recipe, or of all where it is NULL. */
enum status history_runs(struct store *store, const char *recipe, size_t limit, struct arena *arena,
                         struct run **runs, size_t *n, struct error *err) MUST_CHECK;

/* ---- nodes: which keys a node of a recipe has had, for `why` ---- */

struct node_key {
    const char *name; /* the node's */
    struct digest key;
    int64_t run; /* the first run in which it had this key */
};

/* Says that nodes have these keys in a run. Only changes are stored. */
enum status history_nodes_put(struct store *store, const char *recipe, const struct node_key *nodes,
                              size_t n, struct error *err) MUST_CHECK;

/* The keys that a node has had, newest first, at most limit. */
enum status history_node_keys(struct store *store, const char *recipe, const char *name,
                              size_t limit, struct arena *arena, struct node_key **keys, size_t *n,
                              struct error *err) MUST_CHECK;

/* The keys that the nodes have had whose names begin so and go on behind a "/": by name, then the
 * newest first. */
enum status history_keys_below(struct store *store, const char *recipe, const char *name,
                               struct arena *arena, struct node_key **keys, size_t *n,
                               struct error *err) MUST_CHECK;

/* The keys that nodes and units of a recipe had in a build, by name. */
enum status history_nodes_at(struct store *store, const char *recipe, int64_t run,
                             struct arena *arena, struct node_key **keys, size_t *n,
                             struct error *err) MUST_CHECK;

/* ---- journal: the answers of searchers and schedulers, by the hash of all they depend on ---- */

/* ERR_NOT_FOUND: not asked before. */
enum status history_journal_get(struct store *store, const struct digest *key, struct arena *arena,
                                const char **answer, struct error *err) MUST_CHECK;
enum status history_journal_put(struct store *store, const struct digest *key, const char *answer,
                                int64_t today, struct error *err) MUST_CHECK;

/* ---- tables: what the last build of a recipe with these arguments knows of a study ---- */

struct study_table {
    const char *recipe, *arguments, *study;
    int64_t run;
    const char *body;
};

enum status history_table_put(struct store *store, const struct study_table *table,
                              struct error *err) MUST_CHECK;

/*
 * The tables of a recipe, sorted by study: with these arguments, or, where arguments is NULL, with
 * those of the newest table. study NULL: every study. recipe NULL: of every recipe, with all
 * arguments. *n is 0 where there is none.
 */
enum status history_tables(struct store *store, const char *recipe, const char *arguments,
                           const char *study, struct arena *arena, struct study_table **tables,
                           size_t *n, struct error *err) MUST_CHECK;

/* The newest run that wrote one of them, 0 for none. */
int64_t history_tables_run(const struct study_table *tables, size_t n);

/* ---- snapshots: what builds left in STORE/graphs for the next ones like them ---- */

struct snapshot_row {
    struct digest name;   /* of builds that are alike */
    struct digest digest; /* of the file */
    int64_t run;          /* the last build that ended as the snapshot says */
    int64_t day;          /* the day of that build */
    int64_t revision;     /* of the index, whose answers it repeats: see index_revision */
};

/* ERR_NOT_FOUND: there is none. */
enum status history_snapshot_get(struct store *store, const struct digest *name,
                                 struct snapshot_row *out, struct error *err) MUST_CHECK;
enum status history_snapshot_put(struct store *store, const struct snapshot_row *row,
                                 struct error *err) MUST_CHECK;

/* For gc: none holds any more. The write transaction is open. */
enum status history_snapshots_forget(struct store *store, struct error *err) MUST_CHECK;

/* ---- failures: the last one of each action, or unit of a trial ---- */

struct failure {
    struct digest key;
    int64_t run;
    const char *name;   /* the node's, for people; or NULL */
    const char *folder; /* with which its folders' names in STORE/work begin; NULL: none was left */
    bool has_log;
    struct digest log;
    const char *text; /* what is said of it */
    int64_t day;
};

/* Replaces the failure of this key, if any. */
enum status history_failure_put(struct store *store, const struct failure *failure,
                                struct error *err) MUST_CHECK;

/* ERR_NOT_FOUND: it has not failed. */
enum status history_failure_get(struct store *store, const struct digest *key, struct arena *arena,
                                struct failure *out, struct error *err) MUST_CHECK;

/* The action has succeeded. Absent is fine; the folder is the caller's. */
enum status history_failure_remove(struct store *store, const struct digest *key,
                                   struct error *err) MUST_CHECK;

/* ---- for gc ---- */

/* The failures since that day: their logs and folders stay. */
enum status history_failures(struct store *store, int64_t since_day, struct arena *arena,
                             struct failure **failures, size_t *n, struct error *err) MUST_CHECK;

/*
 * Forgets answers and failures of before that day; nothing else of the history grows old. The write
 * transaction is open.
 */
enum status history_prune(struct store *store, int64_t before_day, struct error *err) MUST_CHECK;

#endif
