/*
 * job: a task of the build, from its start to its close; what actions and runs of units have in
 * common. Part of a build: see build.h.
 */
#ifndef ENGINE_EXECUTION_JOB_H
#define ENGINE_EXECUTION_JOB_H

#include "engine/execution/build.h"

/* A job with an arena of its own, which is on no list yet. NULL: no memory. */
struct job *job_open(int node, const char *label);

/* Ends the task where it runs, keeps or removes its folder, and frees the job. */
void job_close(struct build *b, struct job *job, bool keep_folder);

/* What the executor is asked, of the job's node; all but what runs of units add. It lives in the
 * job's arena. */
enum status job_request(struct build *b, struct job *job, int others, struct request *out,
                        struct error *err) MUST_CHECK;

/*
 * Starts it: it is on the list of jobs then, and counts as having run. *started false: an input or
 * the checkpoint is lost, as *outcome and *lost (a node) say; *err says of what kind.
 */
enum status job_start(struct build *b, struct job *job, const struct request *r,
                      enum start_outcome *outcome, int *lost, struct error *err) MUST_CHECK;

/* Tells the task to end. */
void job_end(struct build *b, struct job *job);

/* Its time limit begins anew. */
void job_wind(struct build *b, struct job *job);

/* Seconds since it was started, as measured here. */
double job_seconds(const struct job *job);

/* What a stretch of so many seconds took, of the cards that it holds too. */
struct measured job_measured(const struct job *job, double seconds);

/* Whether it trains a trial of this study, by its label. */
bool job_is_of(const struct job *job, const char *study, int *trial);

/* ERR_FAILED: a source among the inputs is not what it was when the key was made. */
enum status job_check_sources(struct build *b, const struct job *job, struct error *err) MUST_CHECK;

/* Claims as results_claim does. What was to be let go of them with the next sync stays claimed. */
enum status claim_chain(struct build *b, const struct chain *chain, int *taken,
                        struct error *err) MUST_CHECK;

/* Lets the claim of these units go with the next sync. */
enum status hold_claim(struct build *b, const struct chain *chain, struct error *err) MUST_CHECK;

/* The claim of an action: a chain of its own. */
struct chain chain_of_action(const struct digest *key);

#endif
