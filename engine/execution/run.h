/* run: a process that serves units of a trial, by the protocol of trainers. Part of a build:
 * see build.h. */
#ifndef ENGINE_EXECUTION_RUN_H
#define ENGINE_EXECUTION_RUN_H

#include "engine/execution/build.h"

/* Starts the process that trains these units, if nothing else does. */
enum status run_start(struct build *b, const char *label, const struct demand *wanted,
                      struct error *err) MUST_CHECK;

/* What a remade checkpoint needs: a run that ends at this unit. */
enum status run_remake(struct build *b, int best_node, struct error *err) MUST_CHECK;

/* Trains a known unit once more, to compare: --rerun STUDY/TRIAL/T. *started: its process runs. */
enum status run_again(struct build *b, const char *label, struct unit *u, bool *started,
                      struct error *err) MUST_CHECK;

/* Takes the lines that the process has written; a wrong one ends it. */
enum status run_read(struct build *b, struct job *job, struct error *err) MUST_CHECK;

/* Its process has ended. */
enum status run_finish(struct build *b, struct job *job, struct error *err) MUST_CHECK;

/* Whether this run makes a checkpoint again, whoever wants its units. */
bool run_is_remake(const struct job *job);

/* Whether this run will report one of the units that `wanted` needs. */
bool run_serves(const struct job *job, const struct demand *wanted);

#endif
