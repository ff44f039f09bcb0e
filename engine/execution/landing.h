/*
 * landing: what targets came to, put into its place in a folder of out/.
 *
 * What lies there already and is right stays untouched; a wrong or edited file of hpo's is put
 * right, one that belongs there no more is removed. What hpo did not put there (see owned.h) is
 * neither changed nor removed: it stays where it does not stand in the way, else its target is
 * refused before anything of it is changed. No link is followed below the folder. Each file appears
 * whole under its name, and so does a folder that was not there.
 *
 * Life       landing_open … landing_put for each target … landing_close. Targets are brought near
 *            one by one, and change places together, some thousands of files at a time.
 * Threads    One build at a time: who holds the lock of the folder.
 */
#ifndef ENGINE_EXECUTION_LANDING_H
#define ENGINE_EXECUTION_LANDING_H

#include "base/digest.h"
#include "base/error.h"
#include "cache/content/stamp.h"
#include "cache/content/tree.h"

struct arena;
struct content;
struct landing; /* opaque */
struct store;

/* One file, link or empty folder. */
struct piece {
    const char *path;        /* counted from the folder: below the target's name, or one file's */
    enum tree_kind kind;     /* what it is */
    struct digest digest;    /* of a file */
    const char *target;      /* of a link */
    struct content *content; /* of which it is `inside` (NULL: the whole) */
    const char *inside;
};

/* folder is out/RECIPE, absolute, owned by the recipe; `at` is it, open. Both are borrowed. */
enum status landing_open(struct store *store, const char *folder, int at, struct landing **out,
                         struct error *err) MUST_CHECK;

/* For the pieces of the next target, and all that they point to. */
struct arena *landing_arena(struct landing *l);

/*
 * The next target, whose pieces are sorted by path. *stamp, at landing_close, is the look of a
 * target that is one file and right, not settled where a look is not enough to know it again.
 * ERR_INPUT: something of the user's is in the way of this target, or of one before, and is named;
 * others can follow. ERR_NOT_FOUND, ERR_CORRUPT: as content_place; nothing of it was changed.
 */
enum status landing_put(struct landing *l, const char *target, const struct piece *pieces, size_t n,
                        struct stamp *stamp, struct error *err) MUST_CHECK;

/* Puts what is left of them into place, also after an error, and frees. NULL is allowed. ERR_INPUT
 * as above. */
enum status landing_close(struct landing *l, struct error *err) MUST_CHECK;

#endif
