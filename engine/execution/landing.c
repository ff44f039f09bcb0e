/* landing: look, refuse, bring near, change. Start at landing_put. */
#include "engine/execution/landing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "cache/content/scan.h"
#include "cache/content/source.h"
#include "cache/filesystem.h"
#include "engine/execution/owned.h"
#include "engine/execution/owner.h"
#include "engine/graph/content.h"

/* Pieces that are looked at before those brought near change places: few enough to be held, and
 * enough that between the bringing and the change of one a tick passes. */
#ifdef HPO_SMALL
enum { BATCH_PIECES = 3 };
#else
enum { BATCH_PIECES = 4096 };
#endif
/* Bytes that are brought near before they change places: what the old and the new need at once. */
static const int64_t batch_bytes = INT64_C(1) << 28;

/* What lies where a piece belongs: the piece, nothing, or something else, also in its way there. */
enum place { RIGHT, FREE, TAKEN };

/* A target that changes. */
struct change {
    const char *target;
    const struct piece *pieces;
    size_t n;
    enum place *places; /* by piece */
    struct stamp *stamp;
};

/* A target that is one file, and was put into place: its look is known once all are. */
struct arrival {
    const char *path;
    struct stamp *stamp; /* as it was near; its own look, at the end */
};

struct landing {
    struct store *store;
    const char *folder;
    char *near; /* where pieces wait: folders and names as in the folder */
    int at;
    bool made_near;
    int64_t tick_ns;
    struct arena *arena;
    struct owned owned;
    struct arrival *arrivals;
    size_t n_arrivals, arrivals_capacity;
    /* The batch. */
    struct arena *batch;
    struct change *changes;
    size_t n_changes, changes_capacity;
    size_t n_pieces;
    int64_t bytes;
};

struct arena *landing_arena(struct landing *l)
{
    return l->batch;
}

/* What lies under a name: its mode, or 0. Of the folders above find_obstacle knows. */
static mode_t look(const struct landing *l, const char *path, struct stat *st)
{
    return fstatat(l->at, path, st, AT_SYMLINK_NOFOLLOW) == 0 ? st->st_mode : 0;
}

/* The first folder above a path that is none, as a copy, or NULL where all are. */
static enum status find_obstacle(const struct landing *l, const char *path, char **obstacle,
                                 struct error *err)
{
    struct stat st;

    *obstacle = NULL;
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        char *above = arena_copy(l->batch, path, (size_t)(slash - path));
        if (!above)
            return error_memory(err);
        if (!S_ISDIR(look(l, above, &st))) {
            *obstacle = above;
            return OK;
        }
    }
    return OK;
}

/* All that its target is; else it lies in the target's folder. */
static bool is_whole(const struct piece *p)
{
    return !strchr(p->path, '/');
}

static int64_t now_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return scan_time_ns(&now);
}

/* ---- look ---- */

static enum status find_file(const struct landing *l, const struct change *c, const struct piece *p,
                             enum place *place, struct error *err)
{
    char *path = file_join(l->batch, l->folder, p->path);
    struct source there;
    struct error ignored;

    if (!path)
        return error_memory(err);
    if (source_digest(l->store, path, NULL, l->batch, &there, &ignored) != OK)
        return OK; /* it cannot be read: it is not right */
    if (there.folder || there.executable != (p->kind == TREE_EXECUTABLE) ||
        !digest_equal(&there.digest, &p->digest))
        return OK;
    *place = RIGHT;
    if (is_whole(p))
        *c->stamp = there.stamps[0];
    return OK;
}

/* What lies where a piece belongs. */
static enum status find_piece(const struct landing *l, const struct change *c,
                              const struct piece *p, enum place *place, struct error *err)
{
    char target[TREE_PATH_MAX + 1], *obstacle;
    struct stat st;
    ssize_t n;

    *place = TAKEN;
    TRY(find_obstacle(l, p->path, &obstacle, err));
    if (obstacle)
        return OK;
    if (!look(l, p->path, &st)) {
        *place = FREE;
        return OK;
    }
    switch (p->kind) {
    case TREE_FOLDER:
        *place = S_ISDIR(st.st_mode) ? RIGHT : TAKEN;
        return OK;
    case TREE_LINK:
        n = readlinkat(l->at, p->path, target, sizeof target);
        if (n == (ssize_t)strlen(p->target) && memcmp(target, p->target, (size_t)n) == 0)
            *place = RIGHT;
        return OK;
    case TREE_FILE:
    case TREE_EXECUTABLE:
        return S_ISREG(st.st_mode) ? find_file(l, c, p, place, err) : OK;
    }
    return OK;
}

