/*
 * kde: a kernel density over rows of numbers and categories, as BOHB uses it (statsmodels'
 * KDEMultivariate): the mean over the rows of a product of kernels, normal ones for numbers,
 * Aitchison & Aitken's for categories. It may be infinite or NaN where a category's miss is.
 */
#ifndef ENGINE_RECIPE_KDE_H
#define ENGINE_RECIPE_KDE_H

#include <stdbool.h>
#include <stddef.h>

struct kde_axis {
    bool category;
    double h;    /* bandwidth > 0; a category's own value has 1 - h */
    double miss; /* what a category's other values have */
};

/* All of it belongs to the caller. */
struct kde {
    size_t n_axes, n_rows;
    const struct kde_axis *axes;
    const double *rows; /* n_rows times n_axes */
};

double kde_density(const struct kde *kde, const double *x);

#endif
