/* job: a process of the build, its folders, its share of the machine; what actions and runs have in
 * common. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_JOB_H
#define ENGINE_EXECUTION_JOB_H

#include "engine/execution/build.h"

/* ERR_INPUT: the action needs more GPUs than the build has. (Of cpus it then gets all.) */
enum status slots_refuse(struct build *b, int node, struct error *err) MUST_CHECK;

/* True when the resources are free; they are then taken for the job. */
bool slots_take(struct build *b, const struct resources *r, struct job *job);
void slots_give(struct build *b, struct job *job);

/* Makes the job's folders, and puts its node's inputs there. *lost: an input the store lost. */
enum status job_prepare(struct build *b, struct job *job, const char *name, int *lost,
                        struct error *err) MUST_CHECK;

/* Starts the command; extra are environment entries of a run, NULL-terminated. */
enum status job_start(struct build *b, struct job *job, char *const *extra,
                      struct error *err) MUST_CHECK;

/* A job with an arena of its own. */
struct job *job_open(int node, const char *label);

/* Ends the process where it runs, and frees the job; keeps or removes its folder. */
void job_close(struct build *b, struct job *job, bool keep_folder);

/* Sends SIGTERM once. */
void job_terminate(struct job *job);

/* Why the process ended badly: "exit status 3", "signal 9 (Killed)", "timed out after 5 s". */
const char *job_verdict(const struct build *b, const struct job *job);

/* Prints a failure: the sentence, the last 20 lines of the log, the folder that is kept. */
void job_tell_failure(struct build *b, const struct job *job, const char *sentence);

/* ERR_FAILED: a source among the inputs is not what it was when the key was made. */
enum status job_check_sources(struct build *b, const struct job *job, struct error *err) MUST_CHECK;

/* Keeps the log as a blob. */
enum status job_take_log(struct build *b, struct job *job, struct digest *log,
                         struct error *err) MUST_CHECK;

/* Remembers the failure of an action or a unit, with the log where there is one. */
enum status job_note_failure(struct build *b, struct job *job, const struct digest *key,
                             const char *sentence, struct error *err) MUST_CHECK;

/* Remembers a claim that ends with the next sync. */
enum status hold_claim(struct build *b, const struct digest *key, struct error *err) MUST_CHECK;

#endif
