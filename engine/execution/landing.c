/* landing: look, refuse, bring near, change. Start at landing_put. */
#include "engine/execution/landing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "engine/execution/owner.h"
#include "engine/graph/content.h"

struct landing {
    const struct landing_context *c;
    const char *target;
    const struct piece *pieces;
    size_t n;
    struct owned owned; /* before */
    bool *missing;      /* by piece: it does not lie there as it should */
    size_t n_missing;
    char *near; /* where pieces wait: folders and names as in the folder */
};

/* What lies under a name: its mode, or 0. Of the folders above find_obstacle knows. */
static mode_t look(const struct landing *l, const char *path, struct stat *st)
{
    return fstatat(l->c->at, path, st, AT_SYMLINK_NOFOLLOW) == 0 ? st->st_mode : 0;
}

/* The first folder above a path that is none, as a copy, or NULL where all are. */
static enum status find_obstacle(const struct landing *l, const char *path, char **obstacle,
                                 struct error *err)
{
    struct stat st;

    *obstacle = NULL;
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        char *above = arena_copy(l->c->arena, path, (size_t)(slash - path));
        if (!above)
            return error_memory(err);
        if (!S_ISDIR(look(l, above, &st))) {
            *obstacle = above;
            return OK;
        }
    }
    return OK;
}

/* ---- look ---- */

static enum status is_right_file(const struct landing *l, const struct piece *p, bool *right,
                                 struct stamp *stamp, struct error *err)
{
    char *path = file_join(l->c->arena, l->c->folder, p->path);
    struct source there;
    struct error ignored;

    if (!path)
        return error_memory(err);
    if (source_digest(l->c->store, path, l->c->arena, &there, &ignored) != OK)
        return OK; /* it cannot be read: it is not right */
    *right = !there.folder && there.executable == (p->kind == TREE_EXECUTABLE) &&
             digest_equal(&there.digest, &p->digest);
    if (*right && strcmp(p->path, l->target) == 0)
        *stamp = there.stamps[0];
    return OK;
}

static enum status is_right(const struct landing *l, const struct piece *p, bool *right,
                            struct stamp *stamp, struct error *err)
{
    char target[TREE_PATH_MAX + 1], *obstacle;
    struct stat st;
    ssize_t n;

    *right = false;
    TRY(find_obstacle(l, p->path, &obstacle, err));
    if (obstacle || !look(l, p->path, &st))
        return OK;
    switch (p->kind) {
    case TREE_FOLDER:
        *right = S_ISDIR(st.st_mode);
        return OK;
    case TREE_LINK:
        n = readlinkat(l->c->at, p->path, target, sizeof target);
        *right = n == (ssize_t)strlen(p->target) && memcmp(target, p->target, (size_t)n) == 0;
        return OK;
    case TREE_FILE:
    case TREE_EXECUTABLE:
        return S_ISREG(st.st_mode) ? is_right_file(l, p, right, stamp, err) : OK;
    }
    return OK;
}

static enum status look_at_all(struct landing *l, struct stamp *stamp, struct error *err)
{
    if (!(l->missing = arena_array(l->c->arena, l->n + 1, sizeof *l->missing)))
        return error_memory(err);
    for (size_t i = 0; i < l->n; i++) {
        bool right;
        TRY(is_right(l, &l->pieces[i], &right, stamp, err));
        l->missing[i] = !right;
        l->n_missing += !right;
    }
    return OK;
}

/* A name as owner.h has it. NULL: no memory. */
static const char *own_name(const struct landing *l, const struct piece *p)
{
    return p->kind == TREE_FOLDER ? arena_printf(l->c->arena, "%s/", p->path) : p->path;
}

/* *same: these are the names that hpo has put there. */
static enum status compare_names(const struct landing *l, bool *same, struct error *err)
{
    *same = l->owned.settled && l->owned.n == l->n;
    for (size_t i = 0; *same && i < l->n; i++) {
        const char *name = own_name(l, &l->pieces[i]);
        if (!name)
            return error_memory(err);
        *same = owned_is(&l->owned, name);
    }
    return OK;
}

/* ---- refuse ---- */

static enum status refuse(const struct landing *l, const char *path, struct error *err)
{
    char *full = file_join(l->c->arena, l->c->folder, path);

    (void)error_set(err, ERR_INPUT, full ? full : path,
                    "target %s belongs there, and hpo did not make what is there", l->target);
    error_hint(err, "move it away, or choose another folder for the targets: --out DIR");
    return ERR_INPUT;
}

/* Whether a piece can be put there: its way and its name are free, or hpo's. */
static enum status check_free(const struct landing *l, const struct piece *p, struct error *err)
{
    char *obstacle;
    struct stat st;

    TRY(find_obstacle(l, p->path, &obstacle, err));
    if (obstacle)
        return look(l, obstacle, &st) && !owned_has(&l->owned, obstacle) ? refuse(l, obstacle, err)
                                                                         : OK;
    if (!look(l, p->path, &st) || owned_has(&l->owned, p->path))
        return OK;
    return refuse(l, p->path, err);
}