/* *right: nothing is to be changed. */
static enum status look_at_all(const struct landing *l, struct change *c, bool *right,
                               struct error *err)
{
    if (!(c->places = arena_array(l->batch, c->n + 1, sizeof *c->places)))
        return error_memory(err);
    *right = true;
    for (size_t i = 0; i < c->n; i++) {
        TRY(find_piece(l, c, &c->pieces[i], &c->places[i], err));
        *right = *right && c->places[i] == RIGHT;
    }
    return OK;
}

/* A name as owned.h has it. NULL: no memory. */
static const char *own_name(const struct landing *l, const struct change *c, const struct piece *p)
{
    if (p->kind == TREE_FOLDER)
        return arena_printf(l->batch, "%s/", p->path);
    if (is_whole(p) && strcmp(p->path, c->target) != 0)
        return arena_printf(l->batch, "%s//%s", c->target, p->path);
    return p->path;
}

/* The name in the folder that the target has. */
static const char *top_name(const struct change *c)
{
    return c->n == 1 && is_whole(c->pieces) ? c->pieces[0].path : c->target;
}

/* *same: these are the names that hpo has put there, and no other target's. */
static enum status compare_names(const struct landing *l, const struct change *c, bool *same,
                                 struct error *err)
{
    size_t n = 0;

    for (size_t i = 0; (i = owned_next(&l->owned, c->target, i)) < l->owned.n; i++)
        n++;
    *same = n == c->n && !owned_by_other(&l->owned, c->target, top_name(c));
    for (size_t i = 0; *same && i < c->n; i++) {
        const char *name = own_name(l, c, &c->pieces[i]);
        if (!name)
            return error_memory(err);
        *same = owned_is(&l->owned, name);
    }
    return OK;
}

/* ---- refuse ---- */

static enum status refuse(const struct landing *l, const char *target, const char *path,
                          struct error *err)
{
    char *full = file_join(l->batch, l->folder, path);

    (void)error_set(err, ERR_INPUT, full ? full : path,
                    "target %s belongs there, and hpo did not make what is there", target);
    error_hint(err, "move it away, or choose another folder for the targets: --out DIR");
    return ERR_INPUT;
}

/* Whether a piece can be put there: its way and its name are free, or hpo's. */
static enum status check_free(const struct landing *l, const char *target, const struct piece *p,
                              struct error *err)
{
    char *obstacle;
    struct stat st;

    TRY(find_obstacle(l, p->path, &obstacle, err));
    if (obstacle)
        return look(l, obstacle, &st) && !owned_has(&l->owned, obstacle)
                   ? refuse(l, target, obstacle, err)
                   : OK;
    if (!look(l, p->path, &st) || owned_has(&l->owned, p->path))
        return OK;
    return refuse(l, target, p->path, err);
}

/* ---- bring near ---- */

static enum status bring(struct landing *l, const struct change *c, const struct piece *p,
                         struct error *err)
{
    char *path = file_join(l->batch, l->near, p->path);
    char *above = path ? arena_copy(l->batch, path, (size_t)(strrchr(path, '/') - path)) : NULL;
    struct stat st;

    if (!above)
        return error_memory(err);
    if (strcmp(above, l->near) != 0)
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
    TRY(content_place(l->store, p->content, p->inside, l->batch, path, err));
    if (lstat(path, &st) != 0)
        return error_system(err, path, "look at");
    l->bytes += st.st_size;
    if (is_whole(p))
        *c->stamp = stamp_of(&st);
    return OK;
}

/* Near, empty. */
static enum status make_near(struct landing *l, struct error *err)
{
    if (l->made_near)
        return OK;
    TRY(file_remove(l->near, err)); /* of a build that was killed */
    TRY(file_make_folders(l->near, err));
    l->made_near = true;
    return OK;
}

static enum status bring_all(struct landing *l, const struct change *c, struct error *err)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->places[i] != RIGHT)
            TRY(bring(l, c, &c->pieces[i], err));
    return OK;
}

/* ---- change ---- */

