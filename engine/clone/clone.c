/* clone: the two calls of clone.h, from the parts in clone_state.h. Start at clone_export. */
#include "engine/clone/clone.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/clone/clone_state.h"

enum { SHORTEST_ID = 4, NAMES_SHOWN = 150 };

/* libgit2's refusal of a repository that belongs to somebody else, in its two forms. */
static bool is_foreign(int rc)
{
    const git_error *last = git_error_last();

    return rc == GIT_EOWNER || (last && last->message && strstr(last->message, "safe.directory"));
}

/* Opens the user's own repository; a folder with files is as good as a bare one. */
static enum status open_in_place(const struct clone_place *at, git_repository **out,
                                 struct error *err)
{
    struct stat st;
    char whole[PATH_MAX];
    int rc = git_repository_open_ext(out, at->path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);

    if (rc == 0)
        return OK;
    if (stat(at->path, &st) != 0)
        return error_set(err, ERR_INPUT, at->name, "cannot open %s: %s", at->path, strerror(errno));
    if (is_foreign(rc)) {
        (void)error_set(err, ERR_INPUT, at->name,
                        "the repository belongs to another user (number %u), so git does not trust "
                        "its configuration",
                        (unsigned)st.st_uid);
        error_hint(err, "if you trust it: git config --global --add safe.directory %s",
                   realpath(at->path, whole) ? whole : at->path);
        return ERR_INPUT;
    }
    if (rc == GIT_ENOTFOUND)
        return error_set(err, ERR_INPUT, at->name, "%s is not a git repository", at->path);
    (void)clone_git_failed(at, "open it as a git repository", err);
    return ERR_INPUT;
}

static enum status open_repository(const struct clone_place *at, const char *commit,
                                   struct arena *arena, struct clone_repository *out,
                                   struct error *err)
{
    return at->path ? open_in_place(at, &out->git, err) : clone_fetch(at, commit, arena, out, err);
}

/* Closes it and removes what was fetched; s and err are the story so far. */
static enum status close_repository(struct clone_repository *repository, enum status s,
                                    struct error *err)
{
    struct error later;
    enum status removed = OK;

    git_repository_free(repository->git);
    if (repository->folder)
        removed = file_remove(repository->folder, s == OK ? err : &later);
    return s == OK ? removed : s;
}

/* The names that a git server would show for this repository. */
static enum status list_in_place(const struct clone_place *at, git_repository *git,
                                 struct arena *arena, struct clone_names *out, struct error *err)
{
    enum status s = OK;
    git_strarray names = {0};

    if (git_reference_list(&names, git) < 0)
        return clone_git_failed(at, "list the branches and tags", err);
    for (size_t i = 0; s == OK && i <= names.count; i++) {
        const char *full = i < names.count ? names.strings[i] : "HEAD";
        git_reference *reference = NULL;
        git_object *object = NULL;
        if (git_reference_lookup(&reference, git, full) == 0 &&
            git_reference_peel(&object, reference, GIT_OBJECT_COMMIT) == 0)
            s = clone_names_add(out, arena, full, git_object_id(object), err);
        git_object_free(object);
        git_reference_free(reference);
    }
    git_strarray_dispose(&names);
    return s;
}

static const git_oid *find_name(const struct clone_names *names, const char *prefix,
                                const char *rev)
{
    size_t n = strlen(prefix);

    for (size_t i = 0; i < names->n; i++)
        if (strncmp(names->list[i].full, prefix, n) == 0 &&
            strcmp(names->list[i].full + n, rev) == 0)
            return &names->list[i].id;
    return NULL;
}

/* A name's commit in *id, or NULL: none has that name. */
static enum status match_name(const struct clone_place *at, const struct clone_names *names,
                              const char *rev, const git_oid **id, struct error *err)
{
    const git_oid *branch = find_name(names, "refs/heads/", rev);
    const git_oid *tag = find_name(names, "refs/tags/", rev);

    if (strcmp(rev, "HEAD") == 0 || strncmp(rev, "refs/", 5) == 0) {
        *id = find_name(names, "", rev);
        return OK;
    }
    *id = branch ? branch : tag;
    if (!branch || !tag || git_oid_equal(branch, tag))
        return OK;
    (void)error_set(err, ERR_INPUT, at->name, "\"%s\" is a branch and a tag of another commit",
                    rev);
    error_hint(err, "write refs/heads/%s or refs/tags/%s", rev, rev);
    return ERR_INPUT;
}

