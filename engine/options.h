/* options: the command line of hpo, as one struct. Its commands are in command.h, its flags in
 * flag.h. */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/cards.h"
#include "engine/clone/clone.h"
#include "engine/command.h"
#include "engine/graph/graph.h"
#include "engine/sandbox.h"

struct arena;

struct options {
    enum command_id command;
    const char *program; /* absolute path of hpo */
    const char *bin;     /* its folder */
    const char *share;   /* share/hpo beside bin */
    const char *recipe;  /* NULL where a command takes none */
    const char **words;  /* what follows the recipe: targets, a node, a study */
    size_t n_words;
    int jobs;                 /* -j */
    int waiting;              /* --waiting; 0: twice as many as jobs */
    struct cards_wanted gpus; /* --gpus */
    const char *gpu_identity; /* --gpu-identity FILE, or NULL */
    struct pair *sets;        /* --set, in the order typed */
    size_t n_sets, sets_capacity;
    struct clone_mirror *mirrors; /* --mirror */
    size_t n_mirrors, mirrors_capacity;
    const char *cache;              /* the store: --cache, $HPO_CACHE, or ".hpo" */
    const char *out;                /* --out, or "out" */
    const char *rerun;              /* --rerun NODE, or NULL */
    const char *search, *scheduler; /* of simulate: Lua, or NULL */
    const char *sort;               /* of table: a column, perhaps with "-" in front, or NULL */
    int run;                        /* a build by its number; 0: the last */
    int top;                        /* of table: so many rows; 0: all */
    bool dry_run, keep_going, keep_failed, retry_failed, cached_only, update, rehash;
    enum sandbox sandbox; /* --sandbox */
    const char **system;  /* --system DIR, absolute */
    size_t n_system, system_capacity;
    bool revoke, yes; /* of accept */
    bool json, csv, verbose;
    int sample;          /* of audit: so many actions and trials; 0: all */
    bool from_nothing;   /* of audit */
    const char *room;    /* of audit: the folder to work in, or NULL */
    const char *against; /* of audit: a statement, or NULL */
    const char **keys;   /* --key: files of public keys */
    size_t n_keys, keys_capacity;
    const char *verified_recipe; /* of verify: --recipe, or NULL */
    bool follow;                 /* of log */
    const char *format;          /* --format of graph */
    double max_gb, max_days;     /* of cache gc; negative: no such bound */
    bool help;
};

/*
 * Reads the words behind a command's name into *out; nothing behind --help. Everything lives in the
 * arena or in argv. ERR_INPUT: a flag or a word that the command does not take, or one that lacks.
 */
enum status options_parse(enum command_id command, int argc, char **argv, struct arena *arena,
                          struct options *out, struct error *err) MUST_CHECK;

/*
 * The options that decide what a recipe describes, as one canonical text: JSON of its --set, sorted
 * by name, the last of equal names. NULL when there is no memory.
 */
char *options_arguments(const struct options *o, struct arena *arena);

/* Takes the --set of such a text instead of the command line's. */
enum status options_take_arguments(struct options *o, const char *arguments, struct arena *arena,
                                   struct error *err) MUST_CHECK;

#endif
