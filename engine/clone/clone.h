/*
 * clone: a commit of a git repository, and chosen paths of its tree, without git's program.
 *
 * A name that moves (branch, tag) becomes a commit id by clone_resolve, once; hpo.lock keeps it
 * (engine/graph/pins). clone_export writes the files of that commit. Nothing else of a repository
 * counts: no hooks, no filters, no line-ending or export attributes; the bytes are those of the
 * blobs.
 *
 * Where       A path or a file:// URL is opened in place (FOLDER.git where there is no FOLDER).
 *             http, https, ssh, git and host:path are fetched, history and all, into a bare
 *             repository in `scratch`, which is removed before the call returns. A mirror replaces
 *             the beginning of a URL, see below.
 * Refused     What could leave the tree or is not there: names such as "..", ".git" (any case) or
 *             "a/b"; symbolic links that are absolute or point outside; submodules; git-lfs
 *             pointers; a tree of more than 10 million entries, 200 levels, or a file of 2 GiB. The
 *             message names the path.
 * Trust       Every object is checked against its id, certificates against GIT_SSL_CAINFO or
 *             SSL_CERT_FILE, else the system's, ssh host keys against ~/.ssh/known_hosts. The user
 *             is never prompted: the ssh agent is tried, then ~/.ssh/id_ed25519, id_ecdsa, id_rsa.
 *             A repository of another user is refused unless git's safe.directory lists it.
 * Environment HOME, SSH_AUTH_SOCK, GIT_SSL_CAINFO, SSL_CERT_FILE, SSL_CERT_DIR, https_proxy and its
 *             kin are the user's: a child process that clones needs them. None reaches a result.
 * Blocking    These calls wait for the network without a limit and cannot be interrupted: run them
 *             in a process of their own, which can be ended at once (engine/commands/clone.h).
 * Errors      ERR_INPUT: the URL, revision, path or repository is wrong. ERR_CORRUPT: an object is
 *             not what its id says. ERR_SYSTEM: network, disk. Passwords in URLs are not shown.
 */
#ifndef ENGINE_CLONE_CLONE_H
#define ENGINE_CLONE_CLONE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;

enum { COMMIT_HEX = 40 };

/*
 * --mirror FROM=TO. A URL equal to `from` (a "/" or ".git" at the end does not matter) becomes
 * `to`; one that continues it at a "/" or ":" becomes `to` and the rest. The longest `from` wins,
 * among equals the last.
 */
struct clone_mirror {
    const char *from;
    const char *to; /* a folder or a URL */
};

struct clone_source {
    const char *url; /* as in the recipe; a relative path is relative to the current folder */
    const struct clone_mirror *mirrors;
    size_t n_mirrors;
    const char *scratch; /* an existing folder: temporary repositories are made there */
    bool shipped;        /* it came with the program: whoever owns it is trusted */
};

/*
 * What messages call the source: its URL and the mirror, without user and password. ERR_INPUT as
 * the calls below.
 */
enum status clone_name(const struct clone_source *source, struct arena *arena, const char **name,
                       struct error *err) MUST_CHECK;

/* Splits "FROM=TO" at its first '='; a `to` that is a path is made absolute. ERR_INPUT. */
enum status clone_parse_mirror(const char *text, struct arena *arena, struct clone_mirror *out,
                               struct error *err) MUST_CHECK;

/*
 * The 40-digit id of the commit that rev names: "HEAD", a branch, a tag (of an annotated one its
 * commit), a full name such as refs/heads/x, or 4 to 40 digits of a commit id. 40 digits are the
 * answer, and no server is asked; fewer digits fetch the history. A name that is both a branch and
 * a tag of different commits is ERR_INPUT.
 */
enum status clone_resolve(const struct clone_source *source, const char *rev, struct arena *arena,
                          char **commit, struct error *err) MUST_CHECK;

/*
 * Writes these files and folders of the commit's tree (all of it when n is 0) below the existing
 * empty folder `into`, under their paths in the tree; modes 0644 and 0755. On failure `into` is
 * empty again. Files are not synced to disk.
 */
enum status clone_export(const struct clone_source *source, const char *commit,
                         const char *const *paths, size_t n, const char *into,
                         struct error *err) MUST_CHECK;

/* ERR_INPUT unless `into` is an empty folder. */
enum status clone_check_empty(const char *into, struct error *err) MUST_CHECK;

/* Removes what an export that was killed has left in its folder; what cannot be removed stays. */
void clone_sweep(const char *folder);

#endif