/* ---- bring near ---- */

static enum status bring(const struct landing *l, const struct piece *p, struct error *err)
{
    char *path = file_join(l->c->arena, l->near, p->path);
    char *above = path ? arena_copy(l->c->arena, path, (size_t)(strrchr(path, '/') - path)) : NULL;

    if (!above)
        return error_memory(err);
    TRY(file_make_folders(above, err));
    switch (p->kind) {
    case TREE_FOLDER:
        return file_make_folders(path, err);
    case TREE_LINK:
        return symlink(p->target, path) == 0 ? OK : error_system(err, path, "make the link");
    case TREE_FILE:
    case TREE_EXECUTABLE:
        break;
    }
    return content_place(l->c->store, p->content, p->inside, l->c->arena, path, err);
}

/* ---- change ---- */

static bool is_wanted(const struct landing *l, const char *path)
{
    size_t low = 0, high = l->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(l->pieces[middle].path, path);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Removes the folders above a path that are empty now and are nobody's. */
static void prune(const struct landing *l, char *path)
{
    for (char *slash; (slash = strrchr(path, '/'));) {
        *slash = '\0';
        if (is_wanted(l, path) || unlinkat(l->c->at, path, AT_REMOVEDIR) != 0)
            return;
    }
}

/* Removes what hpo put there and no target wants any more. What the user put in its place stays. */
static enum status remove_old(const struct landing *l, struct error *err)
{
    for (size_t i = 0; i < l->owned.n; i++) {
        char *path = arena_string(l->c->arena, l->owned.paths[i]), *obstacle;
        const size_t n = path ? strlen(path) : 0;
        const bool folder = n > 0 && path[n - 1] == '/';
        if (!path)
            return error_memory(err);
        if (folder)
            path[n - 1] = '\0';
        if (is_wanted(l, path))
            continue;
        TRY(find_obstacle(l, path, &obstacle, err));
        if (!obstacle && unlinkat(l->c->at, path, folder ? AT_REMOVEDIR : 0) == 0)
            prune(l, path);
    }
    return OK;
}

/* Moves a piece from near to its place, with the first folder above it that is not there. */
static enum status move(const struct landing *l, const struct piece *p, struct error *err)
{
    char *obstacle, *from;
    const char *path;
    struct stat st;

    TRY(find_obstacle(l, p->path, &obstacle, err));
    path = obstacle ? obstacle : p->path;
    if (!(from = file_join(l->c->arena, l->near, path)))
        return error_memory(err);
    if (lstat(from, &st) != 0)
        return OK; /* it went with another */
    if (obstacle || p->kind == TREE_FOLDER)
        (void)unlinkat(l->c->at, path, 0);
    else if (S_ISDIR(look(l, path, &st)) && unlinkat(l->c->at, path, AT_REMOVEDIR) != 0)
        return refuse(l, path, err); /* in hpo's folder lies something of the user's */
    if (renameat(AT_FDCWD, from, l->c->at, path) != 0)
        return error_system(err, file_join(l->c->arena, l->c->folder, path), "put the target at");
    return OK;
}

static enum status change(const struct landing *l, struct error *err)
{
    struct owned names = {arena_array(l->c->arena, l->n + 1, sizeof *names.paths), l->n, false};

    if (!names.paths)
        return error_memory(err);
    for (size_t i = 0; i < l->n; i++)
        if (!(names.paths[i] = own_name(l, &l->pieces[i])))
            return error_memory(err);
    TRY(owner_begin(l->c->folder, l->target, &names, l->c->arena, err));
    TRY(remove_old(l, err));
    for (size_t i = 0; i < l->n; i++)
        if (l->missing[i])
            TRY(move(l, &l->pieces[i], err));
    return owner_end(l->c->folder, l->target, l->c->arena, err);
}

enum status landing_put(const struct landing_context *c, const char *target,
                        const struct piece *pieces, size_t n, struct stamp *stamp,
                        struct error *err)
{
    struct landing l = {.c = c, .target = target, .pieces = pieces, .n = n};
    struct error ignored;
    enum status s = OK;
    bool same;

    *stamp = (struct stamp){.settled = false};
    TRY(owner_read(c->folder, target, c->arena, &l.owned, err));
    TRY(look_at_all(&l, stamp, err));
    TRY(compare_names(&l, &same, err));
    if (l.n_missing == 0 && same)
        return OK;
    if (!(l.near = file_join(c->arena, c->folder, OWNER_FOLDER "/new")))
        return error_memory(err);
    for (size_t i = 0; i < n; i++)
        if (l.missing[i])
            TRY(check_free(&l, &pieces[i], err));
    TRY(file_remove(l.near, err)); /* of a build that was killed */
    for (size_t i = 0; s == OK && i < n; i++)
        if (l.missing[i])
            s = bring(&l, &pieces[i], err);
    if (s == OK)
        s = change(&l, err);
    if (l.n_missing > 0)
        (void)!file_remove(l.near, &ignored);
    return s;
}
