/*
 * landing: what a target came to, put into its place in a folder of out/.
 *
 * What lies there already and is right stays untouched; a wrong or edited file of hpo's is put
 * right, one that belongs there no more is removed. What hpo did not put there (see owner.h) is
 * neither changed nor removed: it stays where it does not stand in the way, else the landing is
 * refused before anything is changed. No link is followed below the folder. Each file appears whole
 * under its name, and so does a folder that was not there.
 */
#ifndef ENGINE_EXECUTION_LANDING_H
#define ENGINE_EXECUTION_LANDING_H

#include "base/digest.h"
#include "base/error.h"
#include "cache/content/source.h"

struct arena;
struct content;
struct store;

struct landing_context {
    struct store *store;
    struct arena *arena;
    const char *folder; /* absolute: out/RECIPE */
    int at;             /* it, open, and locked by the caller */
};

/* One file, link or empty folder. */
struct piece {
    const char *path;        /* counted from the folder: the target's name, or below it */
    enum tree_kind kind;     /* what it is */
    struct digest digest;    /* of a file */
    const char *target;      /* of a link */
    struct content *content; /* of which it is `inside` (NULL: the whole) */
    const char *inside;
};

/*
 * Puts the pieces of a target, sorted by path, into their place. *stamp is what is known of the
 * look of a target that is one file and was right already, else not settled.
 * ERR_INPUT: something of the user's is in the way, and is named. ERR_NOT_FOUND, ERR_CORRUPT: as
 * content_place; nothing was changed.
 */
enum status landing_put(const struct landing_context *c, const char *target,
                        const struct piece *pieces, size_t n, struct stamp *stamp,
                        struct error *err) MUST_CHECK;

#endif
