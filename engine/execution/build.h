/*
 * build: the state of one build, shared by the files that move it. Nobody else includes it.
 *
 * Plan       which nodes are wanted and how far they are: engine/plan/plan.h. Beside each node of
 *            the graph lies a struct work: what is known of it.
 * Ports      processes run in the executor, what is known and what is new is kept by results.
 * Files      resolve (what a due node comes to), action and run (what a process left), demand (what
 *            studies need trained), output (out/), loop (carries events between all of them).
 */
#ifndef ENGINE_EXECUTION_BUILD_H
#define ENGINE_EXECUTION_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/text.h"
#include "cache/content/source.h"
#include "cache/store.h"
#include "cache/watch.h"
#include "engine/executor/executor.h"
#include "engine/fetch/fetch.h"
#include "engine/graph/content.h"
#include "engine/graph/graph.h"
#include "engine/options.h"
#include "engine/plan/plan.h"
#include "engine/process/tool.h"
#include "engine/progress.h"
#include "engine/recipe/recipe.h"
#include "engine/results/measured.h"
#include "engine/results/results.h"
#include "engine/study/study.h"
#include "engine/study/unit.h"

struct arena;
struct audit;
struct devices;
struct exclusions;
struct live;
struct local_machine;
struct own_key;
struct pins;
struct reaper;
struct run;
struct snapshot;
struct stat;

/* What is known of a node. */
struct work {
    bool keyed;
    struct digest key;
    const char *description;
    const char *identity;   /* of the tool, or of what is fetched: as the key has it */
    struct content content; /* when done */
    bool recalled;          /* done by the snapshot's word: key and content are as they were */
    bool same;              /* its content is as it was */
    bool marked;            /* its result is known not to be reproducible */
    bool cached;            /* done without running anything */
    bool collected;         /* its result is known, and gc has removed its files */
    bool force;             /* runs though its result is known: --rerun, or its files were lost */
    bool lost;              /* its files were lost in this build */
    int failures;           /* of this node in this build */
    int crowded;            /* how often its card had no room, one time after the other */
    int64_t crowded_ns;     /* when that began, by executor_now */
    bool watched;           /* a run of it was, or is to be: that of watched_key */
    struct digest watched_key;
    bool blamed; /* a card has left the build by its word: another goes by 76 alone */
    double seconds;
    struct asker asker;
    struct study *study; /* of a study's node, once it was wanted */
    const char *label;   /* of a trial's template, once it was wanted: "STUDY/TRIAL" */
    struct unit *best;   /* of a best node */
};

/* A task of the build: an action, or a run of units. */
struct job {
    struct job *next;
    struct arena *arena;
    int node;          /* the action, or the template of a run */
    const char *label; /* for people */
    struct task *task; /* NULL: not started */
    struct digest key; /* of the action, or of the first unit of its lineage */
    struct run *run;   /* of a run of units, else NULL */
    int64_t started_ns;
    int64_t deadline_ns; /* by executor_now; 0: none */
    bool timed_out, unwanted;
    bool ending; /* its task is asked to end */
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

struct nodes {
    int *nodes;
    size_t n, capacity;
};

/* --rerun STUDY/TRIAL[/T] */
struct rerun {
    int study;    /* node, or -1 */
    int trial, t; /* t 0: its last unit */
};

struct counts {
    int64_t ran, cached, failed, marked;
};

/* What runs of units have taken so far, in seconds. */
struct effort {
    double spent; /* with what is trained again for want of a checkpoint, and the saving of them */
    double trained; /* units that became known by it, */
    int64_t units;  /* so many */
};

struct build {
    const struct options *o;
    struct arena *arena; /* lives as long as the build; the graph has its own */
    struct graph *graph;
    struct recipe *recipe;
    struct watch watch; /* the store's: interrupts, and who is told what is waited for */
    struct store *store;
    struct tools *tools;
    struct devices *devices;
    struct fetch_context fetch;
    struct pins *pins;
    const struct own_key *key; /* that signs what lands in out/; NULL: there is none */
    struct progress *progress;
    struct live *live; /* what is shown of it while it goes on; NULL: nothing */
    struct plan *plan;
    struct executor *executor;
    struct results *results;
    struct units *units;
    struct audit *audit; /* everything is made again: see audit.h; else NULL */
    struct recall recall;
    struct work **work; /* by node */
    size_t n_work, work_capacity;
    struct nodes studies;          /* that were opened */
    struct exclusions *exclusions; /* of sources that are folders */
    struct nodes remakes;          /* best nodes whose checkpoint must be made again */
    struct rerun rerun;
    struct job *jobs;
    struct unit **replaced; /* whose checkpoints are in the store though newer ones are: retain.c */
    size_t n_replaced, replaced_capacity;
    struct chain *held; /* claims to let go after the next sync */
    size_t n_held, held_capacity;
    const struct target *targets; /* that this build is asked for */
    size_t n_targets;
    const char *recipe_path; /* absolute: under it the store knows the recipe */
    const char *arguments;   /* canonical --set */
    int64_t run, today, dirty_ns;
    const char *waits_for; /* what this build needs and another one makes; NULL: nothing */
    int64_t waiting_ns;    /* since when */
    struct patience patience;
    struct counts counts;
    struct effort effort;
    int64_t changes;          /* besides the plan's: more may start */
    int n_asked;              /* results that were asked for, and not answered yet */
    bool writes;              /* what is found out is kept: pins, histories. Not in a dry run */
    bool replays;             /* studies are gone through anew: see session_replay */
    bool must_fit;            /* what is left must fit this machine: see fit.h */
    bool looks_first;         /* nothing starts yet: see fit.h */
    bool later;               /* something could start once a card is tried again that was full */
    bool held_wanted;         /* something could start, were it not for what waiting runs hold: */
    struct resources lacking; /* it asks for these */
    int looked_at;            /* by suggestion.c */
    int watched;              /* that were begun again, to see what they ask for: verdict.c */
    bool suggested;           /* that `hpo accept` would keep results */
    bool said_waiting;
    bool said_script; /* that what a "#!" program runs in is in no key */
    bool said_again;  /* that units are trained again for want of a checkpoint */
    bool interrupted, failed;
    const char *no_script[8]; /* programs that were seen to be none, the last ones: see script.h */
    size_t n_no_script;
};

/* The work beside a node; the array grows with the graph. NULL when there is no memory. */
struct work *work_of(struct build *b, int node);

/* Opens the store of a build, to write. */
enum status build_open_store(struct build *b, struct error *err) MUST_CHECK;

/* This machine, as an executor is told of it; the caller adds what is to be logged and kept. */
enum status build_machine(struct build *b, struct reaper *reaper, struct local_machine *out,
                          struct error *err) MUST_CHECK;

/* Appends a node to a list of the build. */
enum status nodes_add(struct build *b, struct nodes *list, int node, struct error *err) MUST_CHECK;

#endif
