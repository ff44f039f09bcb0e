/*
 * lineage: all that a target rests on, each action and each unit of its studies, with what the
 * store has of it. An audit makes it again, a statement lists it.
 */
#ifndef ENGINE_EXECUTION_LINEAGE_H
#define ENGINE_EXECUTION_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/results/index.h"

struct arena;
struct build;
struct target;

/* An action, or a unit of a trial. */
struct lineage_node {
    const char *name;  /* "squad", or "asha/3/2" */
    const char *study; /* of a unit; else NULL */
    int trial, t;      /* of a unit; else -1, 0 */
    bool fetched;      /* it comes from the network */
    bool excepted;     /* its recipe says that it cannot be reproduced */
    bool stops;        /* of a unit: its study may end a trial, and its run, by a goal */
    bool by_hand;      /* its key was accepted, or that of a unit before it */
    const char *tool;  /* that runs it, as its key has it; NULL: not known */
    struct digest key;
    int parent;           /* of a unit: the one before it; -1: none */
    struct result result; /* kind NULL: it has none, as it failed */
    const char *failure;  /* then the sentence */
};

/* What came of a study; and of the questions to its searcher and scheduler, asked again. */
struct searched {
    const char *study, *metric;
    bool decided, maximize;
    int best;           /* trial; -1: none */
    const char *params; /* of the best */
    double value;
    double *values; /* by trial: of the report that stands for it; NaN: none */
    size_t n_trials;
    const char *wants; /* of one that is not decided: the unit that it needs, "asha/4/3" */
    size_t n_answers;  /* on record */
    const char *event; /* the first whose answer differs now; NULL: none does */
    const char *was, *is;
};

/* A unit is known under the names of all trials that have it. */
struct lineage_alias {
    const char *name;
    int node;
};

struct lineage {
    struct lineage_node *nodes;
    size_t n, capacity;
    int *sources; /* nodes of the graph */
    size_t n_sources, source_capacity;
    int *slots; /* private: by key, open addressing; the number of a node and 1, or 0 */
    size_t n_slots;
    struct searched *studies;
    size_t n_studies, study_capacity;
    struct lineage_alias *aliases;
    size_t n_aliases, alias_capacity;
    const char *missing;   /* the first target that the store does not know; NULL: it knows all */
    const char *collected; /* a node whose files gc has removed, so that others have no key */
    double seconds;        /* that its nodes took */
    int actions, units, trials;
};

/* Of a build that was gone through: its own, or a replay. Everything lives in the arena. */
enum status lineage_take(struct build *b, const struct target *targets, size_t n,
                         struct arena *arena, struct lineage *out, struct error *err) MUST_CHECK;

/* Adds a node, copied, whose strings live as long as the arena. */
enum status lineage_add(struct lineage *l, const struct lineage_node *node, struct arena *arena,
                        struct error *err) MUST_CHECK;

/* The node of this key, or NULL. */
const struct lineage_node *lineage_find(const struct lineage *r, const struct digest *key);

/* The first node of this name, or NULL. */
const struct lineage_node *lineage_named(const struct lineage *l, const char *name);

/* Whether a run ended with this unit: it leaves a log there, and mostly a checkpoint. */
bool lineage_ends_run(const struct result *r);

/* Whether some answer of its studies is another on record than it is now. */
bool lineage_is_altered(const struct lineage *l);

/* Whether a name of the command line means this node: one of its own, its study's or its trial's,
 * or the first digits of its key. */
bool lineage_is_named(const struct lineage *l, size_t node, const char *name);

#endif
