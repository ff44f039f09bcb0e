/*
 * distributions: what is installed in a folder of site-packages, and in a conda environment.
 *
 * A distribution is its name and version, from its folder's name, and the digest of its RECORD
 * without lines that say where things lie: files outside of the folder, .pth files, direct_url.json
 * and the finders of editable installs. One without a RECORD (Debian's) is its name and version.
 * What is installed in editable form is found in folders, which the caller reads by content.
 */
#ifndef ENGINE_PROCESS_DISTRIBUTIONS_H
#define ENGINE_PROCESS_DISTRIBUTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct arena;
struct looks;
struct packages;

enum root_kind {
    ROOT_FOLDER,  /* or file */
    ROOT_MODULE,  /* where a module or package of that name lies, without its suffix */
    ROOT_ON_PATH, /* a folder, only where it stands on sys.path too: the label of that entry */
};

/* What counts by its content. */
struct root {
    const char *label; /* for people: the distribution's name, or NULL */
    const char *path;
    enum root_kind kind;
};

/* Begins empty; grows in the arena of the packages. */
struct roots {
    struct root *list;
    size_t n, capacity;
};

enum status roots_add(struct roots *roots, struct arena *arena, const char *label, const char *path,
                      enum root_kind kind, struct error *err) MUST_CHECK;

/* Whether a folder holds distributions: site-packages, dist-packages, or one with *.dist-info. */
bool distributions_are_in(const char *folder, char *const *names, size_t n);

/* Adds those of a folder with these names. What is read is looked at. Errors: ERR_SYSTEM. */
enum status distributions_read(const char *folder, char *const *names, size_t n,
                               struct packages *packages, struct roots *roots, struct looks *looks,
                               struct error *err) MUST_CHECK;

/* Adds the packages of the conda environment at prefix, if it is one. */
enum status distributions_read_conda(const char *prefix, struct packages *packages,
                                     struct looks *looks, struct error *err) MUST_CHECK;

/* "scikit_learn" and "Scikit.Learn" are one name, "scikit-learn"; NULL: no memory. */
const char *distributions_name(struct arena *arena, const char *name, size_t n);

#endif
