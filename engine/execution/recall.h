/* recall: what the last build like this one left: its graph, and what its nodes came to. Part of a
 * build: see build.h. */
#ifndef ENGINE_EXECUTION_RECALL_H
#define ENGINE_EXECUTION_RECALL_H

#include "engine/execution/build.h"

/* Opens graph, recipe and store from the snapshot, if it holds; else leaves recall.past NULL. */
void recall_open(struct build *b);

/* Before the store is asked for the first result. */
enum status recall_begin(struct build *b, struct error *err) MUST_CHECK;

/* Fills the work of a node whose needs are done with what it came to. False: find it out. */
bool recall_source(struct build *b, int node);
bool recall_action(struct build *b, int node);

/* A node is done, recalled or found out: notes whether it is what it was. */
void recall_compare(struct build *b, int node);

/* Whether the file in out/ of a target, which looks like `now`, is known to be right. */
bool recall_landed(struct build *b, size_t target, const struct stat *now);

/* Where its look goes, once it is right; not settled where that is not known. Then, of all: */
struct stamp *recall_landing(struct build *b, size_t target);
void recall_end_landing(struct build *b);

/* Whether the history's newest keys are those of the recalled nodes, and their results are used
 * today. */
enum status recall_covers(struct build *b, const char *recipe, bool *covers,
                          struct error *err) MUST_CHECK;

/* Leaves a snapshot, at the end of a build that has done all. */
enum status recall_save(struct build *b, struct error *err) MUST_CHECK;

#endif
