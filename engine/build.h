/*
 * build: the state of one build, shared by the files that move it: want (which nodes, their keys),
 * job (processes), action and run (what a process left), output (out/), loop (the story). Nobody
 * else includes it.
 *
 * A node of the graph has a struct work beside it. It is IDLE until something wants it, WAITING
 * while its needs are not known, READY when only a slot or a claim is missing, STARTED while its
 * process runs, and ends DONE (its content is known) or FAILED.
 */
#ifndef ENGINE_BUILD_H
#define ENGINE_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "cache/store.h"
#include "engine/capture.h"
#include "engine/claim.h"
#include "engine/content.h"
#include "engine/graph.h"
#include "engine/options.h"
#include "engine/progress.h"
#include "engine/ready.h"
#include "engine/recipe.h"
#include "engine/runner.h"
#include "engine/study.h"
#include "engine/tool.h"
#include "engine/unit.h"

struct arena;
struct pins;
struct snapshot;
struct stat;

enum work_state { WORK_IDLE, WORK_WAITING, WORK_READY, WORK_STARTED, WORK_DONE, WORK_FAILED };

struct work {
    enum work_state state;
    int missing;     /* needs that are not done */
    int *dependants; /* nodes that wait for this one */
    size_t n_dependants, dependant_capacity;
    int rank; /* longest way to a target: high ranks start first */
    bool keyed;
    struct digest key;
    const char *description;
    const char *commit;     /* of a clone, once pinned */
    const char *identity;   /* of the tool, or the commit: as the key has it */
    struct content content; /* when done */
    bool recalled;          /* done by the snapshot's word: key and content are as they were */
    bool same;              /* its content is as it was */
    bool marked;            /* its result is known not to be reproducible */
    bool cached;            /* done without running anything */
    bool force;             /* runs though its result is known: --rerun, or its files were lost */
    bool would_run;         /* --dry-run */
    int failures;           /* of this node in this build */
    double seconds;
    struct work *next_failed; /* in the list of node_failed */
    struct study *study;      /* of a study's node, once it was wanted */
    struct unit *best;        /* of a best node */
};

struct job {
    struct job *next;
    struct arena *arena;
    int node;           /* the action, or the template of a run */
    const char *label;  /* for people */
    const char *folder; /* absolute; holds dir, log, params.json, in, out */
    const char *dir;    /* working folder */
    const char *log;
    struct process process;
    int cpus;
    unsigned long long gpus; /* bit i: options.gpu_names[i] */
    int64_t deadline_ns;     /* 0: none */
    int64_t term_ns;         /* when SIGTERM was sent; 0: not yet */
    bool timed_out, unwanted;
    struct train *train; /* of a run of units, else NULL: see run.c */
};

/* What the last build like this one left: see recall.c. */
struct recall {
    bool on; /* this build may leave a snapshot */
    struct digest name, digest;
    const char *path;
    struct snapshot *past; /* NULL: everything is found out anew */
    int64_t run, day;      /* of the last build that ended as the snapshot says */
    int64_t revision;      /* of the index, when this build began */
    bool changed;          /* this build does not */
    struct stamp *landed;  /* by target: of the file in out/, once it was seen to be right */
};

struct build {
    const struct options *o;
    struct arena *arena; /* lives as long as the build; the graph has its own */
    struct graph *graph;
    struct recipe *recipe;
    struct store *store;
    struct claims claims;
    struct keeper keeper;
    struct capture capture;
    struct tools *tools;
    struct units *units;
    struct pins *pins;
    struct progress *progress;
    struct recall recall;
    struct work **work; /* by node */
    size_t n_work, work_capacity;
    struct ready ready; /* nodes in state READY */
    size_t n_ready;     /* how many */
    int *due;           /* waiting nodes whose last need is done */
    size_t n_due, due_capacity;
    bool going_on; /* they are being taken from that list */
    int *steps;    /* of the walks over needs, and the order that they find: see want.c */
    size_t n_steps, step_capacity;
    int *order;
    size_t n_order, order_capacity;
    int *studies; /* nodes of studies that were opened */
    size_t n_studies, study_capacity;
    int *remakes; /* best nodes whose checkpoint must be made again */
    size_t n_remakes, remake_capacity;
    struct job *jobs;
    int rerun_study;          /* node of --rerun STUDY/TRIAL[/T], or -1 */
    int rerun_trial, rerun_t; /* t 0: its last unit */
    struct digest *held;      /* claims to let go after the next sync */
    size_t n_held, held_capacity;
    const struct target *targets; /* that this build is asked for */
    size_t n_targets;
    const char *arguments; /* canonical --set */
    int64_t run, today, started_ns, dirty_ns;
    int cpus_used, cpus_asked;
    unsigned long long gpus_used;
    int64_t n_ran, n_cached, n_failed, n_marked;
    int64_t n_changes; /* nodes that became ready, done or failed: more may start */
    int signals;       /* signalfd */
    bool interrupted, claims_wait, failed;
};

