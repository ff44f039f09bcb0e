/*
 * graph: what a recipe describes: nodes (sources, texts, actions, studies, ...) and the edges
 * between them. It knows how nodes hang together, not how they are run.
 *
 * Life       graph_open, graph_add_* while the recipe runs (and again while a study decides: a
 *            graph only grows), graph_close. A node is named by its number, which never changes.
 * Memory     Everything lives in the graph's arena. The caller copies strings into graph_arena
 *            before it gives them to graph_add_*.
 * Order      Inputs are sorted by name, environments by name, path lists by bytes, for that order
 *            reaches keys. The caller sorts them; graph_add refuses inputs that are not sorted.
 */
#ifndef ENGINE_GRAPH_GRAPH_H
#define ENGINE_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct arena;

enum node_kind {
    NODE_SOURCE,  /* a file or folder of the user's */
    NODE_TEXT,    /* a file with a given content */
    NODE_ACTION,  /* a command, or what is fetched from elsewhere */
    NODE_STUDY,   /* a search: units of trials, decided while it runs */
    NODE_BEST,    /* the checkpoint of a study's best trial */
    NODE_TABLE,   /* the table of a study, as a file */
    NODE_AFTER,   /* what the recipe makes of a study's best, known once it is decided */
    NODE_COMPARE, /* a table drawn when the build ends */
};

/* An input of an action: one node, or the file or folder `path` of its tree, under a name. */
struct edge {
    const char *name;
    int node;
    const char *path; /* NULL: the whole */
};

/* What an action brings from elsewhere instead of running a command; its kind says how. */
struct fetch {
    const char *url, *rev;
    const char **paths; /* sorted; none means everything */
    size_t n_paths;
};

struct pair {
    const char *name, *value;
};

struct resources {
    int cpus, gpus;
    int64_t memory;        /* bytes */
    const char *gpu;       /* class of GPU, NULL for any; the only part that is in a key */
    bool share;            /* may use more cpus than it asks for while they are idle */
    struct pair *settings; /* variables that say how it uses them, and change no bit of a result */
    size_t n_settings;
};

struct action {
    const char *kind;
    const char **run; /* NULL-terminated; inputs and outputs by name. Empty where it fetches. */
    size_t n_run;
    struct edge *inputs;
    size_t n_inputs;
    const char **outputs;
    size_t n_outputs;
    struct pair *env;
    size_t n_env;
    const char **pass; /* variables that come from whoever builds; in no key */
    size_t n_pass;
    struct resources resources;
    double timeout; /* seconds, 0: none */
    int retries;
    bool stateless;        /* of a trainer: an empty checkpoint is a whole one */
    bool network;          /* it is not hidden from it; in no key */
    bool not_reproducible; /* as the recipe says; see hpo audit. In no key */
    bool alone;            /* of a trainer: it is never asked to go on; in no key */
    bool fresh;            /* of a trainer: preload = false; in no key */
    const char **preload;  /* modules among the inputs that are preloaded; in no key */
    size_t n_preload;
    bool may_end;              /* of a trainer: ending with 0 before its last t ends the trial */
    const char *report;        /* JSON, of a script: where its reports stand; NULL: no script */
    bool tty;                  /* of a script: what it prints goes to a terminal */
    const char **identity;     /* argv, NULL-terminated; NULL: the content of run[0] */
    const char *params;        /* JSON of the parameters file, or NULL */
    const struct fetch *fetch; /* NULL: a command. All that is fetched is its output */
};

/* What a comparison is made of: a study, the scores of its best checkpoint, or a row by hand. */
struct compare_item {
    int study;  /* node, or -1 */
    int scores; /* node, or -1 */
    int after;  /* node of the checkpoint that has the scores, where it is not the best's; or -1 */
    const char *path; /* of the scores file in that node's tree */
    const char *name; /* of the row, or NULL */
    const char *row;  /* JSON of a row that is given by hand; else NULL */
};

enum keep { KEEP_LAST, KEEP_BEST, KEEP_ALL };

/* A metric is that good. */
struct goal {
    const char *metric; /* NULL: there is no goal */
    double limit;
    bool at_least; /* that high; else that low */
};

/* What a recipe says of a study. Its functions stay in Lua: `callbacks` is engine/recipe's
 * reference to them. */
