/*
 * recipe: a sandboxed Lua state. Runs a recipe, which fills a graph; later asks its searchers and
 * tells its schedulers.
 *
 * Life       recipe_open runs the file: nodes and targets are then in the graph. The state stays
 *            open, since a study calls back (recipe_suggest, ...); recipe_close ends it.
 * Limits     1e9 instructions for the file and for each later call, 1 GB for all. A function of the
 *            standard library that takes longer than 10 s ends the program with status 2: a thread
 *            watches, since no hook runs inside such a function. No pcall catches a limit.
 * Interrupt  When the flag is raised, a call that runs ends, and a later one does not begin:
 *            ERR_INTERRUPTED. A function of the standard library that does not return within a
 *            second ends the program with status 130.
 * Purity     No clock, no io, no random numbers, sorted pairs: lua/sandbox.lua. A recipe cannot
 *            change the library: lua/globals.lua.
 * Errors     A Lua error becomes ERR_INPUT with "file:line" in where.
 */
#ifndef ENGINE_RECIPE_RECIPE_H
#define ENGINE_RECIPE_RECIPE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/graph/graph.h"
#include "engine/recipe/decision.h"

struct recipe; /* opaque: the Lua state, its limits, the graph it fills */

/* What replaces the searcher or the scheduler of one study: Lua; NULL: its own stays. */
struct recipe_change {
    int study; /* counts the recipe's studies from 0 */
    const char *search, *scheduler;
    bool reversed; /* pairs and next go from a table's last key to its first */
    int samples;   /* of the study, where the recipe does not say how many */
};

struct recipe_options {
    const char *path;        /* as typed */
    const struct pair *sets; /* --set NAME=VALUE, in order */
    size_t n_sets;
    const char *share;                        /* the program's share/hpo folder */
    const struct recipe_change *change;       /* NULL: none */
    const volatile sig_atomic_t *interrupted; /* not 0: end with ERR_INTERRUPTED; NULL: never */
};

/* A file of Lua that the recipe is made of. */
struct recipe_source {
    const char *chunk; /* "@" and the path, as messages show it */
    char *bytes;
    size_t n;
};

/* All that a graph depends on, beside --set and the files that its sources name. */
struct recipe_origins {
    const struct recipe_source *sources; /* its own file, then what it required */
    size_t n_sources;
    const struct pair *questions; /* about what lies beside it, and answers or NULL */
    size_t n_questions;
};

enum status recipe_open(const struct recipe_options *options, struct graph *graph,
                        struct recipe **out, struct error *err) MUST_CHECK;
void recipe_close(struct recipe *r); /* NULL is allowed */

/* A recipe whose graph is known from before: only its name and folder, no Lua. */
enum status recipe_locate(const struct recipe_options *options, struct recipe **out,
                          struct error *err) MUST_CHECK;

/* The --set that say something, in order: without those whose value is the default. */
enum status recipe_sets(const struct recipe *r, struct arena *arena, struct pair **sets, size_t *n,
                        struct error *err) MUST_CHECK;

/* Whether nothing has read some --set so far. */
bool recipe_has_unread(const struct recipe *r);

/* All is built: ERR_INPUT where nothing has read a --set. Before, it is said as soon as no function
 * of the recipe is left that may read it. */
enum status recipe_finish(struct recipe *r, struct error *err) MUST_CHECK;

/* False where the graph depends on more: on a file that was not there. */
bool recipe_origins(const struct recipe *r, struct recipe_origins *out);

/*
 * The answer now to one of a recipe's questions, where `beside` is its folder. "folder NAME": a
 * folder there, else in the working folder, else NULL. "python SCRIPT": python_modules.h.
 */
enum status recipe_answer(const char *beside, const char *question, struct arena *arena,
                          const char **answer, struct error *err) MUST_CHECK;

/* The file's name without ".lua", and the absolute path of its folder. */
const char *recipe_name(const struct recipe *r);
const char *recipe_folder(const struct recipe *r);

