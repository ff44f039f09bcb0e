/* failure: what is said and kept of a job that went wrong. Part of a build: see build.h. */
#ifndef ENGINE_EXECUTION_FAILURE_H
#define ENGINE_EXECUTION_FAILURE_H

#include "engine/execution/build.h"

/* The end of its log, in the job's arena; "" where there is none that can be read. */
char *failure_log_end(const struct job *job);

/* What was hidden from it and it wanted, as it asked for it or as its log says: lines for people,
 * in the job's arena; mostly none. */
const char *failure_missed(const struct build *b, const struct job *job);

/* Prints it: the sentence, the parameters (NULL: none are known), the last lines of the log, the
 * folder that is kept. */
void failure_tell(struct build *b, const struct job *job, const char *sentence, const char *params);

/* Keeps the failure of an action or a unit for `hpo log` and `hpo why`, with the log. */
enum status failure_keep(struct build *b, struct job *job, const struct digest *key,
                         const char *sentence, struct error *err) MUST_CHECK;

/* The node, and what needs it, cannot be known in this build, as the sentence says. */
void failure_refuse(struct build *b, const char *label, int node, const char *sentence);

#endif