struct study_spec {
    int samples, concurrency, max_t;
    const char *metric;
    bool maximize;
    bool prune;       /* on_failure = "prune": a failed trial ends, the study goes on */
    bool best_of_all; /* best = "any": of all reports, not of each trial's last */
    enum keep keep;
    struct goal stop;           /* a trial that meets it ends */
    struct goal stop_study;     /* the study ends with the report that meets it */
    int budget;                 /* or with so many delivered units; 0: no such limit */
    bool blind;                 /* its searcher hears no reports */
    bool exploits;              /* its scheduler may set a trial back, */
    double units_with_exploits; /* until so many units are delivered: 2 x samples x max_t */
    double passes; /* the share of trials that its scheduler lets go on at a rung; 0: unknown */
    const char *identity; /* canonical JSON of all that decisions depend on, besides reports */
    const char *source;   /* digest of the Lua that decides, hexadecimal */
    int warm; /* node of the study whose reports its searcher knows from the start, or -1 */
    const char *history; /* file beside the recipe with such reports, or NULL */
    int callbacks;
};

struct node {
    enum node_kind kind;
    const char *name;   /* given by the user, or NULL */
    const char *target; /* the first that names it, or NULL */
    const char *number; /* graph_add sets it: NULL for its place, see graph_number_under */
    const char *
        label; /* of what has no name, once graph_label has made it; of sources and actions: NULL */
    const char *where; /* "recipes/asha.lua:12" */
    union {
        struct {
            const char *path;     /* absolute */
            const char **exclude; /* patterns: what of a folder is left out besides the usual */
            size_t n_exclude;
        } source;
        struct {
            const char *name, *bytes;
            size_t n;
        } text;
        struct action action;
        struct study_spec *study;
        int best_of;  /* the study's node */
        int table_of; /* the study's node */
        struct {
            int study;        /* the node */
            int callbacks;    /* engine/recipe's reference to its function */
            int node;         /* that the function returned, -1: undecided */
            const char *path; /* in that node's tree; NULL: the whole */
        } after;
        struct {
            struct compare_item *items;
            size_t n;
        } compare;
    };
};

struct target {
    const char *name;
    int node;
    const char *path; /* NULL: all outputs */
};

struct graph; /* opaque: nodes, targets, an arena */

enum status graph_open(struct graph **out, struct error *err) MUST_CHECK;
void graph_close(struct graph *graph); /* NULL is allowed */
struct arena *graph_arena(struct graph *graph);

/* Adds a node (copied; what it points to must live in graph_arena). *id counts from 0. */
enum status graph_add(struct graph *graph, const struct node *node, int *id,
                      struct error *err) MUST_CHECK;

/*
 * While a build goes on, nodes are added in an order that no two builds need share. So that they
 * have the same names all the same, those added from now on are numbered by themselves, "PART.1",
 * "PART.2", ...; NULL: by their place again.
 */
void graph_number_under(struct graph *graph, const char *part);

/* In how many parts, one inside the other, the nodes are that are added now. */
int graph_depth(const struct graph *graph);

/* What stands behind the # of its name where it has no better one. NULL: no memory. */
const char *graph_number(struct graph *graph, int id);

/* Adds targets in the order of their names, by bytes; each name once. */
enum status graph_add_target(struct graph *graph, const struct target *target,
                             struct error *err) MUST_CHECK;

int graph_size(const struct graph *graph);
struct node *graph_node(struct graph *graph, int id);
size_t graph_targets(const struct graph *graph, const struct target **targets);

/*
 * The nodes that `id` needs before it can be known, each once, in the order of its inputs: calls
 * visit(context, node) for each. A study's templates are not among them: they come while it runs.
 */
void graph_needs(const struct graph *graph, int id, void (*visit)(void *context, int node),
                 void *context);

/*
 * A study's trials may not need the study: ERR_INPUT with the path "study → train#4 → best → study"
 * when `from` needs `to`. (Other circles cannot be written: a node names only older ones.)
 */
enum status graph_refuse_cycle(struct graph *graph, int from, int to, struct error *err) MUST_CHECK;

/* What sort of node it is, in a word: an action's is its own, "train". */
const char *graph_kind(struct graph *graph, int id);

/*
 * What a person calls the node: its name, its target, or "train#12". Studies without a name are
 * "study", "study-2", ..., and what a study's best is made into "after", "after-2", ...; those
 * that such a one makes are "after.study", .... Of a study "asha", "asha.best" and "asha.table".
 * Lives in the graph's arena.
 */
const char *graph_label(struct graph *graph, int id);

#endif