/* What the recipe printed so far, or "". */
const char *recipe_printed(const struct recipe *r);

/* What a trial reported: to searchers and schedulers a t and a number; NaN is a report without
 * one. */
struct trial_report {
    int trial, t;
    double value;
    enum trial_end end;
};

/* All of these call the study's Lua; strings they give back live in the arena. */
enum status recipe_wake(struct recipe *r, int callbacks, struct error *err) MUST_CHECK;
/* For hpo.history: called with each study's table, as `hpo table --json` shows it, and then with
 * NULL: *text is what the file says, *n the trials in it. */
enum status recipe_gather(struct recipe *r, int callbacks, const char *table, struct arena *arena,
                          const char **text, int *n, struct error *err) MUST_CHECK;
/* Tells the searcher the results of another study (study_history's JSON), or the text of that file:
 * right after recipe_wake. */
enum status recipe_warm(struct recipe *r, int callbacks, const char *history,
                        struct error *err) MUST_CHECK;
enum status recipe_suggest(struct recipe *r, int callbacks, int trial, struct arena *arena,
                           const char **params, struct error *err) MUST_CHECK;
/* Asks again for a suggestion that is known, since a recipe's own searcher may count its calls:
 * *params is what it says now, "null" for nothing left. Other searchers are not asked: NULL. */
enum status recipe_suggest_again(struct recipe *r, int callbacks, int trial, struct arena *arena,
                                 const char **params, struct error *err) MUST_CHECK;
enum status recipe_start(struct recipe *r, int callbacks, int trial, const char *params,
                         struct error *err) MUST_CHECK;
enum status recipe_observe(struct recipe *r, int callbacks, const struct trial_report *report,
                           struct error *err) MUST_CHECK;
enum status recipe_report(struct recipe *r, int callbacks, const struct trial_report *report,
                          struct arena *arena, struct decision **decisions, size_t *n,
                          struct error *err) MUST_CHECK;
/* What the scheduler does about paused trials where no trial runs and none can begin. */
enum status recipe_idle(struct recipe *r, int callbacks, struct arena *arena,
                        struct decision **decisions, size_t *n, struct error *err) MUST_CHECK;
/* The scheduler's reason for what it just decided about a trial, or NULL: before recipe_observe. */
enum status recipe_why(struct recipe *r, int callbacks, int trial, struct arena *arena,
                       const char **why, struct error *err) MUST_CHECK;
enum status recipe_until(struct recipe *r, int callbacks, int trial, int t, int *until,
                         struct error *err) MUST_CHECK;
/* The node of the template that trial(p) returns, in the graph. */
enum status recipe_trial(struct recipe *r, int callbacks, const char *params, int *node,
                         struct error *err) MUST_CHECK;
/* Calls the function of hpo.after: the node that it returns, and a path in its tree or NULL.
 * `best` is study_outcome's JSON, `where` the place of hpo.after in the recipe. */
enum status recipe_after(struct recipe *r, int callbacks, const char *where, const char *best,
                         struct arena *arena, int *node, const char **path,
                         struct error *err) MUST_CHECK;
enum status recipe_cost(struct recipe *r, int callbacks, const char *params, double *cost,
                        struct error *err) MUST_CHECK;

/* What the pattern, which has one capture, finds in n bytes of text; *capture NULL: nothing. where:
 * the place of the pattern in the recipe. A match is within the limits of every call. */
enum status recipe_match(struct recipe *r, const char *where, const char *pattern, const char *text,
                         size_t n, struct arena *arena, const char **capture,
                         struct error *err) MUST_CHECK;

/* What people read, drawn by lua/table.lua, and the same for spreadsheets where that has it: kind
 * "study", "studies", "compare", "effort" or "simulation"; of "diff", csv is what programs get. */
enum status recipe_table(const char *kind, const char *json, struct arena *arena, char **text,
                         char **csv, struct error *err) MUST_CHECK;

#endif