/* ---- want.c ---- */

#define SHIPPED "hpo:" /* in front of the URL of a repository in share/hpo */

/*
 * Where a clone's repository is: "hpo:NAME" is shipped with the program, a relative path is
 * relative to the recipe's folder. NULL: no memory.
 */
const char *clone_location(struct build *b, const struct clone_spec *clone);

/* The work beside a node; the array grows with the graph. NULL when there is no memory. */
struct work *work_of(struct build *b, int node);

/* Says that a node is needed; starts on its needs. */
enum status want_node(struct build *b, int node, struct error *err) MUST_CHECK;

/* The node is known now: content is in its work. Those that waited go on. */
enum status node_done(struct build *b, int node, struct error *err) MUST_CHECK;

/* The node cannot be known, nor can what needs it. */
void node_failed(struct build *b, int node);

/* Puts an action among those that only wait for a slot and a claim. */
enum status node_retry(struct build *b, int node, struct error *err) MUST_CHECK;

/* Sends a done node back to run again, since the store lost its files; `consumer` waits for it. */
enum status node_lost(struct build *b, int node, int consumer, struct error *err) MUST_CHECK;

/* Wants what the template needs, and keys it. *ready: all of it is known; *failed: it never will
 * be. */
enum status want_template(struct build *b, struct template *template, bool *ready, bool *failed,
                          struct error *err) MUST_CHECK;

/* The commit of a clone, where it is known without asking others; *commit NULL: it is not. */
enum status clone_pin(struct build *b, const struct clone_spec *clone, const char **commit,
                      struct error *err) MUST_CHECK;

/* Key and description of an action whose needs are all done. *lost: an input that the store has
 * lost, which is why it cannot be keyed; else -1. */
enum status key_node(struct build *b, int node, struct digest *key, const char **description,
                     int *lost, struct error *err) MUST_CHECK;

/* ---- job.c ---- */

/* ERR_INPUT: the action needs more GPUs than the build has. (Of cpus it then gets all.) */
enum status slots_refuse(struct build *b, int node, struct error *err) MUST_CHECK;

/* True when the resources are free; they are then taken for the job. */
bool slots_take(struct build *b, const struct resources *r, struct job *job);
void slots_give(struct build *b, struct job *job);

/* Makes the job's folders, and puts the inputs of its node there. *lost: an input the store lost.
 */
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

/* Remembers a claim that ends with the next sync. */
enum status hold_claim(struct build *b, const struct digest *key, struct error *err) MUST_CHECK;

/* ---- action.c ---- */

/* Starts a READY action: claim, look again, prepare, run. *started is false when it must wait. */
enum status action_start(struct build *b, int node, bool *started, struct error *err) MUST_CHECK;

/* Its process has ended: outputs become blobs, the result is stored, dependants go on. */
enum status action_finish(struct build *b, struct job *job, struct error *err) MUST_CHECK;

/* ---- run.c ---- */

/* Starts the process that trains these units, if nothing else does. */
enum status run_start(struct build *b, const char *label, const struct wanted_run *wanted,
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
bool run_serves(const struct job *job, const struct wanted_run *wanted);

/* ---- recall.c ---- */

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

/* It was read and is right; `there` NULL: it has just been put there. */
void recall_note_landed(struct build *b, size_t target, const struct source *there);

/* Whether the history's newest keys are those of the recalled nodes, and their results are used
 * today. */
enum status recall_covers(struct build *b, const char *recipe, bool *covers,
                          struct error *err) MUST_CHECK;

/* Leaves a snapshot, at the end of a build that has done all. */
enum status recall_save(struct build *b, struct error *err) MUST_CHECK;

/* ---- output.c ---- */

/* Puts every target into out/; *again says that the store had lost something, which now is wanted.
 */
enum status output_targets(struct build *b, bool *again, struct error *err) MUST_CHECK;

/* ---- compare.c ---- */

/* {"rows": [...]} of a compare node. */
enum status compare_json(struct build *b, int node, char **json, struct error *err) MUST_CHECK;

/* ---- loop.c ---- */

enum status loop_run(struct build *b, struct error *err) MUST_CHECK;

#endif
