/*
 * session: a build from its options to its end: opens store, recipe, graph and lock file, runs the
 * loop, and writes down what `why`, `table` and `runs` will be asked. Also opens a recipe's graph
 * alone.
 */
#ifndef ENGINE_EXECUTION_SESSION_H
#define ENGINE_EXECUTION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct arena;
struct audit_plan;
struct build;
struct graph;
struct named_node;
struct options;
struct recipe;
struct recipe_change;
struct pair;
struct store;
struct text;

/* `hpo build`. ERR_FAILED: something failed, and was said. */
enum status session_build(const struct options *o, struct error *err) MUST_CHECK;

/* Reads the recipe into a graph. On success the caller closes both, the recipe first. */
enum status session_graph(const struct options *o, struct graph **graph, struct recipe **recipe,
                          struct error *err) MUST_CHECK;

/* The text under which the store knows a build with these --set; the recipe is read. */
enum status session_arguments(const struct options *o, struct arena *arena, const char **arguments,
                              struct error *err) MUST_CHECK;

/*
 * Goes through a study as `hpo build` would, as far as the store knows its units: asks searcher and
 * scheduler anew, with reasons; starts nothing, writes nothing (the store may be open for reading).
 * Without --set it takes those of the recipe's last build, one that runs before all, and says so
 * where nothing is changed. Then calls `answer` with the build and the study's node. name NULL: the
 * only study of the recipe.
 * change: see engine/recipe/recipe.h; or NULL.
 */
typedef enum status replay(struct build *b, int node, void *context, struct error *err);
enum status session_replay(const struct options *o, struct store *store, const char *name,
                           const struct recipe_change *change, replay *answer, void *context,
                           struct error *err) MUST_CHECK;

/*
 * Goes through the recipe as `hpo build` would, all its targets, with results also looked for under
 * older keys: see accept.h. Starts nothing. Then calls `answer` with the build.
 */
typedef enum status answering(struct build *b, void *context, struct error *err);
enum status session_accept(const struct options *o, answering *answer, void *context,
                           struct error *err) MUST_CHECK;

/*
 * Goes through the recipe as far as the store knows it, all its targets, as a dry run does: starts
 * nothing. Then calls `answer` with the build.
 */
enum status session_known(const struct options *o, answering *answer, void *context,
                          struct error *err) MUST_CHECK;

/*
 * Goes through the recipe as far as the store knows it, as session_replay does, and calls `answer`
 * with a node that was named on the command line. For a trial --set is as for session_replay;
 * `say` lets it say so.
 */
typedef enum status look(struct build *b, const struct named_node *of, void *context,
                         struct error *err);
enum status session_look(const struct options *o, struct store *store, const char *name, bool say,
                         look *answer, void *context, struct error *err) MUST_CHECK;

/*
 * Goes through the recipe as far as the store (open for reading) knows it, as session_replay does:
 * the targets of a build with these options, or all where `all` says so. Then calls `answer`. room:
 * what an audit has made again counts instead of what is on record; or NULL.
 */
enum status session_recorded(const struct options *o, struct store *store, struct store *room,
                             bool all, answering *answer, void *context,
                             struct error *err) MUST_CHECK;

/*
 * Makes what a build with these options made once more: see audit.h. They name the room as the
 * store. Then calls `answer` with the build.
 */
enum status session_audit(const struct options *o, const struct audit_plan *plan, answering *answer,
                          void *context, struct error *err) MUST_CHECK;

/* The absolute path under which the store knows the recipe. ERR_INPUT: there is no such file. */
enum status session_recipe(const struct options *o, struct arena *arena, const char **path,
                           struct error *err) MUST_CHECK;

/* Opens the store for reading; ERR_INPUT also says that nothing was built yet. */
enum status session_store(const struct options *o, struct store **out,
                          struct error *err) MUST_CHECK;

#endif
