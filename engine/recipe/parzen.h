/*
 * parzen: a mixture of kernels, one around each observed point, and draws from it. It is what TPE
 * compares the good and the bad trials with (Bergstra et al., NIPS 2011; kernels joint over all
 * parameters: Falkner et al., ICML 2018); weights and bandwidths are those of Optuna 5.
 *
 * Axes       A point has a coordinate on each. A number is continuous from low to high, or one of
 *            the whole numbers low..high; kernels are normal, cut off at the ends, or what they
 *            give to (k - 1/2, k + 1/2). With `log` a whole number's kernel lives in its logarithm;
 *            a continuous coordinate is given as logarithm already. A category is a number 0..high.
 * Kernels    In the order of their ids, then the prior: the middle, as wide as the range. The
 *            newest 25 weigh 1, older ones from 1/n up; a bandwidth is the larger distance to the
 *            two neighbours, at least range/min(100, n + 2). Equal coordinates stand in order of
 *            ids.
 * Memory     The caller's: one block of parzen_size bytes. parzen_add returns false when it is
 *            full: parzen_copy into a larger one. There is nothing to free.
 * Same bits  Everywhere, and whatever the order of parzen_add and parzen_remove was.
 */
#ifndef ENGINE_RECIPE_PARZEN_H
#define ENGINE_RECIPE_PARZEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct parzen; /* opaque: lies in the caller's block */

enum parzen_kind { PARZEN_CONTINUOUS, PARZEN_WHOLE, PARZEN_CATEGORY };

struct parzen_axis {
    enum parzen_kind kind;
    bool log;
    double low, high; /* low < high; a category's low is 0 */
};

/* Bytes for so many points, or 0: too many. */
size_t parzen_size(size_t n_axes, size_t capacity);

/* prior_weight > 0: what the prior weighs beside a point's 1. */
struct parzen *parzen_init(void *memory, const struct parzen_axis *axes, size_t n_axes,
                           size_t capacity, double prior_weight);
struct parzen *parzen_copy(void *memory, size_t capacity, const struct parzen *from);

size_t parzen_axes(const struct parzen *p);
size_t parzen_capacity(const struct parzen *p);

/* x: a coordinate for each axis, moved into its range. False: no room. */
bool parzen_add(struct parzen *p, int64_t id, const double *x);

/* The point with this id leaves; nothing happens where there is none. */
void parzen_remove(struct parzen *p, int64_t id);

/* The natural logarithm of the density at x (of a whole number or category: of its probability). */
double parzen_log_density(struct parzen *p, const double *x);

/* One point into x, from 1 + n_axes uniform numbers in [0, 1). */
void parzen_draw(struct parzen *p, const double *uniform, double *x);

#endif