static const struct piece *find_wanted(const struct change *c, const char *path)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(c->pieces[middle].path, path);
        if (order == 0)
            return &c->pieces[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Removes the folders above a path that are empty now and are nobody's. */
static void prune(const struct landing *l, const struct change *c, char *path)
{
    for (char *slash; (slash = strrchr(path, '/'));) {
        *slash = '\0';
        if (find_wanted(c, path) || unlinkat(l->at, path, AT_REMOVEDIR) != 0)
            return;
    }
}

/* What becomes of one of hpo's names as a target changes. */
static enum status remove_name(struct landing *l, const struct change *c, size_t i,
                               struct error *err)
{
    char *path = arena_string(l->batch, owned_path(&l->owned, i)), *obstacle;
    const size_t n = path ? strlen(path) : 0;
    const bool folder = n > 0 && path[n - 1] == '/';
    const struct piece *wanted;
    const char *name;

    if (!path)
        return error_memory(err);
    if (folder)
        path[n - 1] = '\0';
    wanted = find_wanted(c, path);
    name = wanted ? own_name(l, c, wanted) : "";
    if (!name)
        return error_memory(err);
    if (strcmp(name, l->owned.names[i]) == 0)
        return OK;
    owned_drop(&l->owned, i);
    if (wanted || (!strchr(path, '/') && owned_by_other(&l->owned, c->target, path)))
        return OK;
    TRY(find_obstacle(l, path, &obstacle, err));
    if (!obstacle && unlinkat(l->at, path, folder ? AT_REMOVEDIR : 0) == 0)
        prune(l, c, path);
    return OK;
}

/*
 * Removes what hpo put there and the target has no more, and what a target of which the recipe
 * knows no more had put where this one belongs. What the user put in its place stays.
 */
static enum status remove_old(struct landing *l, const struct change *c, struct error *err)
{
    const char *top = top_name(c);

    for (size_t i = 0; (i = owned_next(&l->owned, c->target, i)) < l->owned.n; i++)
        TRY(remove_name(l, c, i, err));
    if (strcmp(top, c->target) == 0)
        return OK;
    for (size_t i = 0; (i = owned_next(&l->owned, top, i)) < l->owned.n; i++)
        if (owned_path(&l->owned, i) == l->owned.names[i])
            TRY(remove_name(l, c, i, err));
    return OK;
}

/* A target that is one file leaves near. */
static enum status note_arrival(struct landing *l, const struct change *c, const struct piece *p,
                                struct error *err)
{
    struct arrival *last;
    const char *path;

    if (!stamp_is_settled(c->stamp, now_ns(), l->tick_ns))
        return OK;
    if (!(path = arena_string(l->arena, p->path)) ||
        !(last = arena_push(l->arena, l->arrivals, l->n_arrivals, l->arrivals_capacity)))
        return error_memory(err);
    *last = (struct arrival){path, c->stamp};
    return OK;
}

/* Moves a piece from near to its place, with the first folder above it that is not there. */
static enum status move(struct landing *l, const struct change *c, const struct piece *p,
                        enum place place, struct error *err)
{
    const bool is_file = p->kind == TREE_FILE || p->kind == TREE_EXECUTABLE;
    char *obstacle, *from;
    const char *path;
    struct stat st;

    TRY(find_obstacle(l, p->path, &obstacle, err));
    path = obstacle ? obstacle : p->path;
    if (!(from = file_join(l->batch, l->near, path)))
        return error_memory(err);
    if (strchr(path, '/') && lstat(from, &st) != 0)
        return OK; /* it went with another */
    if (obstacle || p->kind == TREE_FOLDER)
        (void)unlinkat(l->at, path, 0);
    else if (place == TAKEN && S_ISDIR(look(l, path, &st)) &&
             unlinkat(l->at, path, AT_REMOVEDIR) != 0)
        return refuse(l, c->target, path, err); /* in hpo's folder lies something of the user's */
    if (is_file && is_whole(p))
        TRY(note_arrival(l, c, p, err));
    if (renameat(AT_FDCWD, from, l->at, path) != 0)
        return error_system(err, file_join(l->batch, l->folder, path), "put the target at");
    return OK;
}

static enum status change(struct landing *l, const struct change *c, struct error *err)
{
    TRY(remove_old(l, c, err));
    for (size_t i = 0; i < c->n; i++)
        if (c->places[i] != RIGHT)
            TRY(move(l, c, &c->pieces[i], c->places[i], err));
    return OK;
}

/* All that were brought change places, whatever is in the way of one. */
static enum status change_all(struct landing *l, struct error *err)
{
    enum status first = OK;

    TRY(owned_write(&l->owned, err));
    for (size_t i = 0; i < l->n_changes; i++) {
        struct error reason;
        const enum status s = change(l, &l->changes[i], &reason);
        if (s != OK && first == OK)
            *err = reason;
        if (s != OK && s != ERR_INPUT)
            return s;
        first = first == OK ? s : first;
    }
    return first;
}

static enum status end_batch(struct landing *l, struct error *err)
{
    const enum status s = change_all(l, err);

    arena_close(l->batch);
    l->n_changes = l->changes_capacity = l->n_pieces = 0;
    l->changes = NULL;
    l->bytes = 0;
    l->batch = arena_open();
    return l->batch ? s : error_memory(err);
}

/*
 * What a target that is one file looks like in its place. It holds what was brought: no write to it
 * has the time that it had as it left near, and one after now will have another than now.
 */
static void look_at_arrivals(const struct landing *l)
{
    for (size_t i = 0; i < l->n_arrivals; i++) {
        const struct arrival *a = &l->arrivals[i];
        const int64_t now = now_ns();
        struct stamp there;
        struct stat st;
        a->stamp->settled = false;
        if (!S_ISREG(look(l, a->path, &st)))
            continue;
        there = stamp_of(&st);
        there.settled =
            stamp_same_content(&there, a->stamp) && stamp_is_settled(&there, now, l->tick_ns);
        *a->stamp = there;
    }
}

/* ---- landing ---- */

/* What is new in a target, and why nothing of it must be changed. What was another's file is not
 * that one's to remove any more, in this batch too. */
static enum status add_names(struct landing *l, const struct change *c, struct error *err)
{
    for (size_t i; (i = owned_other(&l->owned, c->target, top_name(c))) < l->owned.n;)
        owned_drop(&l->owned, i);
    for (size_t i = 0; i < c->n; i++) {
        const char *name = own_name(l, c, &c->pieces[i]);
        if (!name)
            return error_memory(err);
        if (!owned_is(&l->owned, name))
            TRY(owned_add(&l->owned, name, err));
    }
    return OK;
}

static enum status prepare(struct landing *l, struct change *c, struct error *err)
{
    struct change *last;
    bool right = false, same = false;

    TRY(look_at_all(l, c, &right, err));
    TRY(compare_names(l, c, &same, err));
    if (right && same)
        return OK;
    for (size_t i = 0; i < c->n; i++)
        if (c->places[i] == TAKEN)
            TRY(check_free(l, c->target, &c->pieces[i], err));
    TRY(make_near(l, err));
    TRY(bring_all(l, c, err));
    if (!same)
        TRY(add_names(l, c, err));
    if (!(last = arena_push(l->batch, l->changes, l->n_changes, l->changes_capacity)))
        return error_memory(err);
    *last = *c;
    return OK;
}

enum status landing_put(struct landing *l, const char *target, const struct piece *pieces, size_t n,
                        struct stamp *stamp, struct error *err)
{
    struct change c = {.target = target, .pieces = pieces, .n = n, .stamp = stamp};

    *stamp = (struct stamp){.settled = false};
    TRY(prepare(l, &c, err));
    l->n_pieces += n;
    return l->n_pieces < BATCH_PIECES && l->bytes < batch_bytes ? OK : end_batch(l, err);
}

enum status landing_open(struct store *store, const char *folder, int at, struct landing **out,
                         struct error *err)
{
    struct arena *arena = arena_open();
    struct landing *l = arena ? arena_alloc(arena, sizeof *l) : NULL;
    enum status s;
    struct statfs fs;

    if (!l || !(l->batch = arena_open())) {
        arena_close(arena);
        return error_memory(err);
    }
    l->store = store;
    l->folder = folder;
    l->at = at;
    l->arena = arena;
    l->tick_ns = filesystem_tick_ns(fstatfs(at, &fs) == 0 ? (unsigned long)fs.f_type : 0);
    l->near = file_join(arena, folder, OWNER_FOLDER "/new");
    s = l->near ? owned_open(&l->owned, folder, arena, err) : error_memory(err);
    if (s == OK) {
        *out = l;
        return OK;
    }
    arena_close(l->batch);
    arena_close(arena);
    return s;
}

enum status landing_close(struct landing *l, struct error *err)
{
    struct error ignored;
    enum status s, closed;

    if (!l)
        return OK;
    s = l->batch ? end_batch(l, err) : OK;
    closed = owned_close(&l->owned, s == OK ? err : &ignored);
    if (l->made_near)
        (void)!file_remove(l->near, &ignored);
    look_at_arrivals(l);
    arena_close(l->batch);
    arena_close(l->arena);
    return s == OK ? closed : s;
}
