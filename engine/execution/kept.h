/*
 * kept: what the store keeps of each build, whatever newer ones do: the tables of its studies as
 * it left them, and digests of the Lua files that its recipe was read from. It goes with the
 * journal: by `hpo cache gc --max-days`.
 */
#ifndef ENGINE_EXECUTION_KEPT_H
#define ENGINE_EXECUTION_KEPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cache/records/history.h"

struct arena;
struct build;
struct store;

/* A file of Lua: its path as the recipe's folder has it, and its digest in hexadecimal. */
struct kept_file {
    const char *path, *digest;
};

struct kept_build {
    struct run run;
    struct kept_file *files;
    size_t n_files;
    struct study_table *tables; /* sorted by study */
    size_t n_tables;
};

/* Puts it down when a build ends. */
enum status kept_put(struct build *b, const struct study_table *tables, size_t n,
                     struct error *err) MUST_CHECK;

/* The build of this number. ERR_INPUT: there is none here. */
enum status kept_run(struct store *store, int64_t id, struct arena *arena, struct run *out,
                     struct error *err) MUST_CHECK;

/*
 * What is kept of a build. ERR_INPUT: there is no such build here, or nothing is left of it, and
 * why.
 */
enum status kept_find(struct store *store, int64_t run, struct arena *arena, struct kept_build *out,
                      struct error *err) MUST_CHECK;

#endif