static bool is_hexadecimal(const char *rev, size_t least)
{
    size_t n = strlen(rev);

    return n >= least && n <= COMMIT_HEX && strspn(rev, "0123456789abcdefABCDEF") == n;
}

/* "no branch or tag", with the names there are. */
static enum status refuse_rev(const struct clone_place *at, const struct clone_names *names,
                              const char *rev, struct error *err)
{
    char shown[NAMES_SHOWN + 256];
    size_t n = 0;

    (void)error_set(err, ERR_INPUT, at->name, "no branch, tag or commit is called \"%s\"", rev);
    for (size_t i = 0; i < names->n && n < NAMES_SHOWN; i++) {
        const char *name = names->list[i].full;
        if (strncmp(name, "refs/heads/", 11) == 0 || strncmp(name, "refs/tags/", 10) == 0) {
            name = strchr(name + 5, '/') + 1;
            (void)snprintf(shown + n, sizeof shown - n, "%s%.100s", n ? ", " : "", name);
            n += strlen(shown + n);
        }
    }
    if (n > 0)
        error_hint(err, "there are: %s%s", shown, n >= NAMES_SHOWN ? ", ..." : "");
    else
        error_hint(err, "it has neither branches nor tags");
    return ERR_INPUT;
}

/* The commit whose id begins with these digits. ERR_NOT_FOUND, and no message: there is none. */
static enum status expand_id(const struct clone_place *at, git_repository *git, const char *digits,
                             char hex[COMMIT_HEX + 1], struct error *err)
{
    git_oid prefix;
    git_object *object = NULL, *commit = NULL;
    size_t n = strlen(digits);
    int rc = git_oid_fromstrn(&prefix, digits, n);

    if (rc == 0)
        rc = git_object_lookup_prefix(&object, git, &prefix, n, GIT_OBJECT_ANY);
    if (rc == 0)
        rc = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
    if (rc == 0)
        git_oid_tostr(hex, COMMIT_HEX + 1, git_object_id(commit));
    git_object_free(object);
    git_object_free(commit);
    if (rc == GIT_EAMBIGUOUS)
        return error_set(err, ERR_INPUT, at->name,
                         "more than one object's id begins with %s: give more digits", digits);
    if (rc == GIT_ENOTFOUND || rc == GIT_EPEEL || rc == GIT_EINVALIDSPEC)
        return ERR_NOT_FOUND;
    return rc == 0 ? OK : clone_git_failed(at, "look up the commit", err);
}

static enum status resolve_at(const struct clone_place *at, const char *rev, struct arena *arena,
                              char hex[COMMIT_HEX + 1], struct error *err)
{
    enum status s;
    struct clone_repository repository = {0};
    struct clone_names names = {0};
    const git_oid *id = NULL;

    if (at->path) {
        TRY(open_in_place(at, &repository.git, err));
        s = list_in_place(at, repository.git, arena, &names, err);
    } else {
        s = clone_list(at, arena, &names, err);
    }
    if (s == OK)
        s = match_name(at, &names, rev, &id, err);
    if (s == OK && id) {
        git_oid_tostr(hex, COMMIT_HEX + 1, id);
    } else if (s == OK) {
        s = is_hexadecimal(rev, SHORTEST_ID) ? OK : ERR_NOT_FOUND;
        if (s == OK && !repository.git)
            s = clone_fetch(at, NULL, arena, &repository, err);
        if (s == OK)
            s = expand_id(at, repository.git, rev, hex, err);
        if (s == ERR_NOT_FOUND)
            s = refuse_rev(at, &names, rev, err);
    }
    return close_repository(&repository, s, err);
}

/* libgit2 for one call; its check of owners is off only for what came with the program. */
static bool start(const struct clone_source *source)
{
    return git_libgit2_init() >= 0 &&
           git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, source->shipped ? 0 : 1) >= 0;
}

