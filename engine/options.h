/*
 * options: the command line of hpo, as one struct. Every message about a flag is written here, and
 * names the flag as it was typed.
 */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/clone/clone.h"
#include "engine/graph/graph.h"

struct arena;

struct options {
    const char *program; /* absolute path of hpo */
    const char *bin;     /* its folder */
    const char *share;   /* share/hpo beside bin */
    const char *recipe;  /* NULL where a command takes none */
    const char **words;  /* what follows the recipe: targets, a node, a study */
    size_t n_words;
    int jobs; /* -j */
    int gpus; /* how many --gpus names */
    const char **gpu_names;
    const struct pair *sets;
    size_t n_sets;
    const struct clone_mirror *mirrors;
    size_t n_mirrors;
    const char *cache;              /* the store: --cache, $HPO_CACHE, or ".hpo" */
    const char *out;                /* --out, or "out" */
    const char *rerun;              /* --rerun NODE, or NULL */
    const char *search, *scheduler; /* of simulate: Lua, or NULL */
    bool dry_run, keep_going, keep_failed, cached_only, update, json, csv, verbose;
    const char *format;      /* --format of graph */
    double max_gb, max_days; /* of cache gc; negative: no such bound */
    bool help;
};

/*
 * Reads argv (argv[0] is the command's name) into *out. A command that takes a recipe is refused
 * without one; all others take none. Everything lives in the arena or in argv. ERR_INPUT.
 */
enum status options_parse(int argc, char **argv, bool takes_recipe, struct arena *arena,
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
