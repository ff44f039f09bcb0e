/*
 * build: the state of one build, shared by the files that move it: want (which nodes, their keys),
 * job (processes), action and run (what a process left), output (out/), loop (the story). Nobody
 * else includes it.
 *
 * A node of the graph has a struct work beside it. It is IDLE until something wants it, WAITING
 * while its needs are not known, READY when only a slot or a claim is missing, STARTED while its
 * process runs, and ends DONE (its content is known) or FAILED.
 */
#ifndef ENGINE_EXECUTION_BUILD_H
#define ENGINE_EXECUTION_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "cache/store.h"
#include "engine/execution/claim.h"
#include "engine/execution/ready.h"
#include "engine/graph/content.h"
#include "engine/graph/graph.h"
#include "engine/options.h"
#include "engine/process/capture.h"
#include "engine/process/runner.h"
#include "engine/process/tool.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"
#include "engine/study/study.h"
#include "engine/study/unit.h"

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
    struct unit **replaced; /* whose checkpoints are in the store though newer ones are: retain.c */
    size_t n_replaced, replaced_capacity;
    struct job *jobs;
    bool rehearsal;                     /* nothing runs, nothing is written: see session_rehearse */
    const char *rehearsed;              /* its study, or NULL: the only one of the recipe */
    const struct recipe_change *change; /* of that recipe, or NULL */
    int rerun_study;                    /* node of --rerun STUDY/TRIAL[/T], or -1 */
    int rerun_trial, rerun_t;           /* t 0: its last unit */
    struct digest *held;                /* claims to let go after the next sync */
    size_t n_held, held_capacity;
    const struct target *targets; /* that this build is asked for */
    size_t n_targets;
    const char *recipe_path; /* absolute: under it the store knows the recipe */
    const char *arguments;   /* canonical --set */
    int64_t run, today, started_ns, dirty_ns;
    int cpus_used, cpus_asked;
    unsigned long long gpus_used;
    int64_t n_ran, n_cached, n_failed, n_marked;
    int64_t n_changes; /* nodes that became ready, done or failed: more may start */
    int signals;       /* readable when an interrupt came */
    int n_signals;     /* of those that are taken */
    bool interrupted, claims_wait, failed;
};

/* The work beside a node; the array grows with the graph. NULL when there is no memory. */
struct work *work_of(struct build *b, int node);

#endif