enum status clone_resolve(const struct clone_source *source, const char *rev, struct arena *arena,
                          char **commit, struct error *err)
{
    enum status s;
    struct clone_place at;
    char hex[COMMIT_HEX + 1];

    if (is_hexadecimal(rev, COMMIT_HEX)) {
        if (!(*commit = arena_string(arena, rev)))
            return error_memory(err);
        for (char *c = *commit; *c; c++)
            if (*c >= 'A' && *c <= 'F')
                *c += 'a' - 'A';
        return OK;
    }
    TRY(clone_find_place(source, arena, &at, err));
    if (!start(source))
        return clone_git_failed(&at, "start libgit2", err);
    s = resolve_at(&at, rev, arena, hex, err);
    git_libgit2_shutdown();
    if (s != OK)
        return s;
    *commit = arena_string(arena, hex);
    return *commit ? OK : error_memory(err);
}

/* The tree of the commit; an annotated tag's id is as good. */
static enum status find_tree(const struct clone_place *at, git_repository *git, const char *commit,
                             git_oid *tree, struct error *err)
{
    git_oid id;
    git_object *object = NULL, *root = NULL;
    int rc;

    if (!is_hexadecimal(commit, COMMIT_HEX) || git_oid_fromstr(&id, commit) < 0)
        return error_set(err, ERR_INPUT, at->name,
                         "expected a commit id of 40 digits, found \"%s\"", commit);
    rc = git_object_lookup(&object, git, &id, GIT_OBJECT_ANY);
    if (rc == 0 && git_object_type(object) != GIT_OBJECT_COMMIT &&
        git_object_type(object) != GIT_OBJECT_TAG)
        rc = GIT_EPEEL;
    if (rc == 0)
        rc = git_object_peel(&root, object, GIT_OBJECT_TREE);
    if (rc == 0)
        git_oid_cpy(tree, git_object_id(root));
    git_object_free(object);
    git_object_free(root);
    if (rc == GIT_ENOTFOUND || rc == GIT_EPEEL || rc == GIT_EINVALIDSPEC) {
        (void)error_set(err, ERR_INPUT, at->name, "there is no commit %s", commit);
        error_hint(err, at->path ? "bring the repository up to date (git fetch), or move the pin "
                                   "in hpo.lock with --update"
                                 : "no branch or tag leads to it; --update moves the pin in "
                                   "hpo.lock");
        return ERR_INPUT;
    }
    return rc == 0 ? OK : clone_git_failed(at, "read the commit", err);
}

static enum status export_at(const struct clone_place *at, const struct clone_selection *wanted,
                             const char *into, struct arena *arena, struct error *err)
{
    enum status s;
    struct clone_repository repository = {0};
    git_oid tree;

    s = open_repository(at, wanted->commit, arena, &repository, err);
    if (s == OK)
        s = find_tree(at, repository.git, wanted->commit, &tree, err);
    if (s == OK)
        s = clone_write_tree(at, repository.git, &tree, wanted, into, arena, err);
    s = close_repository(&repository, s, err);
    if (s != OK)
        clone_sweep(into);
    return s;
}

enum status clone_export(const struct clone_source *source, const char *commit,
                         const char *const *paths, size_t n, const char *into, struct error *err)
{
    enum status s;
    struct clone_place at;
    struct clone_selection wanted = {.paths = paths, .n = n, .commit = commit};
    struct arena *arena = arena_open();

    if (!arena)
        return error_memory(err);
    if ((s = clone_check_empty(into, err)) == OK &&
        (s = clone_find_place(source, arena, &at, err)) == OK) {
        if (!start(source)) {
            s = clone_git_failed(&at, "start libgit2", err);
        } else {
            s = export_at(&at, &wanted, into, arena, err);
            git_libgit2_shutdown();
        }
    }
    arena_close(arena);
    return s;
}

enum status clone_check_empty(const char *into, struct error *err)
{
    char **names;
    size_t n = 0;
    struct arena *arena = arena_open();
    enum status s = arena ? file_list(into, arena, &names, &n, err) : error_memory(err);

    if (s == OK && n > 0)
        s = error_set(err, ERR_INPUT, into, "expected an empty folder, found \"%s\"", names[0]);
    arena_close(arena);
    return s == ERR_NOT_FOUND ? ERR_INPUT : s;
}

void clone_sweep(const char *folder)
{
    struct error ignored;
    char **names;
    size_t n;
    struct arena *arena = arena_open();

    if (arena && file_list(folder, arena, &names, &n, &ignored) == OK)
        for (size_t i = 0; i < n; i++) {
            char *path = file_join(arena, folder, names[i]);
            if (!path || file_remove(path, &ignored) != OK)
                break;
        }
    arena_close(arena);
}
