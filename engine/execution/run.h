/*
 * run: one task that serves the units t₀ + 1 … t₁ of a trial, by the protocol of trainers. Part of
 * a build: see build.h.
 *
 * Units      A unit before t₁ counts when its report has come; t₁ counts when the task has ended
 *            with 0 and its checkpoint is kept.
 * Start      A run begins behind the nearest checkpoint that is kept. Units that are known already
 *            are reported again then, and compared.
 * Breaks     A run that breaks off leaves the last checkpoint that its trainer named.
 */
#ifndef ENGINE_EXECUTION_RUN_H
#define ENGINE_EXECUTION_RUN_H

#include "engine/execution/build.h"

/* Starts the task that trains what a study demands, if nothing else does and there is room. */
enum status run_start(struct build *b, const char *label, const struct demand *demand, int others,
                      bool *refused, struct error *err) MUST_CHECK;

/* What a best node needs: the checkpoint of its unit, made again. */
enum status run_remake(struct build *b, int best_node, bool *refused, struct error *err) MUST_CHECK;

/* Trains a known unit once more, to compare: --rerun STUDY/TRIAL/T. *started: its task runs. */
enum status run_again(struct build *b, const char *label, struct unit *u, bool *started,
                      struct error *err) MUST_CHECK;

/* Takes what the task has written; a wrong report ends it. */
enum status run_take(struct build *b, struct job *job, const char *bytes, size_t n,
                     struct error *err) MUST_CHECK;

/* Its task has ended, as the event says. */
enum status run_finish(struct build *b, struct job *job, const struct executor_event *end,
                       struct error *err) MUST_CHECK;

/* Says that its last unit is known: "asha/3 t = 9 eval_loss 0.41 (1.2 s)". */
void run_say(struct build *b, const struct job *job);

/* Whether this run goes on whatever studies demand. */
bool run_is_remake(const struct job *job);

/* Whether it is a script that has reported all that can be wanted, and is left to end by itself. */
bool run_ends_itself(const struct job *job);

/* Seconds since its last report; negative: it trains for no study. */
double run_since(const struct job *job);

/* Whether this run will report the first unit of a demand. */
bool run_serves(const struct job *job, const struct demand *demand);

#endif
