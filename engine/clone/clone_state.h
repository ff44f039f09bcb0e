/*
 * clone_state: what clone.c and its parts share. Nobody else includes it.
 *
 *     clone_url.c     what a URL means after the mirrors; no git in it
 *     clone_fetch.c   the network: who is trusted, what a server has, a bare copy of it
 *     clone_tree.c    from a commit's tree to files
 *     clone.c         the two calls of clone.h
 */
#ifndef ENGINE_CLONE_CLONE_STATE_H
#define ENGINE_CLONE_CLONE_STATE_H

#include <git2.h>
#include <stdbool.h>

#include "engine/clone/clone.h"

/* Where a URL leads: exactly one of path and url is there. */
struct clone_place {
    const char *name;    /* for messages: the recipe's URL and the mirror, no user, no password */
    const char *path;    /* a repository to open in place */
    const char *url;     /* one to fetch */
    const char *scratch; /* of the source */
};

enum status clone_find_place(const struct clone_source *source, struct arena *arena,
                             struct clone_place *out, struct error *err) MUST_CHECK;

/* "cannot WHAT: what libgit2 says"; ERR_MEMORY or ERR_CORRUPT where that is what it means. */
enum status clone_git_failed(const struct clone_place *at, const char *what, struct error *err);

/* A repository to read: the user's own, or a bare one in scratch that closing removes. */
struct clone_repository {
    git_repository *git;
    char *folder; /* to be removed; NULL for the user's own */
};

/*
 * Fetches into a bare repository: `commit` and its history, or every branch and tag where the
 * server does not give single commits, or commit is NULL.
 */
enum status clone_fetch(const struct clone_place *at, const char *commit, struct arena *arena,
                        struct clone_repository *out, struct error *err) MUST_CHECK;

/* One name that a repository has; `id` is its commit (of an annotated tag what it tags). */
struct clone_name {
    const char *full; /* "HEAD", "refs/heads/master" */
    git_oid id;
};

struct clone_names {
    struct clone_name *list;
    size_t n, capacity;
};

enum status clone_names_add(struct clone_names *names, struct arena *arena, const char *full,
                            const git_oid *id, struct error *err) MUST_CHECK;

/* Asks a server for its names. */
enum status clone_list(const struct clone_place *at, struct arena *arena, struct clone_names *out,
                       struct error *err) MUST_CHECK;

/* Writes the paths (see clone_export) of the tree below the folder `into`. */
struct clone_selection {
    const char *const *paths;
    size_t n;
    const char *commit; /* for messages */
};

enum status clone_write_tree(const struct clone_place *at, git_repository *git, const git_oid *tree,
                             const struct clone_selection *wanted, const char *into,
                             struct arena *arena, struct error *err) MUST_CHECK;

#endif
